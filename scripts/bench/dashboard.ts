/**
 * What the page costs the agent: the compiled binary takes 1,000 sensors at 10 readings/s, without a viewer, with one that watches 24
 * series, and with one that asks for an hour of history over and over as well; beside it, at the same time, an agent without
 * `--dashboard`. `bun scripts/bench/dashboard.ts [SECONDS_A_PHASE [READINGS_OF_HISTORY]]` prints shares of a core and peak memory.
 * Then ten minutes of events are pushed through the hub in this process, and its memory is compared early and late.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeLog } from "../../src/core/log/log.ts";
import { resolveSettings } from "../../src/core/settings/settings.ts";
import { Episodes } from "../../src/dashboard/episodes/episodes-reply.ts";
import { LiveHub } from "../../src/dashboard/live/live-hub.ts";
import type { DashboardNode } from "../../src/dashboard/node.ts";
import { seriesNames } from "../../src/dashboard/series/watched-series.ts";
import { Turns } from "../../src/dashboard/series/work-budget.ts";
import { AgentProcess, killAllAgents } from "../../src/testing/agent-process.ts";
import { SwitchedStore, startFakeNode } from "../../src/testing/fake-node.ts";

const HOUR_MS = 3_600_000;
const WATCHED = 24;
const EVENT_SECONDS = 600;
const READINGS_A_SECOND = 100;

type Measured = { readonly cpuMs: number; readonly rssMiB: number; readonly peakMiB: number };

/** CPU in ticks of 10 ms, so a phase should last some seconds. */
function measured(pid: number): Measured {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024;
  const cpuMs = (Number(fields[11]) + Number(fields[12])) * 10;
  return { cpuMs, rssMiB: mebibytes("VmRSS"), peakMiB: mebibytes("VmHWM") };
}

function start(dir: string, source: string, more: readonly string[]): AgentProcess {
  const args = ["run", "--source", source, "--data-dir", join(dir, "data"), "--store", `dir:${join(dir, "lake")}`];
  return new AgentProcess({ args: [...args, ...more], cwd: dir, env: {} });
}

async function heardAddress(agent: AgentProcess): Promise<string> {
  await agent.says("/metrics");
  const address = /http:\/\/[^ ]+:\d+\//.exec(agent.heard)?.[0];
  if (address === undefined) throw new Error(`no address in: ${agent.heard}`);
  return address;
}

