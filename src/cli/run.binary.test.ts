/** `agent run` as a process: signals, locks, full disks and wrong calls, with the compiled binary. */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { safeNodeId } from "../core/node-id.ts";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";
import { quickest } from "../testing/quickest.ts";

const binaryTest = testWith("binary");
const diskTest = testWith("binary", "small disks");
const folder = mkdtempSync(join(tmpdir(), "agent-run-"));
const mounts: string[] = [];
afterAll(() => {
  for (const path of mounts) Bun.spawnSync(["umount", "-l", path]);
  rmSync(folder, { recursive: true, force: true });
});

let made = 0;
function newFolder(): string {
  const path = join(folder, String(made++));
  mkdirSync(path);
  return path;
}

/** A small disk, which is unmounted at the end. */
function smallDisk(size: string): string {
  const path = newFolder();
  const done = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
  expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
  mounts.push(path);
  return path;
}

const BASE = { AGENT_NODE_ID: "node-1", AGENT_COMMIT_MS: "100ms", AGENT_BATCH_MS: "300ms" };

function run(cwd: string, args: readonly string[], env: Record<string, string> = {}, stdin = "") {
  const done = Bun.spawnSync([AGENT_BINARY, ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", ...BASE, ...env },
    stdin: new TextEncoder().encode(stdin),
  });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

const start = (cwd: string, args: readonly string[], env: Record<string, string> = {}) =>
  new AgentProcess({ args: ["run", ...args], cwd, env: { ...BASE, ...env } });

/** Stops it and measures how long that takes. */
async function stopped(
  agent: AgentProcess,
  signal: "SIGTERM" | "SIGINT",
): Promise<{ code: number | null; ms: number }> {
  const sentAt = performance.now();
  process.kill(agent.pid, signal);
  const end = await agent.ended;
  return { code: end.code, ms: end.atMs - sentAt };
}

async function until(is: () => boolean): Promise<boolean> {
  for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(20))
    if (is()) return true;
  return is();
}

type Live = { readonly problems: readonly { code: string }[] };
function problemsOf(dataDir: string): string[] {
  try {
    return (JSON.parse(readFileSync(join(dataDir, "live.json"), "utf8")) as Live).problems.map(({ code }) => code);
  } catch {
    return [];
  }
}

/** Delivers the rest, windows too, and compares the buffer with the store. */
function verified(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const rest = run(cwd, ["run", ...args, "--source", "stdin:", "--once"], env);
  const verify = run(cwd, ["verify", "--deep", "--json", ...args], env);
  const report = JSON.parse(verify.stdout || "{}") as { ok?: boolean; epochs?: { accepted: number }[] };
  return {
    rest: rest.code,
    ok: report.ok,
    accepted: report.epochs?.[0]?.accepted ?? 0,
    stderr: rest.stderr + verify.stderr,
  };
}

const accepted = (cwd: string, args: readonly string[]) =>
  (JSON.parse(run(cwd, ["status", "--json", ...args]).stdout || "{}") as { buffer?: { accepted: number } }).buffer
    ?.accepted ?? 0;

/** Accepts connections and never says a word. */
async function silentServer(): Promise<{ url: string; end: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const end = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, end };
}

const SECRETS = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "a secret key" };

binaryTest("a call that can never work exits 2 with a sentence and a command to try", () => {
  const cwd = newFolder();
  mkdirSync(join(cwd, "rules-bad"));
  writeFileSync(join(cwd, "rules-bad", "a.json"), "{");
  writeFileSync(join(cwd, "file"), "");
  const calls: Record<string, string[]> = {
    "unknown flag": ["--sorce", "stdin:"],
    "bad source": ["--source", "carrier-pigeon:"],
    "source given twice": ["--source", "stdin:", "--source", "stdin:"],
    "bad store": ["--store", "ftp://nowhere"],
    "no rules folder": ["--rules", "nowhere"],
    "bad rules": ["--rules", "rules-bad"],
    "bad profile": ["--profile", "nowhere.json"],
    "bad map": ["--map", "nowhere.json"],
    "data dir is a file": ["--data-dir", "file"],
    "data dir in a file": ["--data-dir", "file/inside"],
    "no such length of time": ["--for", "soon"],
  };
  for (const [what, args] of Object.entries(calls)) {
    const { code, stderr, stdout } = run(cwd, ["run", "--once", ...args]);
    expect([what, code, stdout]).toEqual([what, 2, ""]);
    expect(stderr).toMatch(/^Cannot .+\n/);
    expect(stderr).toMatch(/\nTry: .+\n$/);
    expect([what, stderr.includes("    at ")]).toEqual([what, false]);
  }
});

