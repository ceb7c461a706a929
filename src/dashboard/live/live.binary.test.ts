/** The live page's events of the compiled binary: over real sockets, with clients as bad as they come. */
import { afterEach, beforeEach, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS, killAllAgents } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import type { Episode, LivePoints, LiveState, SeriesAnswer, WireSensors } from "../wire.ts";

const binaryTest = testWith("time", "binary");
const SOURCE = "simulator:?sensors=3&rate=20&seed=5&anomaly=0.05";
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "agent-live-page-"));
});
afterEach(() => {
  killAllAgents();
  rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<{ readonly agent: AgentProcess; readonly url: string }> {
  const args = ["run", "--source", SOURCE, "--store", "dir:./lake", "--dashboard", "127.0.0.1:0"];
  const agent = new AgentProcess({ args, cwd: dir, env: { AGENT_DATA_DIR: "data", AGENT_COMMIT_MS: "200" } });
  expect(await agent.says("running:")).toBe(true);
  return { agent, url: /http:\/\/127\.0\.0\.1:\d+\//.exec(agent.heard)?.[0] ?? "no address" };
}

/** Asks until the answer is as it should be. */
async function until<T>(url: string, is: (answer: T) => boolean): Promise<T> {
  const giveUp = performance.now() + ENOUGH_MS;
  for (;;) {
    const answer = (await (await fetch(url)).json()) as T;
    if (is(answer)) return answer;
    if (performance.now() > giveUp) throw new Error(`not yet: ${JSON.stringify(answer).slice(0, 500)}`);
    await Bun.sleep(50);
  }
}

type Heard = {
  readonly states: LiveState[];
  readonly points: LivePoints[];
  readonly episodes: Episode[];
  hasEnded: boolean;
};

/** Listens beside the test until the connection ends. */
function listen(url: string, keys: readonly string[], stop: AbortSignal): Heard {
  const heard: Heard = { states: [], points: [], episodes: [], hasEnded: false };
  const follow = async () => {
    const watch = keys.map((key) => `watch=${encodeURIComponent(key)}`).join("&");
    const { body } = await fetch(`${url}api/live?${watch}`, { signal: stop });
    let text = "";
    for await (const chunk of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) take(event, heard);
    }
  };
  follow().then(
    () => (heard.hasEnded = true),
    () => (heard.hasEnded = true),
  );
  return heard;
}

function take(event: string, heard: Heard): void {
  const [, name = "", json = "null"] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
  const data = JSON.parse(json);
  if (name === "state") heard.states.push(data);
  if (name === "points") heard.points.push(data);
  if (name === "episodes") heard.episodes.push(...data);
}

async function holds(what: () => boolean): Promise<void> {
  const giveUp = performance.now() + ENOUGH_MS;
  while (!what()) {
    if (performance.now() > giveUp) throw new Error(`not yet: ${what}`);
    await Bun.sleep(20);
  }
}

binaryTest(
  "two viewers hear of their own series, beside one that never reads; kill -9 ends them, and the next start has it all",
  async () => {
    const first = await start();
    const { sensors } = await until<WireSensors>(`${first.url}api/sensors`, (list) => list.sensors.length === 3);
    const [a, b] = sensors.map(({ sensorId }) => `${sensorId}\0temperature`);
    const stop = new AbortController();
    const one = listen(first.url, [a ?? ""], stop.signal);
    const two = listen(first.url, [b ?? ""], stop.signal);
    const deaf = await neverReads(first.url);
    await holds(() => one.points.length > 3 && two.points.length > 3 && one.episodes.length > 0);
    expect([...new Set(one.points.flatMap((points) => Object.keys(points)))]).toEqual([a ?? ""]);
    expect([...new Set(two.points.flatMap((points) => Object.keys(points)))]).toEqual([b ?? ""]);
    expect(one.states.at(-1)).toMatchObject({ sensors: 3, store: "dir:./lake", status: { pid: first.agent.pid } });
    const why = `${first.url}api/why?seq=${one.episodes[0]?.firstSeq}`;
    const { verdict } = (await (await fetch(why)).json()) as { verdict: { rule: string }[] };
    expect(verdict.map(({ rule }) => rule)).toContain(String(one.episodes[0]?.rule));
    const accepted = one.states.at(-1)?.status?.buffer.accepted ?? 0;
    first.agent.kill("SIGKILL");
    await holds(() => one.hasEnded && two.hasEnded);
    deaf.destroy();

    const second = await start();
    const again = listen(second.url, [a ?? ""], stop.signal);
    await holds(() => again.points.length > 0 && again.episodes.length > 0);
    expect(again.states.at(-1)?.status?.buffer.accepted ?? 0).toBeGreaterThanOrEqual(accepted);
    // Episodes of the life before are read back, under the names that they had.
    const before = one.episodes[0]?.id ?? "";
    const episodes = await until<Episode[]>(`${second.url}api/episodes`, (list) =>
      list.some(({ id }) => id === before),
    );
    expect(episodes.length).toBeGreaterThan(0);
    const seen = one.points.flatMap((points) => points[a ?? ""]?.atMs ?? []);
    const [from, to] = [Math.min(...seen), Date.now() + 1_000];
    const series = `${second.url}api/series?series=${encodeURIComponent(a ?? "")}&from=${from}&to=${to}&pixels=4000`;
    const answers = (await (await fetch(series)).text()).trim().split("\n");
    const parts = answers.map((line): SeriesAnswer => JSON.parse(line));
    expect(parts.at(-1)?.isWhole).toBe(true);
    const drawn = new Set(parts.flatMap((part) => part.series[a ?? ""]?.atMs ?? []));
    expect(seen.filter((at) => drawn.has(at)).length).toBeGreaterThan(seen.length / 4);
    stop.abort();
    second.agent.kill("SIGTERM");
    expect((await second.agent.ended).code).toBe(0);
  },
  300_000,
);

/** Asks for events, and takes no byte of them. */
function neverReads(url: string): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  return new Promise((done, failed) => {
    const socket = connect(Number(port), hostname, () => {
      socket.pause();
      socket.write(`GET /api/live HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => done(socket));
    });
    socket.on("error", failed);
  });
}

binaryTest(
  "what cannot be answered says why, with what to type next; a verdict is explained as by agent why",
  async () => {
    const { url } = await start();
    const problem = async (path: string) => {
      const reply = await fetch(`${url}api/${path}`);
      const { message, try: hint } = (await reply.json()) as { message: string; try: string | null };
      return `${reply.status} ${message} Try: ${hint}`;
    };
    expect(await problem("series?series=a%00b&from=5&to=4")).toMatch(/^400 "from" and "to" are times/);
    expect(await problem("series?from=1&to=2")).toMatch(/^400 The parameter "series" is missing/);
    expect(await problem("series?series=ab&from=1&to=2")).toMatch(/^400 .* with %00 between them/);
    expect(await problem("series?series=a%00b&from=1&to=2&pixels=9999999")).toMatch(/^400 .* from 1 to 4000/);
    expect(await problem(`live?${keys(65)}`)).toMatch(/^400 More than 64 series/);
    expect(await problem("episodes?limit=x")).toMatch(/^400 "limit" is a number from 1 to 500/);
    expect(await problem("why?seq=9999999")).toMatch(/^404 .*has no such reading.* Try: agent (why \d+|run)$/);
    expect(await problem("why?seq=-1")).toMatch(/^400 .*a reading's id is.* Try: agent tail --stage anomalies$/);
    await until<WireSensors>(`${url}api/sensors`, ({ sensors }) => sensors.some(({ lastAtMs }) => lastAtMs !== null));
    const { stdout } = Bun.spawnSync([AGENT_BINARY, "why", "1", "--json", "--data-dir", "data"], { cwd: dir });
    expect(await (await fetch(`${url}api/why?seq=1`)).json()).toEqual(JSON.parse(stdout.toString()));
  },
  300_000,
);

function keys(count: number): string {
  return Array.from({ length: count }, (_, i) => `&watch=a%00b${i}`).join("");
}