/** Reads until it is stopped; returns how many bytes came. */
async function view(url: string, stop: AbortSignal): Promise<number> {
  let bytes = 0;
  try {
    const { body } = await fetch(url, { signal: stop });
    for await (const chunk of body ?? []) bytes += chunk.length;
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  return bytes;
}

async function costs(phaseMs: number, history: number): Promise<void> {
  const [withPage, without] = ["page", "plain"].map((name) => mkdtempSync(join(tmpdir(), `bench-dashboard-${name}-`)));
  if (withPage === undefined || without === undefined) return;
  try {
    const begin = new Date(Date.now() - HOUR_MS).toISOString();
    const before = `simulator:?sensors=1000&rate=${history / HOUR_MS}&count=${history}&start=${begin}&seed=3`;
    const filled = await start(withPage, before.replace(/rate=[^&]+/, "rate=max"), ["--once"]).ended;
    if (filled.code !== 0) throw new Error("the history could not be written");
    const live = "simulator:?sensors=1000&rate=10&seed=3&anomaly=0.01";
    const plain = start(without, live, ["--dashboard", "off"]);
    const agent = start(withPage, live, ["--dashboard", "127.0.0.1:0"]);
    const address = await heardAddress(agent);
    await agent.says("running:");
    await Bun.sleep(phaseMs / 2);
    const keys = await watchedKeys(address);
    const series = (name: string) => keys.map((key) => `${name}=${encodeURIComponent(key)}`).join("&");
    const ask = (stop: AbortSignal) => view(`${address}api/live?${series("watch")}`, stop);
    const asks = async (stop: AbortSignal) => {
      let [answers, bytes] = [0, 0];
      while (!stop.aborted) {
        const [from, to] = [Date.now() - HOUR_MS, Date.now()];
        bytes += await view(`${address}api/series?${series("series")}&from=${from}&to=${to}&pixels=1000`, stop);
        if (!stop.aborted) answers++;
      }
      return `${answers} whole answers, ${(bytes / 1e6).toFixed(1)} MB`;
    };
    console.log(`1,000 sensors at 10 readings/s, phases of ${phaseMs / 1_000} s; shares of one core`);
    const phase = async (name: string, viewers: (stop: AbortSignal) => Promise<unknown>) => {
      const stop = new AbortController();
      const done = viewers(stop.signal);
      const from = [measured(plain.pid), measured(agent.pid)] as const;
      const sinceMs = performance.now();
      await Bun.sleep(phaseMs);
      const spanMs = performance.now() - sinceMs;
      const to = [measured(plain.pid), measured(agent.pid)] as const;
      stop.abort();
      const said = String((await done) ?? "");
      const [bare, page] = [(to[0].cpuMs - from[0].cpuMs) / spanMs, (to[1].cpuMs - from[1].cpuMs) / spanMs];
      const share = (value: number) => `${(100 * value).toFixed(1).padStart(5)} %`;
      console.log(
        `${name.padEnd(40)} ${share(page)} beside ${share(bare)}: ${(page / bare).toFixed(2)}x, ${share(page - bare)} more;` +
          ` ${to[1].rssMiB.toFixed(0)} MiB beside ${to[0].rssMiB.toFixed(0)} MiB ${said}`,
      );
    };
    await phase("no viewer", async () => undefined);
    await phase(`one viewer, ${WATCHED} series`, async (stop) => `${((await ask(stop)) / 1e3).toFixed(0)} kB`);
    await phase(`and an hour of ${history.toLocaleString("en")} readings`, async (stop) => {
      const [, said] = await Promise.all([ask(stop), asks(stop)]);
      return said;
    });
    await phase("no viewer again", async () => undefined);
    const [page, bare] = [measured(agent.pid), measured(plain.pid)];
    console.log(`peak memory ${page.peakMiB.toFixed(0)} MiB beside ${bare.peakMiB.toFixed(0)} MiB`);
  } finally {
    killAllAgents();
    rmSync(withPage, { recursive: true, force: true });
    rmSync(without, { recursive: true, force: true });
  }
}

async function watchedKeys(address: string): Promise<readonly string[]> {
  const answer: unknown = await (await fetch(`${address}api/sensors`)).json();
  const { sensors } = answer as { sensors: readonly { sensorId: string; measures: readonly { name: string }[] }[] };
  return sensors
    .flatMap(({ sensorId, measures }) => measures.slice(0, 1).map(({ name }) => `${sensorId}\0${name}`))
    .slice(0, WATCHED);
}

/** Keeps nothing, so that the memory is the agent's and the hub's. */
class ForgetfulStore extends SwitchedStore {
  override async put(): Promise<"stored"> {
    await new Promise((resolve) => setImmediate(resolve));
    return "stored";
  }
}

async function flat(): Promise<void> {
  const count = EVENT_SECONDS * READINGS_A_SECOND;
  const fake = await startFakeNode({
    count,
    now: 0,
    sensors: 100,
    env: { AGENT_KEEP: "0" },
    store: new ForgetfulStore(),
  });
  const node: DashboardNode = {
    settings: resolveSettings({ flags: { "data-dir": fake.dataDir }, env: {} }),
    cwd: fake.dataDir,
    dataDir: fake.dataDir,
    rulesFolder: { shown: "rules", path: fake.dataDir },
    log: makeLog({ least: "error", secrets: [], now: Date.now, write: () => undefined }),
    opened: () => fake.opened,
    problems: () => [],
    now: () => fake.clock.wallMs,
  };
  const turns = new Turns(() => performance.now());
  let turn: () => void = () => undefined;
  const every = (_ms: number, again: () => void) => {
    turn = again;
    return () => undefined;
  };
  const running = () => fake.clock.runningMs;
  const hub = new LiveHub({ node, episodes: new Episodes(node, turns), running, every });
  const keys = Array.from({ length: WATCHED }, (_, i) => `s${i}\0temperature`);
  const names = seriesNames(keys);
  if (typeof names === "string") throw new Error(names);
  const left = new AbortController();
  let bytes = 0;
  let events = 0;
  const send = (text: Uint8Array | string) => {
    bytes += text.length;
    events++;
    return true;
  };
  const end = hub.join({ send, drained: async () => undefined, gone: left.signal }, names);
  const heap: string[] = [];
  for (let second = 1; second <= EVENT_SECONDS; second++) {
    fake.source.release(READINGS_A_SECOND);
    for (let look = 0; look < 4; look++) {
      await fake.drive(250, 1);
      turn();
    }
    if (second % (EVENT_SECONDS / 6) !== 0) continue;
    Bun.gc(true);
    heap.push((process.memoryUsage().heapUsed / 2 ** 20).toFixed(1));
  }
  left.abort();
  await end;
  await fake.end();
  console.log(
    `heap of ${EVENT_SECONDS} s of events (${events} sent, ${(bytes / 1e6).toFixed(1)} MB): ${heap.join(", ")} MiB`,
  );
}

const [seconds = "6", history = "300000"] = process.argv.slice(2);
await costs(Number(seconds) * 1_000, Number(history));
await flat();