binaryTest("a database that is newer than the binary exits 2 and is left as it is", async () => {
  const cwd = newFolder();
  expect(run(cwd, ["run", "--source", "stdin:", "--once"]).code).toBe(0);
  const { Database } = await import("bun:sqlite");
  const db = new Database(join(cwd, "agent-data", "buffer.db"));
  db.run("PRAGMA user_version = 999");
  db.run("UPDATE meta SET value = '999' WHERE key = 'schema_version'");
  db.close();
  const { code, stderr } = run(cwd, ["run", "--source", "stdin:", "--once"]);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/version 999, newer than this binary's.*\nTry: /)]);
  expect(readdirSync(join(cwd, "agent-data")).filter((name) => name.includes("corrupt"))).toEqual([]);
});

binaryTest("--once takes stdin to its end, delivers everything, open windows too, and exits 0", () => {
  const cwd = newFolder();
  const lines = Array.from({ length: 2_500 }, (_, i) => {
    const timestamp = new Date(Date.UTC(2026, 10, 23, 8) + i * 1_000).toISOString();
    return JSON.stringify({
      sensor_id: `s${i % 3}`,
      sensor_type: "environmental",
      timestamp,
      temperature: 20 + (i % 10),
    });
  });
  const done = run(cwd, ["run", "--source", "stdin:", "--once"], {}, `${lines.join("\n")}\nnot json\n`);
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("accepted=2501")]);
  const verify = run(cwd, ["verify", "--deep", "--json"]);
  expect([verify.code, verify.stderr]).toEqual([0, verify.stderr]);
});

