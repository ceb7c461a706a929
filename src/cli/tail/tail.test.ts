import { afterEach, beforeEach, expect, test } from "bun:test";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { Retention } from "../../buffer/disk/retention.ts";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { LedgerReadings } from "../../buffer/ledger/readings.ts";
import { BufferTail } from "../../buffer/ledger/tail.ts";
import { MemoryStore } from "../../uplink/memory-store.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { filterOf, unknownLines, type Wanted } from "./filter.ts";
import { follow } from "./follow.ts";
import { command } from "./tail.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const ALL: Wanted = { sensor: null, rule: null, severity: null };
type TailOptions = {
  readonly wanted?: Partial<Wanted>;
  readonly verdicts?: readonly number[];
  readonly lines?: number;
  readonly isJson?: boolean;
};

/** What tail shows while `steps` happen, one at each of its waits; then it is stopped. */
async function tailed(steps: readonly (() => void)[], options: TailOptions = {}) {
  const { verdicts = [0, 1, 2], lines = 10, isJson = false } = options;
  const wanted = { ...ALL, ...options.wanted };
  const stop = new AbortController();
  const left = [...steps];
  let stdout = "";
  const said: string[] = [];
  await follow({
    tail: new BufferTail(node.dataDir, filterOf(wanted, verdicts)),
    lines,
    isJson,
    unknown: ({ catalogue }) => unknownLines(wanted, node.dataDir, catalogue),
    stop: stop.signal,
    isRunning: () => true,
    write: async (text) => {
      stdout += String(text);
    },
    say: (line) => void said.push(line),
    wait: async () => {
      const step = left.shift();
      if (step === undefined) stop.abort();
      step?.();
    },
  });
  return { lines: stdout.split("\n").slice(0, -1), said };
}
const seqs = (lines: readonly string[]) => lines.map((line) => Number(line.split("  ")[0]));
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

test("it begins with the newest readings, then shows new ones, a line each: time, sensor, measures, verdict", async () => {
  node.take(30);
  const { lines, said } = await tailed([() => node.take(3), () => undefined, () => node.take(20)]);
  expect(seqs(lines)).toEqual(range(21, 53));
  expect(said).toEqual([]);
  expect(lines[0]).toBe("21  2026-11-23T08:50:21.000Z  s0  temperature 20  ok");
  expect(lines[4]).toBe("25  2026-11-23T08:50:25.000Z  -  MALFORMED not_json: why");
  expect(lines[9]).toBe("30  2026-11-23T08:50:30.000Z  s0  temperature 22  ANOMALY r: temperature 72.4 is above 60");
});

test("only a stage, only a sensor: the last lines are those that pass", async () => {
  node.take(200);
  expect(seqs((await tailed([() => node.take(30)], { verdicts: [1, 2], lines: 4 })).lines)).toEqual([
    175, 180, 190, 200, 210, 220, 225, 230,
  ]);
  expect(seqs((await tailed([], { verdicts: [1], wanted: { sensor: "s0" }, lines: 2 })).lines)).toEqual([180, 210]);
  expect(seqs((await tailed([() => node.take(1)], { lines: 0 })).lines)).toEqual([231]);
});

test("by rule, by severity and above, by a glob of sensors, and by all of them together", async () => {
  node.take(200);
  const newest = async (wanted: Partial<Wanted>, lines = 3) => {
    const seen = await tailed([() => node.take(50)], { wanted, lines });
    return { seqs: seqs(seen.lines), said: seen.said };
  };
  expect(await newest({ rule: "r" })).toEqual({ seqs: [170, 180, 190, 210, 220, 230, 240], said: [] });
  expect((await newest({ rule: "mal*" }, 2)).seqs).toEqual([225, 250, 275, 300]);
  expect((await newest({ severity: "warning" }, 2)).seqs).toEqual([290, 300, 310, 320, 325, 330, 340, 350]);
  expect((await newest({ severity: "critical" })).seqs).toEqual([]);
  expect((await newest({ sensor: "s?", rule: "?" }, 1)).seqs).toEqual([390, 410, 420, 430, 440]);
  expect((await newest({ sensor: "*1", severity: "info" }, 1)).seqs).toEqual([430, 460, 490]);
});

