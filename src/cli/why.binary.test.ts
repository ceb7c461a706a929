/** why, rules backtest, rules list --history and tail of the compiled binary, on what the compiled binary itself judged. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canRun, testWith } from "../testing/needs.ts";

const BINARY = join(import.meta.dir, "../../dist/agent");
const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-why-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...argv: string[]) {
  const done = Bun.spawnSync([BINARY, ...argv], { cwd: folder, env: { AGENT_NODE_ID: "edge-7" }, stdin: "ignore" });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

const ROWS = 3_000;
beforeAll(() => {
  if (!canRun("binary")) return;
  const source = `simulator:?sensors=3&rate=max&count=${ROWS}&seed=5&anomaly=0.05`;
  expect(run("run", "--once", "--source", source).code).toBe(0);
});

type AnomalyRow = {
  readonly reading_id: string;
  readonly anomaly_rules: readonly string[];
  readonly anomaly_reason: string;
};

binaryTest("why says of an anomaly in the lake what its row says, and of a valid reading that it broke no rule", () => {
  const [line] = run("lake", "head", "--stage", "anomalies", "--count", "1").stdout.split("\n");
  const row = JSON.parse(line!) as AnomalyRow;
  const { code, stdout, stderr } = run("why", row.reading_id, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  const answer = JSON.parse(stdout) as { verdict: { rule: string; reason: string }[]; reading: AnomalyRow };
  expect(answer.verdict.map(({ rule }) => rule)).toEqual([...row.anomaly_rules]);
  expect(answer.verdict.map(({ reason }) => reason).join("; ")).toBe(row.anomaly_reason);
  // Each field of the row in raw is here under the same name.
  expect(row).toMatchObject(answer.reading);
  const [valid] = run("lake", "head", "--stage", "validated", "--count", "1").stdout.split("\n");
  expect(run("why", (JSON.parse(valid!) as AnomalyRow).reading_id).stdout).toContain("\nValid: it broke no rule.\n");
  expect(run("why", "nonsense").code).toBe(2);
  expect(run("why", String(ROWS + 1)).code).toBe(1);
});

binaryTest(
  "rules backtest with the rules in force repeats every verdict; without one of them it says which verdicts go",
  () => {
    type Backtest = {
      readings: number;
      rules: { name: string; would_break: number; did_break: number }[];
      truth: { all_rules: { type: string | null; recall: number }[] };
    };
    const { code, stdout, stderr } = run("rules", "backtest", "--since", "1h", "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const same = JSON.parse(stdout) as Backtest;
    expect(same.readings).toBe(ROWS);
    for (const { name, would_break, did_break } of same.rules) expect([name, would_break]).toEqual([name, did_break]);
    expect(same.rules.find(({ name }) => name === "sensor-flag")!.did_break).toBeGreaterThan(50);
    expect(same.truth.all_rules.at(-1)).toMatchObject({ type: null, recall: 1 });

    mkdirSync(join(folder, "candidate"));
    writeFileSync(
      join(folder, "candidate/a.json"),
      '{"name":"hot","when":{"range":{"measure":"temperature","max":-90}}}',
    );
    const text = run("rules", "backtest", "--rules", "candidate");
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/\nhot +[\d,]+ +0 +[\d,]+ +0 {2}new\n/);
    expect(text.stdout).toMatch(/\nsensor-flag +0 +\d+ +0 +\d+ {2}removed\n/);
    writeFileSync(join(folder, "candidate/b.json"), "{");
    expect(run("rules", "backtest", "--rules", "candidate")).toMatchObject({
      code: 1,
      stdout: "candidate/b.json:1:2: expected a key in double quotes, not the end of the file\n",
    });
  },
);

binaryTest("rules list counts the rules that were broken lately, and --history shows the switches", () => {
  const found = JSON.parse(run("rules", "list", "--json").stdout) as { rules: { name: string; did_break: number }[] };
  expect(found.rules.find(({ name }) => name === "sensor-flag")!.did_break).toBeGreaterThan(50);
  expect(run("rules", "list").stdout).toMatch(/\nsensor-flag +\d+ .*warning +flag\n/);
  expect(run("rules", "list", "--history").stdout).toMatch(/^\S+Z {2}none -> \w{12} {2}added .*\n$/);
});

binaryTest(
  "tail shows the newest, then what a running agent judges, and ends with Ctrl-C",
  async () => {
    const tail = Bun.spawn([BINARY, "tail", "--lines", "2", "--json"], {
      cwd: folder,
      env: {},
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    try {
      const shown: { reading: AnomalyRow }[] = [];
      let text = "";
      const decoder = new TextDecoder();
      let agent: Bun.Subprocess | null = null;
      for await (const bytes of tail.stdout) {
        text += decoder.decode(bytes, { stream: true });
        const lines = text.split("\n");
        text = lines.pop()!;
        shown.push(...lines.map((line) => JSON.parse(line) as { reading: AnomalyRow }));
        const source = "simulator:?sensors=1&rate=max&count=50&seed=9";
        agent ??= Bun.spawn([BINARY, "run", "--once", "--source", source], {
          cwd: folder,
          env: { AGENT_NODE_ID: "edge-7" },
          stdin: "ignore",
          stdout: "ignore",
          stderr: "ignore",
        });
        if (shown.length >= 52) break;
      }
      const seqs = shown.map(({ reading }) => Number(reading.reading_id.split("-")[1]));
      expect(seqs).toEqual(Array.from({ length: 52 }, (_, i) => ROWS - 1 + i));
      await agent?.exited;
    } finally {
      tail.kill("SIGINT");
    }
    expect(await tail.exited).toBe(0);
  },
  600_000,
);