binaryTest("malformed input is not a success: a warning, exit 1 with --once, and degraded also afterwards", () => {
  const cwd = newFolder();
  const csv = `timestamp,value\n${"2026-01-01 00:00:00,69.88\n".repeat(299)}`;
  const done = run(cwd, ["run", "--source", "stdin:", "--once"], {}, csv);
  const first =
    '300 of 300 rows of "stdin:" are malformed, the first: the line is not JSON, it begins with "timestamp,value"';
  expect([done.code, done.stderr]).toEqual([1, expect.stringContaining(`input_malformed: ${first}`)]);
  expect(done.stderr).toContain("it looks like CSV, which is read as such with --source 'stdin:?format=csv'");
  expect(done.stderr).toMatch(
    /WARN +stopped: Everything was delivered, the malformed rows as received \(accepted=300, malformed=300/,
  );
  const status = JSON.parse(run(cwd, ["status", "--json"]).stdout);
  expect(status).toMatchObject({
    health: "degraded",
    problems: [{ code: "input_malformed", message: expect.stringContaining(first) }],
    buffer: { accepted: 300 },
    sources: [{ accepted: 300, refused: 300 }],
  });
  const verify = JSON.parse(run(cwd, ["verify", "--json"]).stdout);
  expect(verify).toMatchObject({ ok: true, epochs: [{ accepted: 300 }] });
  const lax = run(newFolder(), ["run", "--source", "stdin:", "--once"], { AGENT_MALFORMED_MAX: "100%" }, csv);
  expect([lax.code, lax.stderr]).toEqual([0, expect.stringMatching(/INFO +stopped: Everything was delivered/)]);
});

binaryTest("a node without an id has one of its own in its data dir, and says so when it is renamed", () => {
  const cwd = newFolder();
  const once = (dataDir: string, env: Record<string, string> = {}) => {
    const args = ["--source", "stdin:", "--once", "--data-dir", dataDir];
    const done = run(cwd, ["run", ...args], { AGENT_NODE_ID: "", ...env });
    const status = JSON.parse(run(cwd, ["status", "--json", "--data-dir", dataDir]).stdout) as { node_id: string };
    return { id: status.node_id, stderr: done.stderr };
  };
  const first = once("a");
  expect(first.id).toMatch(/^.+-[a-z2-9]{6}$/);
  expect(first.id).toStartWith(safeNodeId(hostname()));
  expect(once("a").id).toBe(first.id);
  expect(once("b").id).not.toBe(first.id);
  const renamed = once("a", { AGENT_NODE_ID: "pump-7" });
  expect(renamed.id).toBe("pump-7");
  expect(renamed.stderr).toContain(`node_renamed: This node was "${first.id}" and is "pump-7" now`);
  expect(once("a").stderr).not.toContain("node_renamed");
});

binaryTest(
  "a second agent reports which one it waits for, and takes over within a second of the first's end",
  async () => {
    const cwd = newFolder();
    const first = start(cwd, ["--source", "simulator:?sensors=5&rate=10"]);
    expect(await first.says("running")).toBe(true);
    const second = start(cwd, ["--source", "simulator:?sensors=5&rate=10"]);
    expect(await second.says("waiting_for_lock")).toBe(true);
    expect(second.heard).toContain(`pid ${first.pid} on host "${hostname()}"`);
    const third = run(cwd, ["run", "--source", "stdin:", "--once", "--lock-wait", "0"]);
    expect([third.code, third.stderr]).toEqual([1, expect.stringMatching(/^Cannot take the lock .*pid \d+.*\nTry: /)]);
    let [holds, waits] = [first, second];
    const tookMs = await quickest(1_000, async () => {
      expect(await waits.says("waiting_for_lock")).toBe(true);
      holds.kill("SIGKILL");
      const { atMs } = await holds.ended;
      expect(await waits.says("running")).toBe(true);
      [holds, waits] = [waits, start(cwd, ["--source", "simulator:?sensors=5&rate=10"])];
      return performance.now() - atMs;
    });
    expect(tookMs).toBeLessThan(1_000);
    // An agent that is stopped while it waits has nothing to do: that is not a failure.
    expect(await waits.says("waiting_for_lock")).toBe(true);
    expect(await stopped(waits, "SIGTERM")).toMatchObject({ code: 0 });
    expect(await stopped(holds, "SIGTERM")).toMatchObject({ code: 0 });
    expect(verified(cwd, [])).toMatchObject({ rest: 0, ok: true });
  },
  600_000,
);

binaryTest(
  "a stop signal ends it within 700 ms with exit code 0: catching up, or with a store that hangs",
  async () => {
    const silent = await silentServer();
    const hanging = { AWS_ENDPOINT_URL_S3: silent.url, ...SECRETS };
    const full = "simulator:?sensors=20&rate=max&count=5000000";
    const cases: [string, string[], Record<string, string>][] = [
      ["catching up", ["--source", full], {}],
      ["catching up, the store hangs", ["--source", full, "--store", "s3:"], hanging],
      ["idle, the store hangs", ["--source", "simulator:?sensors=20&rate=10", "--store", "s3:"], hanging],
      ["the store's folder cannot be made", ["--source", full, "--store", "dir:/proc/nowhere"], {}],
    ];
    for (const [what, args, env] of cases) {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        const tookMs = await quickest(700, async () => {
          const agent = start(newFolder(), args, env);
          expect([what, await agent.says("running")]).toEqual([what, true]);
          await Bun.sleep(1_200);
          const { code, ms } = await stopped(agent, signal);
          expect([what, signal, code, agent.heard]).toEqual([what, signal, 0, expect.stringContaining("stopped")]);
          return ms;
        });
        expect([what, signal, tookMs < 700 ? "in time" : tookMs]).toEqual([what, signal, "in time"]);
      }
    }
    silent.end();
  },
  600_000,
);

binaryTest(
  "a second signal ends it at once and loses nothing committed",
  async () => {
    const silent = await silentServer();
    const args = ["--source", "simulator:?sensors=20&rate=50", "--store", "s3:", "--drain", "60s"];
    const tookMs = await quickest(300, async () => {
      const cwd = newFolder();
      const agent = start(cwd, args, { AWS_ENDPOINT_URL_S3: silent.url, ...SECRETS });
      expect(await until(() => accepted(cwd, []) > 500)).toBe(true);
      process.kill(agent.pid, "SIGTERM");
      await Bun.sleep(1_000);
      expect(agent.end).toBeNull();
      const { code, ms } = await stopped(agent, "SIGTERM");
      expect(code).toBe(1);
      const after = verified(cwd, []);
      expect(after).toMatchObject({ rest: 0, ok: true });
      expect(after.accepted).toBeGreaterThan(500);
      return ms;
    });
    expect(tookMs < 300 ? "at once" : tookMs).toBe("at once");
    silent.end();
  },
  600_000,
);

