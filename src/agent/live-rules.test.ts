/** The rules in force: exchanged between commits, and with a memory that is always that of the readings in the buffer. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Retention } from "../buffer/disk/retention.ts";
import { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { type LogEntry, makeLog } from "../core/log/log.ts";
import { IDENTITY_COLUMNS, type SensorCatalogue } from "../core/sensor.ts";
import { loadRuleTexts } from "../rules/files/load.ts";
import type { Loaded, RuleSet } from "../rules/rule-set.ts";
import { RuleState, Subjects } from "../rules/state.ts";
import { cases, testWith } from "../testing/needs.ts";
import { LiveRules } from "./live-rules.ts";

const longTest = testWith("time");

const folder = mkdtempSync(join(tmpdir(), "live-rules-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let folders = 0;

const rule = (name: string, max: number) => ({ name, when: { range: { measure: "temperature", max } } });
const parsed = (catalogue: SensorCatalogue, ...rules: object[]): RuleSet => {
  const loaded = loadRuleTexts([{ name: "a.json", text: JSON.stringify(rules) }], catalogue);
  if ("refused" in loaded) throw new Error(loaded.refused[0]!.message);
  return loaded.ok;
};

/** A set of real rules, to which one is added that remembers how many readings it has seen of each sensor. */
class Counting implements RuleSet {
  readonly #of: RuleSet;
  readonly #subjects = new Subjects();
  readonly state = new RuleState(this.#subjects, [0]);
  readonly names: RuleSet["names"];
  readonly rules: RuleSet["rules"];
  readonly version: string;
  readonly canonical: string;
  constructor(of: RuleSet) {
    this.#of = of;
    ({ names: this.names, rules: this.rules, version: this.version, canonical: this.canonical } = of);
  }
  judge(block: Parameters<RuleSet["judge"]>[0]): void {
    this.#of.judge(block);
    this.state.rollBack();
    for (let row = 0; row < block.count; row++) {
      const at = this.state.touch(this.#subjects.of(String(block.sensor[row])));
      this.state.values[at]!++;
    }
  }
  keep(): void {
    this.state.keep();
  }
  saveState() {
    this.state.rollBack();
    return this.saveJudged();
  }
  saveJudged = () => new Map([["the rule that counts", this.state.save()]]);
  loadState(saved: ReadonlyMap<string, Uint8Array>): readonly string[] {
    const bytes = saved.get("the rule that counts");
    return bytes !== undefined && this.state.load(bytes) ? [] : ["counts"];
  }
  warnings = () => [];
  count = (): void => {};
  counts = () => [];
  costs = () => [];
  silentSensors = () => [];
  evaluationProblems = () => [];
  /** How many readings of each sensor it has seen. */
  seen(): Record<string, number> {
    this.state.rollBack();
    return Object.fromEntries(this.#subjects.names.map((name, i) => [name, this.state.values[this.state.touch(i)]!]));
  }
}

type World = { dataDir: string; log: LogEntry[]; nowMs: number };
const newWorld = (): World => ({ dataDir: mkdtempSync(join(folder, `${folders++}-`)), log: [], nowMs: 0 });

const PROFILES = [
  { name: "p", description: "", measures: [{ name: "temperature", unit: "°C", plausible: [-20, 60] as const }] },
];

function open(world: World, make: (catalogue: SensorCatalogue) => RuleSet, look?: () => Loaded<RuleSet> | null) {
  const { dataDir } = world;
  const buffer = new SqliteBuffer({
    dataDir,
    nodeId: "n",
    nowMs: 0,
    chance: new Uint8Array(10),
    blockRows: 2_000,
    recentRows: 2_000,
  });
  const set = make(buffer.catalogue);
  const log = makeLog({ least: "info", secrets: [], now: () => world.nowMs, write: (entry) => world.log.push(entry) });
  const rules = new LiveRules(
    { set, refused: [], profiles: PROFILES, ...(look === undefined ? {} : { look }) },
    { buffer, log, now: () => world.nowMs },
  );
  return { buffer, set, rules };
}

/** Commits `rows` readings of sensors in turn as the pipeline does; `fails`: the disk is full at the first try. */
function commit(
  { buffer, rules }: Pick<ReturnType<typeof open>, "buffer" | "rules">,
  rows: number,
  fails = false,
): void {
  const block = buffer.recent.lend();
  const label = buffer.catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  for (let i = 0; i < rows; i++) {
    const identity = IDENTITY_COLUMNS.map((column) => (column === "sensor_id" ? `s${i % 3}` : null));
    const row = block.add(buffer.catalogue.internSensor(identity, ["temperature"]), i, label);
    block.column(buffer.catalogue.slotOf("temperature"))[row] = 20;
  }
  rules.set.judge(block);
  // Judged, but the commit failed: the next turn judges the same block again.
  if (fails) rules.set.judge(block);
  const { version } = rules.set;
  const facts = { ingestedAtMs: 0, rulesVersion: version, timeQuality: "ok", agentVersion: "0" } as const;
  buffer.commit(block, facts, [], (lastSeq) => rules.commit(block, lastSeq));
  rules.committed(block);
}

const sizes = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(2_000));
const step = fc.oneof(
  fc.record({ rows: sizes, fails: fc.boolean() }),
  fc.constantFrom("save" as const, "kill and restart" as const, "prune" as const),
);

longTest(
  "after a kill at any moment the memory is that of exactly the readings in the buffer",
  () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const world = newWorld();
        const make = (catalogue: SensorCatalogue) => new Counting(parsed(catalogue, rule("a", 60)));
        let node = open(world, make);
        let total = 0;
        for (const what of steps) {
          if (what === "save") node.rules.save();
          else if (what === "prune") {
            // All delivered: only readings that the memory still needs are held back.
            node.buffer.setMeta("planned_through", String(node.buffer.lastSeq));
            node.buffer.setMeta("windows_from", String(node.buffer.lastSeq + 1));
            while (new Retention(node.buffer).prune(Number.MAX_SAFE_INTEGER) > 0);
          } else if (what === "kill and restart") {
            node.buffer.close();
            node = open(world, make);
          } else {
            commit(node, what.rows, what.fails);
            total += what.rows;
          }
          const seen = Object.values((node.set as Counting).seen()).reduce((sum, count) => sum + count, 0);
          expect(seen).toBe(total);
        }
        node.buffer.close();
        rmSync(world.dataDir, { recursive: true });
      }),
      { numRuns: cases(60) },
    );
  },
  600_000,
);

