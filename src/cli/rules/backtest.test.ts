import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Retention } from "../../buffer/disk/retention.ts";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { LedgerReadings } from "../../buffer/ledger/readings.ts";
import { AgentError } from "../../core/errors.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import type { RuleSet } from "../../rules/rule-set.ts";
import { MemoryStore } from "../../uplink/memory-store.ts";
import { backtest } from "../../verdicts/backtest.ts";
import { CELLS, OTHERS } from "../../verdicts/tally.ts";
import { EPOCH_START, TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { progressLine } from "../frame/progress-line.ts";
import { type BacktestJson, backtestJson } from "./backtest-text.ts";
import { group } from "./rules.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const SINCE = ["--since", new Date(EPOCH_START - 1_000).toISOString()];

/** Runs `agent rules backtest` over the node's buffer with a folder of these candidate rules. */
function backtested(rules: unknown, ...flags: string[]) {
  const dir = join(node.dataDir, "candidate");
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "rules.json"), typeof rules === "string" ? rules : JSON.stringify(rules));
  const argv = ["rules", "backtest", "--rules", "candidate", "--data-dir", ".", ...SINCE, ...flags];
  return see(argv, { rules: async () => ({ group }) }, { cwd: node.dataDir });
}
const asJson = async (rules: unknown, ...flags: string[]) =>
  JSON.parse((await backtested(rules, "--json", ...flags)).stdout) as BacktestJson;

// TestNode: temperature is 20 + seq % 7; every 10th broke rule "r", every 25th is malformed.
// In the order of canonical JSON.
const over = (name: string, max: number) => ({ name, when: { range: { max, measure: "temperature" } } });
const epoch = () => node.buffer.epoch;

test("where the stored rule set is damaged, the backtest is shown without what changed", async () => {
  node.take(100);
  node.buffer.rememberRules("abc", '[{"name":7}]', 0);
  node.buffer.setMeta("rules_version", "abc");
  const json = await asJson([over("hot", 25)]);
  expect([json.readings, json.rules.map(({ name }) => name)]).toEqual([96, ["hot", "r"]]);
});

test("each rule's would and did, what differs in both directions, and the newest examples", async () => {
  node.take(100);
  const { code, stdout, stderr } = await backtested([over("hot", 25), over("r", 25)]);
  expect([code, stderr]).toEqual([0, []]);
  expect(stdout.replace(/^.*\n/, "").replace(/version \w{12}/, "version V")).toBe(`warmed up with  0 older readings
would break     candidate, 2 rules, version V
did break       abc (96 readings)

rule      would break  did break  only would  only did
hot                14          0          14         0
r                  14          8          12         6
any rule           14          8          12         6

Where they differ, the newest:
hot
  ${epoch()}-83  2026-11-23T08:51:23.000Z  s2  would break: temperature 26 is above 25
  ${epoch()}-90  2026-11-23T08:51:30.000Z  s0  would break: temperature 26 is above 25
  ${epoch()}-97  2026-11-23T08:51:37.000Z  s1  would break: temperature 26 is above 25
r
  ${epoch()}-76  2026-11-23T08:51:16.000Z  s1  would break: temperature 26 is above 25
  ${epoch()}-83  2026-11-23T08:51:23.000Z  s2  would break: temperature 26 is above 25
  ${epoch()}-97  2026-11-23T08:51:37.000Z  s1  would break: temperature 26 is above 25
  ${epoch()}-60  2026-11-23T08:51:00.000Z  s0  no longer breaks: temperature 72.4 is above 60
  ${epoch()}-70  2026-11-23T08:51:10.000Z  s1  no longer breaks: temperature 72.4 is above 60
  ${epoch()}-80  2026-11-23T08:51:20.000Z  s2  no longer breaks: temperature 72.4 is above 60
`);
  expect(stdout).toMatch(/^96 readings committed from 2026-11-23T08:49:59.000Z to .*, and 4 malformed that no rule /);
});