diskTest(
  "a full disk: the agent waits, reports it, loses and doubles nothing, and continues when there is room",
  async () => {
    const disk = smallDisk("16m");
    const cwd = newFolder();
    const dataDir = join(disk, "data");
    const args = ["--data-dir", dataDir];
    const agent = start(cwd, [...args, "--source", "simulator:?sensors=50&rate=100"]);
    expect(await agent.says("running")).toBe(true);
    await Bun.sleep(1_000);
    const ballast = join(disk, "ballast");
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${ballast}`, "bs=64k"]);
    expect([agent.end, await until(() => problemsOf(dataDir).includes("disk_full")), agent.heard]).toEqual([
      null,
      true,
      agent.heard,
    ]);
    await Bun.sleep(3_000);
    expect([agent.end, problemsOf(dataDir)]).toEqual([null, expect.arrayContaining(["disk_full"])]);
    rmSync(ballast);
    expect(await until(() => !problemsOf(dataDir).includes("disk_full"))).toBe(true);
    await Bun.sleep(1_000);
    expect(await stopped(agent, "SIGTERM")).toMatchObject({ code: 0 });
    expect(agent.heard.match(/disk_full/g)?.length).toBe(1);
    const after = verified(cwd, args);
    expect(after).toMatchObject({ rest: 0, ok: true });
  },
  600_000,
);

diskTest(
  "a disk much smaller than the input: readings are taken, delivered and deleted in turn, also with kills while it is full",
  async () => {
    const disk = smallDisk("8m");
    const cwd = newFolder();
    const count = 200_000;
    run(cwd, ["simulate", "--rate", "max", "--count", String(count), "--seed", "9", "--out", "sqlite:f.db"]);
    const args = ["--data-dir", join(disk, "data"), "--store", "dir:lake"];
    writeFileSync(join(cwd, "lake"), "in the way");
    for (const fullForMs of [0, 900, 300]) {
      const agent = start(cwd, [...args, "--source", "sqlite:f.db", "--once"]);
      expect(await agent.says("running")).toBe(true);
      expect(await until(() => problemsOf(join(disk, "data")).includes("disk_full"))).toBe(true);
      await Bun.sleep(fullForMs);
      expect(agent.end).toBeNull();
      agent.kill("SIGKILL");
      await agent.ended;
    }
    const taken = accepted(cwd, args.slice(0, 2));
    expect(taken > 40_000 && taken < count ? "full" : taken).toBe("full");
    rmSync(join(cwd, "lake"));
    expect(run(cwd, ["run", ...args, "--source", "sqlite:f.db", "--once"])).toMatchObject({ code: 0 });
    expect(verified(cwd, args)).toMatchObject({ rest: 0, ok: true, accepted: count });
  },
  600_000,
);

diskTest(
  "a disk that others keep full: the agent continues in the room that its delivered readings leave, and reports it",
  async () => {
    const disk = smallDisk("48m");
    const cwd = newFolder();
    const simulate = (seed: string, count: string) =>
      run(cwd, ["simulate", "--rate", "max", "--count", count, "--seed", seed, "--out", "sqlite:f.db"]);
    simulate("1", "100000");
    const dataDir = join(disk, "data");
    const args = ["--data-dir", dataDir];
    const agent = start(cwd, [...args, "--source", "sqlite:f.db"], { AGENT_POLL_MS: "200ms" });
    expect(await until(() => accepted(cwd, args) === 100_000)).toBe(true);
    const ballast = join(disk, "ballast");
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${ballast}`, "bs=64k"]);
    simulate("2", "60000");
    expect(await until(() => accepted(cwd, args) === 160_000)).toBe(true);
    expect([agent.end, await until(() => problemsOf(dataDir).includes("disk_full"))]).toEqual([null, true]);
    rmSync(ballast);
    expect(await until(() => !problemsOf(dataDir).includes("disk_full"))).toBe(true);
    expect(await stopped(agent, "SIGTERM")).toMatchObject({ code: 0 });
    expect(verified(cwd, args)).toMatchObject({ rest: 0, ok: true, accepted: 160_000 });
  },
  600_000,
);