test("the memory of rules is stored in the transaction of the readings in it, at the latest with every twenty thousandth", () => {
  const world = newWorld();
  const node = open(world, (catalogue) => new Counting(parsed(catalogue, rule("a", 60))));
  const { db } = node.buffer;
  const through = () => node.buffer.meta("rules_through");
  for (let i = 0; i < 9; i++) commit(node, 2_000);
  expect(through()).toBe("0");
  db.run("CREATE TEMP TRIGGER full BEFORE INSERT ON rule_state BEGIN SELECT RAISE(ABORT, 'full'); END");
  expect(() => commit(node, 2_000)).toThrow("full");
  expect([through(), node.buffer.lastSeq, db.query("SELECT count(*) FROM reading").values()]).toEqual([
    ...["0", 18_000],
    [[18_000]],
  ]);
  db.run("DROP TRIGGER full");
  commit(node, 2_000);
  expect(through()).toBe("20000");
  node.buffer.close();
  const again = open(world, (catalogue) => new Counting(parsed(catalogue, rule("a", 60))));
  expect((again.set as Counting).seen()).toEqual({ "1": 6_670, "2": 6_670, "3": 6_660 });
  again.buffer.close();
});

test("a changed folder is in force from the next commit on, the change is recorded, and unchanged rules keep their memory", () => {
  const world = newWorld();
  let offered: ((catalogue: SensorCatalogue) => RuleSet) | null = null;
  const make =
    (...rules: object[]) =>
    (catalogue: SensorCatalogue) =>
      new Counting(parsed(catalogue, ...rules));
  const node = open(world, make(rule("a", 60), rule("b", 60)), () => {
    const next = offered;
    offered = null;
    return next === null ? null : { ok: next(node.buffer.catalogue) };
  });
  commit(node, 30);
  offered = make(rule("a", 61), rule("c", 1));
  world.nowMs = 5_000;
  node.rules.watch(1_000);
  commit(node, 30);
  expect(node.rules.set.names).toEqual(["a", "c"]);
  expect(node.rules.loadedAtMs).toBe(5_000);
  expect((node.rules.set as Counting).seen()).toEqual({ "1": 20, "2": 20, "3": 20 });
  expect(world.log.map(({ message }) => message)).toContain(
    `Rule set ${node.set.version} -> ${node.rules.set.version}: added c; removed b; changed a`,
  );
  const switches = node.buffer.db.query("SELECT from_version, added, removed, changed FROM rule_switch").values();
  expect(switches).toEqual([
    [null, '["a","b"]', "[]", "[]"],
    [node.set.version, '["c"]', '["b"]', '["a"]'],
  ]);
  const versions = node.buffer.db.query("SELECT rules_version FROM commit_group ORDER BY first_seq").values().flat();
  expect(versions).toEqual([node.set.version, node.rules.set.version]);
  node.buffer.close();
});