test("tail names the rule that was probably meant, and says when a glob matches nothing", async () => {
  node.take(10);
  node.buffer.db.run("INSERT OR REPLACE INTO meta VALUES ('rules_version', 'abc')");
  node.buffer.db.run(`INSERT INTO rule_set VALUES ('abc', '[{"name":"temperature-range"}]', 1)`);
  const said = async (wanted: Partial<Wanted>) => (await tailed([], { wanted })).said;
  expect(await said({ rule: "temprature-range" })).toEqual([
    'The rule set in force has no rule "temprature-range"; did you mean temperature-range?',
  ]);
  expect(await said({ rule: "humid*", sensor: "x*" })).toEqual([
    'The buffer has no reading whose sensor matches "x*" yet',
    'The rule set in force has no rule whose name matches "humid*"',
  ]);
  expect(await said({ rule: "temp*", sensor: "s*" })).toEqual([]);
});

test("tail says when no rule that is asked for has the severity, so that nothing can pass", async () => {
  node.take(10);
  node.buffer.db.run("INSERT OR REPLACE INTO meta VALUES ('rules_version', 'abc')");
  const rules = '[{"name":"low","severity":"info"},{"name":"usual"}]';
  node.buffer.db.run(`INSERT INTO rule_set VALUES ('abc', '${rules}', 1)`);
  const said = async (wanted: Partial<Wanted>) => (await tailed([], { wanted })).said;
  expect(await said({ rule: "low", severity: "warning" })).toEqual([
    'The rule set in force has no rule "low" of severity warning or above: the highest is info',
  ]);
  expect(await said({ rule: "*", severity: "critical" })).toEqual([
    'The rule set in force has no rule whose name matches "*" of severity critical: the highest is warning',
  ]);
  expect(await said({ severity: "critical" })).toEqual([
    "The rule set in force has no rule of severity critical: the highest is warning",
  ]);
  expect(await said({ rule: "usual", severity: "warning" })).toEqual([]);
  expect(await said({ rule: "no", severity: "critical" })).toEqual(['The rule set in force has no rule "no"']);
});

test("as JSON a line has the fields that why has", async () => {
  node.take(10);
  const { lines } = await tailed([], { isJson: true, lines: 1 });
  expect(JSON.parse(lines[0]!)).toMatchObject({
    reading: { reading_id: `${node.buffer.epoch}-10`, sensor_id: "s1" },
    rules_version: "abc",
    outcome: "anomalous",
    malformed: null,
    verdict: [{ rule: "r", reason: "temperature 72.4 is above 60", observed: 72.4, limit: "60", window: null }],
  });
});

test("readings for several looks, and sensors, labels and measures that are new, come in order", async () => {
  const more = () => {
    const { catalogue } = node.buffer;
    const block = node.buffer.recent.lend();
    const label = catalogue.internLabel({ statusCode: 7, anomalyFlag: 1, anomalyType: "odd" });
    const row = block.add(catalogue.internSensor(["new", ...new Array(15).fill(null)], ["co2"]), node.nowMs, label);
    block.column(catalogue.slotOf("co2"))[row] = 400;
    node.buffer.commit(block, { ingestedAtMs: 1, rulesVersion: "abc", timeQuality: "ok", agentVersion: "1" }, []);
  };
  const flood = () => {
    for (let i = 0; i < 3; i++) node.take(900);
  };
  const { lines } = await tailed([flood, more, () => node.take(1)]);
  expect(seqs(lines)).toEqual(range(1, 2_702));
  expect(lines.at(-2)).toBe("2701  2026-11-23T08:50:00.000Z  new  co2 400  ok");
});

test("readings that were pruned before they were shown are counted, and the rest follows", async () => {
  await node.takeAndDeliver(new MemoryStore(), 100);
  const retention = new Retention(node.buffer);
  const { lines, said } = await tailed([
    () => {
      node.take(50);
      retention.dropOldest(20, node.nowMs);
    },
    () => {
      node.take(10);
      retention.dropOldest(1_000, node.nowMs);
    },
    () => node.take(1),
  ]);
  expect(seqs(lines)).toEqual([...range(91, 100), ...range(121, 150), 161]);
  expect(said).toEqual([
    "20 readings were deleted before they could be shown.",
    "10 readings were deleted before they could be shown.",
  ]);
});

