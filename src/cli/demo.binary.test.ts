/** `agent demo` as a user runs it: the compiled binary in an empty folder. Plain `bun test` skips it aloud without dist/agent. */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testWith } from "../testing/needs.ts";

const BINARY = join(import.meta.dir, "../../dist/agent");
const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-demo-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Stages = Record<string, { rows: number; objects: number }>;

function demo(...argv: string[]) {
  const done = Bun.spawnSync([BINARY, "demo", ...argv], { cwd: folder, env: {} });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

binaryTest("the demo takes, judges and delivers, and its figures agree with each other", () => {
  const { code, stdout } = demo("--for", "2s", "--json");
  expect(code).toBe(0);
  const summary = JSON.parse(stdout) as {
    accepted: number;
    losses: number;
    stages: Stages;
    anomalies_by_rule: Record<string, number>;
    verify: { ok: boolean };
  };
  const rows = (stage: string) => summary.stages[stage]!.rows;
  expect(summary.verify).toEqual({ ok: true });
  expect(summary.losses).toBe(0);
  expect(summary.accepted).toBeGreaterThan(200);
  expect(rows("raw")).toBe(summary.accepted);
  expect(rows("validated") + rows("anomalies")).toBe(summary.accepted);
  expect(rows("schematized")).toBe(rows("validated"));
  expect(rows("anomalies")).toBeGreaterThan(0);
  expect(rows("aggregated")).toBeGreaterThanOrEqual(24);
  // A flagged reading breaks this rule and maybe others; nothing breaks a rule more often than there are anomalies.
  expect(summary.anomalies_by_rule["sensor-flag"]).toBeGreaterThan(0);
  expect(Math.max(...Object.values(summary.anomalies_by_rule))).toBeLessThanOrEqual(rows("anomalies"));
});

binaryTest("for a person it ends with the result in a sentence, and it empties only a folder of its own", () => {
  const { code, stdout } = demo("--for", "1s");
  expect(code).toBe(0);
  expect(stdout.trimEnd().endsWith("every reading is where it belongs")).toBe(true);
  mkdirSync(join(folder, "mine"));
  writeFileSync(join(folder, "mine", "thesis.txt"), "do not lose this");
  const refused = demo("--dir", "mine", "--for", "1s");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("Try: agent demo --dir");
  expect(existsSync(join(folder, "mine", "thesis.txt"))).toBe(true);
});