test("as JSON: the binding fields, by sensor, by hour of the reading, and what changed against the set in force", async () => {
  node.take(100);
  node.buffer.setMeta("rules_version", "abc");
  node.buffer.rememberRules("abc", JSON.stringify([over("gone", 1), over("r", 60), over("x", 30)]), 0);
  const found = await asJson([over("hot", 25), over("r", 25), { ...over("x", 30), description: "other words" }]);
  expect(found).toMatchObject({ readings: 96, malformed: 4, warmed_up: 0, held: { first_seq: 1, last_seq: 100 } });
  expect(found.in_force).toEqual({ version: "abc", known: true });
  expect(found.judged_by).toEqual([{ version: "abc", readings: 96 }]);
  expect(found.rules.map(({ name, would_break, did_break, change }) => [name, would_break, did_break, change])).toEqual(
    [
      ["gone", 0, 0, "removed"],
      ["hot", 14, 0, "new"],
      ["r", 14, 8, "changed"],
      ["x", 0, 0, "same"],
    ],
  );
  const r = found.rules[2]!;
  expect([r.only_would, r.only_did, r.in_candidate, found.rules[0]!.in_candidate]).toEqual([12, 6, true, false]);
  expect(r.by_hour).toEqual([{ hour: "2026-11-23T08:00Z", would_break: 14, did_break: 8 }]);
  const sum = (of: "would_break" | "did_break") => r.by_sensor.reduce((n, one) => n + one[of], 0);
  expect([r.by_sensor.map((one) => one.sensor_id), sum("would_break"), sum("did_break")]).toEqual([
    ["s0", "s1", "s2"],
    14,
    8,
  ]);
  expect(found.truth).toBeNull();
});

test("--by sensor puts the widest gap first, --by hour goes by time", async () => {
  for (let i = 0; i < 5; i++) node.take(300);
  const bySensor = (await backtested([over("hot", 25)], "--by", "sensor")).stdout;
  expect(bySensor).toMatch(/\nsensor {2}rule {2}would break {2}did break\ns\d +hot +\d+ +0\n/);
  const byHour = (await backtested([over("hot", 25)], "--by", "hour")).stdout;
  expect(byHour).toMatch(/\n2026-11-23T08:00Z {2}hot .*\n2026-11-23T08:00Z {2}r .*\n2026-11-23T09:00Z {2}hot /);
});

test("only readings committed from --since and before --until count; those before them warm the rules up", async () => {
  node.take(40);
  node.nowMs = EPOCH_START + 60_000;
  node.take(50);
  node.nowMs = EPOCH_START + 120_000;
  node.take(10);
  const seqs: number[] = [];
  let judged = 0;
  const ledger = BufferLedger.open(node.dataDir);
  const readings = new LedgerReadings(ledger);
  const { catalogue } = readings;
  /** Breaks on every reading; its reason is how many it has kept before. */
  const set: RuleSet = {
    version: "v",
    canonical: "[]",
    names: ["n"],
    rules: [],
    judge: (block: ReadingBlock) => {
      block.findings.clear();
      for (let row = 0; row < block.count; row++) {
        if (block.label[row]! < 0) continue;
        const finding = { rule: "n", severity: "info", reason: `${judged++}`, observed: null, limit: null } as const;
        block.findings.set(row, [{ ...finding, window: null }]);
        seqs.push((block.time[row]! - EPOCH_START) / 1_000);
      }
    },
    keep: () => undefined,
    saveState: () => new Map(),
    saveJudged: () => new Map(),
    loadState: () => [],
    warnings: () => [],
    count: () => undefined,
    counts: () => [],
    costs: () => [],
    silentSensors: () => [],
    evaluationProblems: () => [],
  };
  const options = { ledger, readings, set, stop: new AbortController().signal, progress: progressLine(false) };
  const range = { sinceMs: EPOCH_START + 60_000, untilMs: EPOCH_START + 120_000 };
  const found = await backtest({ ...options, ...range });
  const json = backtestJson(found, { epoch: ledger.epoch, from: "here", set, ...range });
  ledger.close();
  expect(catalogue.sensors.length).toBe(4);
  expect([json.readings, json.malformed, json.warmed_up]).toEqual([48, 2, 40]);
  expect(seqs).toEqual(Array.from({ length: 90 }, (_, i) => i + 1).filter((seq) => seq % 25 !== 0));
  expect(json.rules.find(({ name }) => name === "n")).toMatchObject({ would_break: 48, did_break: 0 });
  // 39 of the first 40 were judged before the first that counts; the newest three are shown.
  expect(json.rules.find(({ name }) => name === "n")!.examples.map(({ would }) => would)).toEqual(["84", "85", "86"]);
});

