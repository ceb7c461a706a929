/**
 * The compiled binary is killed while a sender posts, and started again; the sender repeats what was not answered, under the same
 * Idempotency-Key. In the end each reading is in the lake once. `SEED=N` repeats a run, `KILLS=N` makes it longer.
 */
import { afterAll, afterEach, expect } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipMembers } from "../../core/bytes/gunzip.ts";
import { seededRandom } from "../../core/random.ts";
import { AGENT_BINARY, AgentProcess, killAllAgents } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const killTest = testWith("binary", "time");
const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
const KILLS = Number(process.env["KILLS"] ?? 8);
const ENOUGH_MS = 240_000;
const PAUSE_MS = 20;

const folder = mkdtempSync(join(tmpdir(), "agent-http-kills-"));
afterEach(killAllAgents);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Reading `n` says its number. */
const lineOf = (n: number) =>
  `{"sensor_id":"s${n % 7}","timestamp":"2026-11-23T08:00:00Z","temperature":${20 + (n % 9)},"n":${n}}`;

type Batch = { readonly key: string; readonly body: string };

/** Until it is answered, whatever happens to the agent. */
async function send(url: string, { key, body }: Batch, until: () => boolean): Promise<string> {
  const headers = { "idempotency-key": key, "content-type": "application/x-ndjson", connection: "close" };
  while (!until()) {
    const response = await fetch(url, { method: "POST", body, headers }).catch(() => null);
    const text = await response?.text().catch(() => null);
    if (response?.status === 200 && text) return text.trim();
    if (response !== null && ![200, 503].includes(response.status))
      throw new Error(`answered ${response.status}: ${text}`);
    await pause(PAUSE_MS);
  }
  throw new Error("there was no answer");
}

/** How often each number is in a stage. */
function numbersIn(stage: string, dir = folder): Map<number, number> {
  const bucket = join(dir, "lake", `expanso-${stage}-data-us-west-2`);
  const counts = new Map<number, number>();
  for (const entry of readdirSync(bucket, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".json.gz")) continue;
    const text = gunzipMembers(readFileSync(join(entry.parentPath, entry.name))).toString();
    for (const line of text.trim().split("\n")) {
      const n = Number(JSON.parse(String(JSON.parse(line).extra)).n);
      counts.set(n, (counts.get(n) ?? 0) + 1);
    }
  }
  return counts;
}

killTest(
  `killed ${KILLS} times, each reading is kept once where the sender repeats its key (SEED=${SEED})`,
  async () => {
    const random = seededRandom(SEED);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/in`;
    const started = () =>
      new AgentProcess({
        args: [
          "run",
          "--source",
          `http://localhost:${port}/in`,
          "--data-dir",
          "buffer",
          "--store",
          "dir:lake",
          "--drain",
          "60s",
        ],
        cwd: folder,
        env: {},
      });
    let agent = started();
    let kills = 0;
    let isOver = false;
    const killing = (async () => {
      for (; kills < KILLS && !isOver; kills++) {
        await agent.says("Taking");
        await pause(random() * 400);
        agent.kill("SIGKILL");
        await agent.ended;
        agent = started();
      }
    })();
    const giveUp = performance.now() + ENOUGH_MS;
    let sent = 0;
    // Two senders, until the last kill is over; now and then a batch that is in several transactions.
    const sender = async (name: string): Promise<void> => {
      for (let batch = 0; kills < KILLS || batch < 3; batch++) {
        const size = random() < 0.15 ? 21_000 : 1 + Math.floor(random() * 1_500);
        const body = Array.from({ length: size }, (_, i) => lineOf(sent + i)).join("\n");
        sent += size;
        const answer = await send(url, { key: `${name}-${batch}`, body }, () => performance.now() > giveUp);
        expect(answer).toBe(`{"accepted":${size},"malformed":0,"filtered":0}`);
      }
    };
    try {
      await Promise.all([sender("a"), sender("b")]);
    } finally {
      isOver = true;
    }
    await killing;
    await agent.says("Taking");
    agent.kill("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0 });
    const verify = Bun.spawnSync([AGENT_BINARY, "verify", "--data-dir", "buffer", "--store", "dir:lake"], {
      cwd: folder,
    });
    expect([verify.exitCode, verify.stdout.toString()]).toEqual([0, expect.anything()]);
    const numbers = numbersIn("raw");
    expect(numbers.size).toBe(sent);
    expect([...numbers].filter(([, times]) => times !== 1)).toEqual([]);
  },
  ENOUGH_MS * 2,
);

killTest(
  "a stop answers what it took, or ends the connection; what was answered is in the lake",
  async () => {
    const port = await freePort();
    const dir = mkdtempSync(join(folder, "stop-"));
    const args = [
      "run",
      "--source",
      `http://:${port}/in`,
      "--data-dir",
      "buffer",
      "--store",
      "dir:lake",
      "--drain",
      "60s",
    ];
    const agent = new AgentProcess({ args, cwd: dir, env: {} });
    await agent.says("Taking");
    const answered: number[] = [];
    let next = 0;
    const sender = async (): Promise<void> => {
      for (;;) {
        const from = next;
        next += 100;
        const body = Array.from({ length: 100 }, (_, i) => lineOf(from + i)).join("\n");
        const response = await fetch(`http://127.0.0.1:${port}/in`, { method: "POST", body }).catch(() => null);
        const text = await response?.text().catch(() => null);
        if (response?.status === 200 && text) answered.push(from);
        else if (agent.end !== null || answered.length > 0) return;
        else await pause(PAUSE_MS);
      }
    };
    const senders = Promise.all(Array.from({ length: 4 }, sender));
    while (answered.length < 20) await pause(PAUSE_MS);
    agent.kill("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0 });
    await senders;
    const numbers = numbersIn("raw", dir);
    const missing = answered
      .flatMap((from) => Array.from({ length: 100 }, (_, i) => from + i))
      .filter((n) => !numbers.has(n));
    expect(missing).toEqual([]);
  },
  ENOUGH_MS,
);