test("a reading that breaks a rule is counted once it is committed, for the rules in force", () => {
  const world = newWorld();
  let offered: Loaded<RuleSet> | null = null;
  const node = open(
    world,
    (catalogue) => parsed(catalogue, rule("a", 10), rule("b", 60)),
    () => offered,
  );
  commit(node, 30, true);
  expect(node.rules.broken()).toEqual([
    { rule: "a", count: 30 },
    { rule: "b", count: 0 },
  ]);
  const offer = (...rules: object[]) => {
    offered = { ok: parsed(node.buffer.catalogue, ...rules) };
    world.nowMs += 1_000;
    node.rules.watch(world.nowMs);
  };
  offer(rule("a", 11));
  commit(node, 5);
  expect([node.rules.broken(), node.rules.judged]).toEqual([[{ rule: "a", count: 35 }], 35]);
  offer(rule("c", 10));
  offer(rule("a", 10));
  expect(node.rules.broken()).toEqual([{ rule: "a", count: 0 }]);
  node.buffer.close();
});

test("a rule that failed for every reading, and one that no sensor matches, are named once there are readings", () => {
  const world = newWorld();
  const failing = { name: "b", when: { expression: "100 / status_code > 1" } };
  const nowhere = { ...rule("c", 10), applies_to: { location: "west" } };
  const node = open(world, (catalogue) => parsed(catalogue, rule("a", 60), failing, nowhere));
  expect([node.rules.failing(), node.rules.unmatched()]).toEqual([[], []]);
  commit(node, 30, true);
  expect(node.rules.failing()).toEqual([{ rule: "b", count: 30, message: "division by zero" }]);
  expect(node.rules.unmatched()).toEqual(["c"]);
  expect(node.rules.counts().map(({ sensors, readings, errors }) => [sensors, readings, errors])).toEqual([
    [3, 30, 0],
    [3, 30, 30],
    [0, 0, 0],
  ]);
  node.buffer.close();
});