binaryTest(
  "a report that cannot be written is a problem, and the agent continues; a deleted data dir is restored whole",
  async () => {
    const cwd = newFolder();
    const dataDir = join(cwd, "agent-data");
    const agent = start(cwd, ["--source", "simulator:?sensors=20&rate=20"]);
    expect(await agent.says("running")).toBe(true);
    await until(() => existsSync(join(dataDir, "live.json")));
    mkdirSync(join(dataDir, "live.json.new"));
    expect(await until(() => problemsOf(dataDir).includes("report_unwritten"))).toBe(true);
    rmSync(join(dataDir, "live.json.new"), { recursive: true });
    expect(await until(() => !problemsOf(dataDir).includes("report_unwritten"))).toBe(true);
    const before = accepted(cwd, []);
    rmSync(dataDir, { recursive: true });
    expect(await agent.says("data_dir_put_back")).toBe(true);
    expect(await until(() => accepted(cwd, []) > before + 400)).toBe(true);
    // A second agent finds the lock where it was.
    expect(run(cwd, ["run", "--source", "stdin:", "--once", "--lock-wait", "0"]).code).toBe(1);
    // Deleted again, and stopped before anybody noticed.
    rmSync(dataDir, { recursive: true });
    expect([agent.end, await stopped(agent, "SIGTERM")]).toMatchObject([null, { code: 0 }]);
    const after = verified(cwd, []);
    expect(after).toMatchObject({ rest: 0, ok: true });
    expect(after.accepted).toBeGreaterThan(before + 400);
  },
  600_000,
);

diskTest(
  "an agent also waits for a disk that is full at the start",
  async () => {
    const disk = smallDisk("8m");
    const cwd = newFolder();
    const ballast = join(disk, "ballast");
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${ballast}`, "bs=4k"]);
    const agent = start(cwd, ["--data-dir", disk, "--source", "simulator:?sensors=5&rate=10"]);
    expect(await until(() => /data_dir_waits: .*full/.test(agent.heard))).toBe(true);
    await Bun.sleep(1_000);
    expect([agent.end, agent.heard]).toEqual([null, expect.not.stringContaining("running")]);
    rmSync(ballast);
    expect(await agent.says("running")).toBe(true);
    expect(await stopped(agent, "SIGTERM")).toMatchObject({ code: 0 });
  },
  600_000,
);

diskTest(
  "the store's disk is full: deliveries wait, and continue when there is room",
  async () => {
    const disk = smallDisk("16m");
    const cwd = newFolder();
    const ballast = join(disk, "ballast");
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${ballast}`, "bs=64k"]);
    const store = ["--store", `dir:${join(disk, "lake")}`];
    const agent = start(cwd, [...store, "--source", "simulator:?sensors=50&rate=20"], {
      AGENT_BACKOFF_MAX_MS: "500ms",
    });
    const dataDir = join(cwd, "agent-data");
    expect(await until(() => problemsOf(dataDir).includes("store_unreachable"))).toBe(true);
    expect(agent.end).toBeNull();
    rmSync(ballast);
    expect(await agent.says("uplink_up")).toBe(true);
    expect(await stopped(agent, "SIGTERM")).toMatchObject({ code: 0 });
    expect(verified(cwd, store)).toMatchObject({ rest: 0, ok: true });
  },
  600_000,
);

binaryTest(
  "a buffer that becomes corrupt under a running agent is set aside, and the agent continues",
  async () => {
    const cwd = newFolder();
    const source = "simulator:?sensors=50&rate=40";
    const agent = start(cwd, ["--source", source], { AGENT_BATCH_MS: "24h" });
    expect(await until(() => accepted(cwd, []) > 4_000)).toBe(true);
    agent.kill("SIGKILL");
    await agent.ended;
    const path = join(cwd, "agent-data", "buffer.db");
    // Folded into the database by opening it, then its pages from the fortieth on are shuffled.
    const { Database } = await import("bun:sqlite");
    const db = new Database(path);
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    const bytes = readFileSync(path);
    for (let at = 40 * 4_096; at < bytes.length; at += 5 * 4_096) bytes.fill(0xa5, at, at + 4_096);
    writeFileSync(path, bytes);
    const again = start(cwd, ["--source", source]);
    expect(await again.says("buffer_was_corrupt")).toBe(true);
    const dataDir = join(cwd, "agent-data");
    expect(await until(() => problemsOf(dataDir).includes("buffer_was_corrupt"))).toBe(true);
    expect(readdirSync(dataDir).filter((name) => /^buffer\.corrupt-.*\.db$/.test(name)).length).toBe(1);
    expect(await stopped(again, "SIGTERM")).toMatchObject({ code: 0 });
    expect(verified(cwd, [])).toMatchObject({ rest: 0, ok: true });
  },
  600_000,
);
