/** why, rules backtest, rules list --history and tail of the compiled binary, on what the compiled binary itself judged. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BINARY = join(import.meta.dir, "../../dist/agent");
const built = existsSync(BINARY);
if (!built) console.warn("skipped: dist/agent is not there; run `bun run build` first");
const folder = mkdtempSync(join(tmpdir(), "agent-why-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...argv: string[]) {
  const done = Bun.spawnSync([BINARY, ...argv], { cwd: folder, env: { AGENT_NODE_ID: "edge-7" }, stdin: "ignore" });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

const ROWS = 3_000;
beforeAll(() => {
  if (!built) return;
  const source = `simulator:?sensors=3&rate=max&count=${ROWS}&seed=5&anomaly=0.05`;
  expect(run("run", "--once", "--source", source).code).toBe(0);
});

type Row = { readonly reading_id: string; readonly anomaly_rules: readonly string[]; readonly anomaly_reason: string };

test.skipIf(!built)(
  "why tells of an anomaly in the lake what its row says, and of a valid one that it broke no rule",
  () => {
    const [line] = run("lake", "head", "--stage", "anomalies", "--count", "1").stdout.split("\n");
    const row = JSON.parse(line!) as Row;
    const { code, stdout, stderr } = run("why", row.reading_id, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const told = JSON.parse(stdout) as { verdict: { rule: string; reason: string }[]; reading: Row };
    expect(told.verdict.map(({ rule }) => rule)).toEqual([...row.anomaly_rules]);
    expect(told.verdict.map(({ reason }) => reason).join("; ")).toBe(row.anomaly_reason);
    // What stands in the row of raw stands here under the same name.
    expect(row).toMatchObject(told.reading);
    const [valid] = run("lake", "head", "--stage", "validated", "--count", "1").stdout.split("\n");
    expect(run("why", (JSON.parse(valid!) as Row).reading_id).stdout).toContain("\nValid: it broke no rule.\n");
    expect(run("why", "nonsense").code).toBe(2);
    expect(run("why", String(ROWS + 1)).code).toBe(1);
  },
);