test("a set whose rules cannot work is in force, and its problems are logged once for each set and kept for the report", () => {
  const world = newWorld();
  const answers: Loaded<RuleSet>[] = [];
  const misspelt = { name: "b", when: { range: { measure: "temprature", max: 60 } } };
  const node = open(
    world,
    (catalogue) => parsed(catalogue, rule("a", 60), misspelt),
    () => answers.shift() ?? null,
  );
  const said = () => world.log.filter(({ code }) => code === "rules_doubtful").map(({ message }) => message);
  const warning = expect.stringMatching(
    /^a\.json:1:\d+: no profile has a measure "temprature"; did you mean temperature\?$/,
  );
  expect(said()).toEqual([warning]);
  expect(node.rules.warnings.map(({ idle }) => idle)).toEqual([true]);
  // The same set again, as after a touch of the file: it was said.
  answers.push({ ok: parsed(node.buffer.catalogue, rule("a", 60), misspelt) });
  node.rules.watch(1_000);
  expect(said()).toHaveLength(1);
  answers.push({ ok: parsed(node.buffer.catalogue, rule("a", 600)) });
  node.rules.watch(2_000);
  expect(said()).toHaveLength(2);
  // A limit that is hardly ever reached may be meant.
  expect(node.rules.warnings.map(({ message, idle }) => [message, idle])).toEqual([
    [expect.stringContaining('"max" 600 can hardly ever be broken'), false],
  ]);
  answers.push({ ok: parsed(node.buffer.catalogue, rule("a", 60)) });
  node.rules.watch(3_000);
  expect([said().length, node.rules.warnings]).toEqual([2, []]);
  node.buffer.close();
});

test("a refused folder leaves everything as it is; the same set again is logged, and is not a switch", () => {
  const world = newWorld();
  const problem = { file: "rules/a.json", line: 3, column: 9, message: "it is wrong" };
  const answers: (Loaded<RuleSet> | null)[] = [{ refused: [problem] }, null];
  const node = open(
    world,
    (catalogue) => parsed(catalogue, rule("a", 60)),
    () => answers.shift() ?? null,
  );
  node.rules.watch(1_000);
  expect([node.rules.set, node.rules.refused]).toEqual([node.set, [problem]]);
  answers.push({ ok: parsed(node.buffer.catalogue, rule("a", 60)) });
  node.rules.watch(2_000);
  node.rules.watch(3_000);
  expect([node.rules.set, node.rules.refused]).toEqual([node.set, []]);
  expect(world.log.map(({ code }) => code)).toEqual(["rules_refused", "rules_kept", "rules_restored"]);
  expect(node.buffer.db.query("SELECT count(*) FROM rule_switch").values()).toEqual([[1]]);
  node.buffer.close();
});

test("a change that a full disk blocked is recorded as soon as there is room", () => {
  const world = newWorld();
  const answers: Loaded<RuleSet>[] = [];
  const node = open(
    world,
    (catalogue) => parsed(catalogue, rule("a", 60)),
    () => answers.shift() ?? null,
  );
  answers.push({ ok: parsed(node.buffer.catalogue, rule("a", 61)) });
  node.buffer.db.run("CREATE TEMP TRIGGER full BEFORE INSERT ON rule_switch BEGIN SELECT RAISE(ABORT, 'full'); END");
  expect(() => node.rules.watch(1_000)).toThrow("full");
  expect(node.rules.set).toBe(node.set);
  node.buffer.db.run("DROP TRIGGER full");
  node.rules.watch(2_000);
  expect(node.rules.set.version).not.toBe(node.set.version);
  node.buffer.close();
});

test("a restart with another folder replays the readings that the old set's memory lacks, and then switches to the new set", () => {
  const world = newWorld();
  const first = open(world, (catalogue) => parsed(catalogue, rule("a", 60)));
  commit(first, 9);
  first.buffer.close();
  const second = open(world, (catalogue) => parsed(catalogue, rule("a", 60), rule("b", 60)));
  expect(second.rules.set.names).toEqual(["a", "b"]);
  expect(second.buffer.meta("rules_version")).toBe(second.set.version);
  expect(world.log.map(({ message }) => message)).toEqual([
    `Rule set ${first.set.version} -> ${second.set.version}: added b`,
  ]);
  second.buffer.close();
});
