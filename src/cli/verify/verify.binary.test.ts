/** status, verify and lake of the compiled binary, on what the compiled binary itself delivered. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testWith } from "../../testing/needs.ts";

const BINARY = join(import.meta.dir, "../../../dist/agent");
const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-verify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...argv: string[]) {
  const done = Bun.spawnSync([BINARY, ...argv], { cwd: folder, env: { AGENT_NODE_ID: "edge-7" }, stdin: "ignore" });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

binaryTest("the binary finds each delivered object where it belongs, and names those that were deleted", () => {
  expect(run("verify").code).toBe(2);
  const source = "simulator:?sensors=3&rate=max&count=3000&seed=5";
  expect(run("run", "--once", "--source", source).code).toBe(0);

  const whole = run("verify", "--deep");
  expect([whole.code, whole.stderr]).toEqual([0, ""]);
  expect(whole.stdout).toEndWith("\nevery reading is where it belongs\n");

  const status = JSON.parse(run("status", "--json").stdout) as Record<string, unknown>;
  expect(status).toMatchObject({
    node_id: "edge-7",
    pid: null,
    health: "ok",
    problems: [],
    losses: [],
    buffer: { accepted: 3_000 },
    stages: { raw: { delivered: 3_000, pending: 0 } },
    uplink: { state: "up", error: null },
  });
  expect(run("status").stdout).toStartWith("edge-7: ok (no agent is running)\n");

  const lake = JSON.parse(run("lake", "ls", "--json").stdout) as { stage: string; rows: number }[];
  const rowsOf = (stage: string) => lake.find((one) => one.stage === stage)?.rows ?? 0;
  expect(rowsOf("raw")).toBe(3_000);
  expect(rowsOf("validated") + rowsOf("anomalies")).toBe(3_000);
  expect(run("lake", "head", "--stage", "raw", "--count", "2").stdout.trim().split("\n").length).toBe(2);

  expect(run("lake", "clean", "--stage", "schematized").code).toBe(2);
  expect(run("lake", "clean", "--stage", "schematized", "--yes").code).toBe(0);
  const gone = run("verify", "--json");
  expect(gone.code).toBe(1);
  expect(JSON.parse(gone.stdout)).toMatchObject({
    ok: false,
    epochs: [{ accepted: 3_000, stages: { raw: { missing: [] }, schematized: { missing: [[1, 3_000]], objects: 0 } } }],
  });
});

binaryTest("a healthy node that is at work exits 0: what is pending is neither missing nor double", async () => {
  const flags = ["--data-dir", "living", "--store", "dir:living-lake"];
  const source = "simulator:?sensors=3&rate=200&seed=5";
  const agent = Bun.spawn([BINARY, "run", "--source", source, ...flags], {
    cwd: folder,
    env: { AGENT_NODE_ID: "edge-8" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    while (run("verify", ...flags).code === 2) await Bun.sleep(100);
    // At least five looks, and until one of them comes between a promise and its object.
    let isPending = false;
    for (let look = 0; look < 5 || !isPending; look++) {
      const { code, stdout, stderr } = run("verify", "--json", ...flags);
      expect([code, stderr]).toEqual([0, ""]);
      const { epochs } = JSON.parse(stdout) as { epochs: { stages: Record<string, Record<string, unknown[]>> }[] };
      for (const { missing, pending, duplicate } of Object.values(epochs[0]!.stages)) {
        expect([missing, duplicate]).toEqual([[], []]);
        isPending ||= pending!.length > 0;
      }
      await Bun.sleep(200);
    }
  } finally {
    agent.kill("SIGTERM");
    await agent.exited;
  }
  expect(run("run", "--once", "--source", "simulator:?count=0", ...flags).code).toBe(0);
  const settled = run("verify", "--settle", "20s", ...flags);
  expect([settled.code, settled.stdout.endsWith("\nevery reading is where it belongs\n")]).toEqual([0, true]);
});