/** Closed, and all of it in the one file. */
function checkpointed({ buffer }: TestNode): void {
  buffer.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  buffer.close();
}

test("a buffer that is set aside is reported once, and the one that replaces it is followed from its start", async () => {
  node.take(20);
  const old = node;
  const path = join(old.dataDir, "buffer.db");
  const other = new TestNode();
  other.take(40);
  // The same instant and chance made the same epoch.
  other.buffer.db.run(`UPDATE meta SET value = '${"z".repeat(26)}' WHERE key = 'epoch'`);
  checkpointed(other);
  const { lines, said } = await tailed(
    [
      () => {
        checkpointed(old);
        renameSync(path, `${path}.corrupt`);
      },
      () => undefined,
      () => renameSync(join(other.dataDir, "buffer.db"), path),
    ],
    { lines: 2 },
  );
  other.end();
  expect(seqs(lines)).toEqual([19, 20, ...range(1, 40)]);
  expect(said).toEqual([
    `Cannot find a buffer in data dir "${old.dataDir}": there is no "buffer.db" in it`,
    `Waiting for it. Try: agent run --data-dir ${node.dataDir}`,
    `Another buffer replaced the one before (agent status): epoch ${"z".repeat(26)}`,
  ]);
});

test("tail waits for a sensor that the buffer does not know yet, and names the one that was probably meant", async () => {
  node.take(10);
  expect((await tailed([], { verdicts: [0], wanted: { sensor: "s11" } })).said).toEqual([
    'The buffer has no reading of sensor "s11" yet; did you mean s1?',
  ]);
});

test("between two looks nothing is held: the writer's log can start again", async () => {
  node.take(100);
  const { lines } = await tailed([
    () => {
      const row = node.buffer.db.query<{ busy: number }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get();
      expect(row?.busy).toBe(0);
    },
  ]);
  expect(lines.length).toBe(10);
});

test("the catalogue of an earlier look is used again only where nothing is new", () => {
  node.take(10);
  const readings = (earlier: LedgerReadings | null) => {
    const ledger = BufferLedger.open(node.dataDir);
    const made = new LedgerReadings(ledger, earlier);
    ledger.close();
    return made;
  };
  const first = readings(null);
  expect(readings(first).catalogue).toBe(first.catalogue);
  node.buffer.catalogue.internLabel({ statusCode: 9, anomalyFlag: 0, anomalyType: null });
  node.take(1);
  const second = readings(first);
  expect([second.catalogue === first.catalogue, second.catalogue.labels.length]).toEqual([false, 2]);
});

test("the command ends with exit code 0 after a stop, says that no agent runs, and refuses wrong flags", async () => {
  node.take(20);
  const commands = { tail: async () => ({ command }) };
  const stop = AbortSignal.abort();
  const argv = ["tail", "--data-dir", node.dataDir, "--lines", "1", "--stage", "anomalies"];
  expect(await see(argv, commands, { stop })).toEqual({
    code: 0,
    stdout: "20  2026-11-23T08:50:20.000Z  s2  temperature 26  ANOMALY r: temperature 72.4 is above 60\n",
    stderr: ["No agent is running: new readings are shown when one does."],
  });
  for (const flags of [
    ["--lines", "x"],
    ["--lines", "10001"],
    ["--stage", "aggregated"],
    ["--stage", "anomlies"],
    ["--severity", "fatal"],
    ["--stage", "validated", "--rule", "r"],
    ["--stage", "schematized", "--severity", "info"],
  ]) {
    expect([flags, (await see(["tail", ...flags, "--data-dir", node.dataDir], commands, { stop })).code]).toEqual([
      flags,
      2,
    ]);
  }
  expect((await see(["tail", "--data-dir", "no"], commands, { stop })).code).toBe(2);
});
