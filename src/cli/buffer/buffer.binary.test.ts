/** `agent buffer` beside a compiled agent at work, and one that is killed while it prunes. */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS, killAllAgents } from "../../testing/agent-process.ts";
import { audit, doubles, unsorted } from "../../testing/audit.ts";
import { startFaultyProxy } from "../../testing/faulty-proxy.ts";
import { canRun } from "../../testing/needs.ts";
import { startS3Server } from "../../testing/s3-server.ts";
import { openS3Store } from "../../uplink/s3/store.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-buffer-"));
afterAll(() => {
  killAllAgents();
  rmSync(folder, { recursive: true, force: true });
});

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function agent(cwd: string, env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ended> {
  return shell(cwd, env, [AGENT_BINARY, ...args]);
}

async function shell(cwd: string, env: Readonly<Record<string, string>>, cmd: string[]): Promise<Ended> {
  const mine = { PATH: process.env["PATH"] ?? "", AGENT: AGENT_BINARY, ...env };
  const child = Bun.spawn(cmd, { cwd, env: mine, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

/** Asks until it is so; only a failing test waits long. */
async function until(is: () => Promise<boolean>): Promise<void> {
  for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(200))
    if (await is()) return;
  throw new Error("it did not become so");
}

describe.skipIf(!canRun("binary", "versitygw"))("beside a running agent", () => {
  test("what the store refused is parked, requeued after a repair, and delivered exactly once", async () => {
    const server = await startS3Server("versitygw");
    const proxy = await startFaultyProxy({ upstream: server.endpoint, seed: 1, faults: {} });
    await server.createBuckets("acme");
    const cwd = mkdtempSync(join(folder, "x-"));
    const env = { ...server.env, AWS_ENDPOINT_URL_S3: proxy.url, S3_BUCKET_PREFIX: "acme" };
    const often = { AGENT_BATCH_MS: "300ms", AGENT_COMMIT_MS: "100ms", AGENT_DRAIN: "60s" };
    proxy.refusing = (method, path, body) => {
      if (method !== "PUT" || path.includes("aggregated") || body[0] !== 0x1f) return null;
      return /"reading_id":"[^"-]+-20"/.test(String(gunzipSync(body))) ? "InvalidRequest" : null;
    };
    const args = ["run", "--store", "s3:", "--source", "simulator:?sensors=2&rate=20&seed=3", "--data-dir", "data"];
    const running = new AgentProcess({ args, cwd, env: { ...env, ...often } });
    const stats = async () =>
      JSON.parse((await agent(cwd, env, "buffer", "stats", "--data-dir", "data", "--json")).stdout);
    expect(await running.says("running")).toBe(true);
    // raw, one of validated and anomalies, and perhaps schematized.
    await until(async () => (await stats()).parked.length >= 2);
    const { parked } = await stats();
    expect(parked[0]).toMatchObject({ count: 1, error: expect.stringContaining("InvalidRequest") });
    expect((await agent(cwd, env, "buffer", "check", "--data-dir", "data")).code).toBe(0);
    const head = await shell(cwd, env, [
      "bash",
      "-c",
      'set -o pipefail; "$AGENT" buffer export --data-dir data | head -1',
    ]);
    expect([head.code, head.stdout.startsWith('{"sensor_id":')]).toEqual([0, true]);
    const refused = await agent(cwd, env, "buffer", "prune", "--delivered", "--data-dir", "data", "--yes");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`Try: ps -p ${running.pid} `)]);

    proxy.refusing = () => null;
    const asked = await agent(cwd, env, "buffer", "requeue", "--data-dir", "data", "--json");
    expect([asked.code, JSON.parse(asked.stdout)]).toEqual([
      0,
      { done: "requeued", batches: expect.any(Number), rows: expect.any(Number), by: running.pid },
    ]);
    await until(async () => (await stats()).parked.length === 0);
    running.kill("SIGTERM");
    expect((await running.ended).code).toBe(0);
    const store = await openS3Store({ prefix: "acme", region: server.region, env, putTimeoutMs: 60_000 });
    const found = await audit(store);
    const times = [...found.ids.raw].filter(([id]) => id.endsWith("-20")).map(([, n]) => n);
    expect([times, doubles(found), unsorted(found)]).toEqual([[1], [], []]);
    expect((await agent(cwd, env, "verify", "--deep", "--store", "s3:", "--data-dir", "data")).code).toBe(0);
    await proxy.stop();
    await server.stop();
  }, 600_000);
});

describe.skipIf(!canRun("binary"))("killed", () => {
  const KILLS = 6;
  test("a prune that is killed anywhere leaves a sound buffer, which the next one continues, and an agent", async () => {
    const cwd = mkdtempSync(join(folder, "x-"));
    const run = (count: number) => {
      const source = `simulator:?rate=max&sensors=5&count=${count}`;
      return agent(cwd, {}, "run", "--source", source, "--once", "--data-dir", "data", "--store", "dir:lake");
    };
    const stats = async (dataDir: string) => {
      const { stdout } = await agent(cwd, {}, "buffer", "stats", "--data-dir", dataDir, "--json");
      return JSON.parse(stdout);
    };
    const start = (dataDir: string) => {
      const args = ["buffer", "prune", "--delivered", "--yes", "--data-dir", dataDir];
      return new AgentProcess({ args, cwd, env: {} });
    };
    expect((await run(30_000)).code).toBe(0);
    const { epoch, last_seq: last } = await stats("data");
    const copy = (name: string) => {
      cpSync(join(cwd, "data"), join(cwd, name), { recursive: true });
      return name;
    };
    const whole = start(copy("whole"));
    const tookMs = (await whole.ended).atMs - whole.startedAtMs;
    let killed = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const name = copy(`killed-${kill}`);
      const pruning = start(name);
      const timer = setTimeout(() => pruning.kill("SIGKILL"), (tookMs * kill) / KILLS);
      if ((await pruning.ended).code === null) killed++;
      clearTimeout(timer);
      const checked = await agent(cwd, {}, "buffer", "check", "--data-dir", name);
      expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining("The buffer is sound.")]);
      expect(await stats(name)).toMatchObject({ epoch, accepted: last });
    }
    expect(killed).toBeGreaterThan(0);
    expect((await start("killed-1").ended).code).toBe(0);
    expect(readdirSync(join(cwd, "killed-1")).filter((file) => file.includes("compact"))).toEqual([]);
    const done = await agent(cwd, {}, "buffer", "prune", "--delivered", "--yes", "--json", "--data-dir", "data");
    expect(done.code).toBe(0);
    const { bytes_after: bytes } = JSON.parse(done.stdout);
    expect(bytes).toBeLessThan(1024 * 1024);
    // As a prune leaves it that is killed and not repeated.
    writeFileSync(join(cwd, "data/buffer.db.compact"), "half");
    expect((await run(3_000)).code).toBe(0);
    expect(existsSync(join(cwd, "data/buffer.db.compact"))).toBe(false);
    expect(await stats("data")).toMatchObject({ epoch, accepted: last + 3_000 });
    const status = JSON.parse((await agent(cwd, {}, "status", "--json", "--data-dir", "data")).stdout);
    expect(status.problems.map(({ code }: { code: string }) => code)).toEqual([]);
    expect((await agent(cwd, {}, "verify", "--deep", "--store", "dir:lake", "--data-dir", "data")).code).toBe(0);
  }, 600_000);
});
