/** The compiled binary: SIGTERM at any moment of a start, with millions of readings that wait. */
import { Database } from "bun:sqlite";
import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess, ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { quickest } from "../../testing/quickest.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-stop-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const READINGS = 2_000_000;
const LIMIT_MS = 700;
const STEP_MS = 100;
/** Nothing listens there: the backlog stays. */
const ENV = {
  AGENT_NODE_ID: "n",
  AWS_ACCESS_KEY_ID: "a-key-of-no-one",
  AWS_SECRET_ACCESS_KEY: "a-secret-of-no-one",
  AWS_REGION: "us-west-2",
  AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9",
};
/** Windows of a minute from many minutes: none of them goes out while the store is down. */
const SOURCE = `simulator:?sensors=50&rate=10&count=${READINGS}&start=2026-01-01T00:00:00Z`;

const start = (dataDir: string) =>
  new AgentProcess({
    args: ["run", "--source", SOURCE, "--store", "s3:", "--dashboard", "off", "--data-dir", dataDir],
    cwd: folder,
    env: ENV,
  });

function accepted(dataDir: string): number {
  try {
    const db = new Database(join(dataDir, "buffer.db"), { readonly: true });
    try {
      return db.query<{ seq: number | null }, []>("SELECT max(last_seq) AS seq FROM commit_group").get()?.seq ?? 0;
    } finally {
      db.close();
    }
  } catch {
    return 0;
  }
}

testWith("binary", "time", "linux")(
  "SIGTERM at any moment of a start with millions of readings that wait ends it within 700 ms",
  async () => {
    const backlog = join(folder, "backlog");
    const filling = start(backlog);
    for (const until = performance.now() + ENOUGH_MS; accepted(backlog) < READINGS && performance.now() < until; )
      await Bun.sleep(200);
    // The first start finds a log that is not folded in. No later one changes the backlog: the store stays away.
    filling.kill("SIGKILL");
    await filling.ended;
    expect(accepted(backlog)).toBe(READINGS);

    const slow: string[] = [];
    let moments = 0;
    for (let atMs = 0, isStarting = true; isStarting; atMs += STEP_MS, moments++) {
      let code: number | null = 0;
      const ms = await quickest(LIMIT_MS, async () => {
        const agent = start(backlog);
        await Bun.sleep(atMs);
        isStarting = !agent.heard.includes("uplink_down");
        const sentAtMs = performance.now();
        agent.kill("SIGTERM");
        const end = await agent.ended;
        // Before it listens, the system ends it.
        code = end.signal === "SIGTERM" ? 0 : end.code;
        return end.atMs - sentAtMs;
      });
      if (ms >= LIMIT_MS || code !== 0) slow.push(`${atMs} ms after the start: ${Math.round(ms)} ms, exit ${code}`);
    }
    expect(slow).toEqual([]);
    expect(moments).toBeGreaterThan(3);
  },
  900_000,
);