test("a buffer without readings of that time says which it has", async () => {
  node.take(10);
  const { code, stdout } = await backtested([over("hot", 25)], "--until", "2026-11-23T08:50:00Z");
  expect(code).toBe(0);
  expect(stdout).toStartWith("0 readings committed from ");
  expect(stdout).toContain(
    "nothing was judged then; the buffer holds those committed from 2026-11-23T08:50:00.000Z to",
  );
});

test("what was pruned is gone from the replay, and a hole in the seqs does not end it", async () => {
  await node.takeAndDeliver(new MemoryStore(), 200);
  node.take(10);
  while (new Retention(node.buffer).prune(Number.MAX_SAFE_INTEGER) > 0);
  node.take(40);
  node.buffer.db.run("DELETE FROM reading WHERE seq BETWEEN 221 AND 230");
  node.buffer.db.run("DELETE FROM finding WHERE seq BETWEEN 221 AND 230");
  node.buffer.db.run("DELETE FROM malformed WHERE seq BETWEEN 221 AND 230");
  const found = await asJson([over("hot", 25)]);
  expect([found.readings + found.malformed, found.held.first_seq]).toEqual([40, 201]);
});

test("the ground truth: precision and recall per anomaly type, with and without the rules about the sensor's own flag", async () => {
  takeLabelled();
  const flag = { name: "flagged", when: { flag: { field: "anomaly_flag", equals: 1 } } };
  const found = await asJson([flag, over("hot", 25)]);
  expect(found.truth).toEqual({
    all_rules: [
      { type: "spike", readings: 4, caught: 4, recall: 1, precision: 4 / 5 },
      { type: "stuck", readings: 2, caught: 2, recall: 1, precision: 2 / 3 },
      { type: null, readings: 6, caught: 6, recall: 1, precision: 6 / 7 },
    ],
    without_flag_rules: [
      { type: "spike", readings: 4, caught: 3, recall: 3 / 4, precision: 3 / 4 },
      { type: "stuck", readings: 2, caught: 0, recall: 0, precision: 0 },
      { type: null, readings: 6, caught: 3, recall: 0.5, precision: 3 / 4 },
    ],
    flag_rules: ["flagged"],
  });
  const { stdout } = await backtested([flag, over("hot", 25)]);
  expect(stdout).toContain(`
The same without the flag rules (flagged), which only repeat what the sensor says:
anomaly_type  readings  caught  recall  precision
spike                4       3   0.750      0.750
stuck                2       0   0.000      0.000
any                  6       3   0.500      0.750
`);
});

/** Four spikes (one of them not hot), two stuck, four healthy (one of them hot). */
function takeLabelled(): void {
  const { catalogue } = node.buffer;
  const block = node.buffer.recent.lend();
  const sensor = catalogue.internSensor(
    IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? "s" : null)),
    ["temperature"],
  );
  const rows: [string | null, number][] = [
    ["spike", 90],
    ["spike", 90],
    ["spike", 90],
    ["spike", 20],
    ["stuck", 20],
    ["stuck", 20],
    [null, 90],
    [null, 20],
    [null, 20],
    [null, 20],
  ];
  for (const [anomalyType, temperature] of rows) {
    const anomalyFlag = anomalyType === null ? 0 : 1;
    const row = block.add(sensor, EPOCH_START, catalogue.internLabel({ statusCode: 0, anomalyFlag, anomalyType }));
    block.column(catalogue.slotOf("temperature"))[row] = temperature;
  }
  const facts = { ingestedAtMs: node.nowMs, rulesVersion: "abc", timeQuality: "ok", agentVersion: "0.1.0" } as const;
  node.buffer.commit(block, facts, []);
}

test("sensors without end are counted together behind a limit", async () => {
  const { catalogue } = node.buffer;
  const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  for (let sensor = 0; sensor < CELLS + 10; ) {
    const block = node.buffer.recent.lend();
    for (; !block.full && sensor < CELLS + 10; sensor++) {
      const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? `n${sensor}` : null));
      const row = block.add(catalogue.internSensor(identity, ["temperature"]), EPOCH_START, label);
      block.column(catalogue.slotOf("temperature"))[row] = 90;
    }
    node.buffer.commit(
      block,
      { ingestedAtMs: EPOCH_START, rulesVersion: "abc", timeQuality: "ok", agentVersion: "1" },
      [],
    );
  }
  const { rules } = await asJson([over("hot", 25)]);
  expect(rules[0]!.would_break).toBe(CELLS + 10);
  expect(rules[0]!.by_sensor.length).toBe(CELLS + 1);
  expect(rules[0]!.by_sensor[0]).toEqual({ sensor_id: OTHERS, would_break: 10, did_break: 0 });
});

test("a refused candidate is reported as file:line:column, and exits 1", async () => {
  node.take(10);
  const { code, stdout } = await backtested(
    '{"name":"cold",\n"when":{"range":{"measure":"temperature","minimum":-20}}}',
  );
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/^candidate\/rules\.json:2:42: when\.range\.minimum: is not known here/m),
  ]);
});

test("a wrong call exits 2 and says what would be right", async () => {
  node.take(10);
  for (const flags of [
    ["--since", "24"],
    ["--since", "yesterday"],
    ["--by", "color"],
    ["--until", "400d"],
  ]) {
    const { code, stderr } = await see(["rules", "backtest", "--data-dir", node.dataDir, ...flags], {
      rules: async () => ({ group }),
    });
    expect([flags, code, stderr.length]).toEqual([flags, 2, 2]);
  }
  expect((await see(["rules", "backtest", "--data-dir", "no"], { rules: async () => ({ group }) })).code).toBe(2);
});

test("after a stop it ends with a sentence; the buffer was not touched", async () => {
  node.take(10);
  const ledger = BufferLedger.open(node.dataDir);
  const readings = new LedgerReadings(ledger);
  const { builtInRules } = await import("../../rules/files/shipped.ts");
  const slow = builtInRules(readings.catalogue);
  const before = node.buffer.db.query("SELECT total_changes() AS n").get();
  const set: RuleSet = Object.assign(Object.create(slow), {
    judge: (block: ReadingBlock) => {
      // Longer than a turn.
      for (const end = performance.now() + 60; performance.now() < end; );
      slow.judge(block);
    },
    keep: () => slow.keep(),
    count: () => undefined,
    counts: () => [],
    costs: () => [],
    silentSensors: () => [],
    evaluationProblems: () => [],
  });
  const range = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
  const lines: string[] = [];
  const progress = { tell: (text: () => string) => void lines.push(text()), end: () => undefined };
  const work = backtest({ ledger, readings, set, ...range, stop: AbortSignal.abort(), progress });
  expect(work).rejects.toThrow(AgentError);
  await work.catch(() => undefined);
  ledger.close();
  expect(lines).toEqual([expect.stringMatching(/^10 of 10 readings, [\d,]+\/s, about 0 s left$/)]);
  expect(node.buffer.db.query("SELECT total_changes() AS n").get()).toEqual(before);
});
