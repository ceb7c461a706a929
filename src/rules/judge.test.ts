import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Finding, ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, type Label, SensorCatalogue } from "../core/sensor.ts";
import { cases } from "../testing/needs.ts";
import { loadRuleTexts } from "./files/load.ts";
import type { RuleSet } from "./rule-set.ts";
import { globMatcher } from "./selector.ts";

type Field = string | number | null;
type Reading = Readonly<Record<string, Field>>;

const MEASURES = ["temperature", "humidity", "door"];
const quiet: Label = { statusCode: 0, anomalyFlag: 0, anomalyType: null };

function rulesOf(rules: readonly object[], catalogue: SensorCatalogue): RuleSet {
  const loaded = loadRuleTexts([{ name: "rules.json", text: JSON.stringify(rules) }], catalogue);
  if ("refused" in loaded) throw new Error(JSON.stringify(loaded.refused));
  return loaded.ok;
}

function addTo(block: ReadingBlock, catalogue: SensorCatalogue, reading: Reading): number {
  const measures = MEASURES.filter((name) => name in reading);
  const identity = IDENTITY_COLUMNS.map((column) => reading[column] ?? null);
  const { status_code: code, anomaly_flag: flag, anomaly_type: type } = reading;
  const label = catalogue.internLabel({
    statusCode: typeof code === "number" ? code : null,
    anomalyFlag: flag === 0 || flag === 1 ? flag : null,
    anomalyType: typeof type === "string" ? type : null,
  });
  const row = block.add(catalogue.internSensor(identity, measures), 0, label);
  for (const name of measures) {
    const value = reading[name];
    block.column(catalogue.slotOf(name))[row] = typeof value === "number" ? value : Number.NaN;
  }
  return row;
}

/** What a reading breaks, by the plainest reading of the rules. */
function naive(rules: readonly NaiveRule[], reading: Reading): string[] {
  const broken = rules.filter(({ applies_to, when }) => {
    for (const [field, wanted] of Object.entries(applies_to ?? {})) {
      if (![wanted].flat().some((one) => one === reading[field])) return false;
    }
    if ("flag" in when) return reading[when.flag.field] === when.flag.equals;
    const value = reading[when.range.measure];
    if (typeof value !== "number") return false;
    return value < (when.range.min ?? -Infinity) || value > (when.range.max ?? Infinity);
  });
  return broken.map((rule) => rule.name).toSorted();
}

type NaiveRule = {
  name: string;
  applies_to?: Record<string, string | string[]>;
  when:
    | { range: { measure: string; min?: number; max?: number } }
    | { flag: { field: string; equals: string | number } };
};

const value = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ min: -5, max: 5, noNaN: true }));
const site = fc.constantFrom("north", "south", "roof");
const condition: fc.Arbitrary<NaiveRule["when"]> = fc.oneof(
  fc
    .record({ measure: fc.constantFrom(...MEASURES, "never_seen"), min: value, span: fc.nat(4), open: fc.nat(2) })
    .map(({ measure, min, span, open }) => ({
      range: { measure, ...(open === 0 ? {} : { min }), ...(open === 1 ? {} : { max: min + span }) },
    })),
  fc.constantFrom<NaiveRule["when"]>(
    { flag: { field: "anomaly_flag", equals: 1 } },
    { flag: { field: "status_code", equals: 2 } },
    { flag: { field: "anomaly_type", equals: "spike" } },
    { flag: { field: "door", equals: 1 } },
  ),
);
const someRules = fc
  .array(
    fc.record(
      { when: condition, applies_to: fc.record({ location: fc.oneof(site, fc.array(site, { minLength: 1 })) }) },
      { requiredKeys: ["when"] },
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((rules) => rules.map((rule, i): NaiveRule => ({ name: `rule-${i}`, ...rule })));
const someReading: fc.Arbitrary<Reading> = fc.record(
  {
    temperature: fc.option(value),
    humidity: fc.option(value),
    door: fc.option(fc.constantFrom(0, 1)),
    location: fc.option(site),
    status_code: fc.option(fc.nat(2)),
    anomaly_flag: fc.option(fc.constantFrom(0, 1)),
    anomaly_type: fc.option(fc.constantFrom("spike", "stuck")),
  },
  { requiredKeys: [] },
);

test("the judge finds what a naive reading of the rules finds, while sensors, labels and measures keep appearing", () => {
  fc.assert(
    fc.property(
      someRules,
      fc.array(fc.array(fc.option(someReading), { maxLength: 6 }), { maxLength: 5 }),
      (rules, blocks) => {
        const catalogue = new SensorCatalogue();
        const set = rulesOf(rules, catalogue);
        const block = new ReadingBlock(6);
        for (const readings of blocks) {
          block.clear();
          for (const reading of readings) {
            if (reading !== null) addTo(block, catalogue, reading);
            else block.addMalformed(0, { reason: "not_json", detail: "", received: "", encoding: "utf8", bytes: 0 });
          }
          set.judge(block);
          const found = readings.map((_, row) => block.findings.get(row)?.map((finding) => finding.rule) ?? []);
          expect(found).toEqual(readings.map((reading) => (reading === null ? [] : naive(rules, reading))));
        }
      },
    ),
    { numRuns: cases(1_000) },
  );
});

function findings(rules: readonly object[], reading: Reading): readonly Finding[] {
  const catalogue = new SensorCatalogue();
  const block = new ReadingBlock(1);
  const set = rulesOf(rules, catalogue);
  addTo(block, catalogue, reading);
  set.judge(block);
  return block.findings.get(0) ?? [];
}

test("a finding has the observed value, the limit and the reason, in one sentence", () => {
  const temperature = {
    name: "t",
    severity: "critical",
    when: { range: { measure: "temperature", min: -20, max: 60 } },
  };
  expect(findings([temperature], { temperature: 72.4 })).toEqual([
    {
      rule: "t",
      severity: "critical",
      reason: "temperature 72.4 is above 60",
      observed: 72.4,
      limit: "-20…60",
      window: null,
    },
  ]);
  const said = (when: object, reading: Reading) => {
    const [finding] = findings([{ name: "r", when }], reading);
    return [finding?.reason, finding?.observed, finding?.limit];
  };
  expect(said({ range: { measure: "humidity", min: 5 } }, { humidity: 3 })).toEqual([
    "humidity 3 is below 5",
    3,
    "≥ 5",
  ]);
  expect(said({ range: { measure: "humidity", max: 5 } }, { humidity: 9 })).toEqual([
    "humidity 9 is above 5",
    9,
    "≤ 5",
  ]);
  const flagged = { anomaly_flag: 1, anomaly_type: "spike" };
  expect(said({ flag: { field: "anomaly_flag", equals: 1 } }, flagged)).toEqual([
    "anomaly_flag is 1 (anomaly_type spike)",
    1,
    "not 1",
  ]);
  expect(said({ flag: { field: "anomaly_type", equals: "spike" } }, flagged)).toEqual([
    "anomaly_type is spike",
    "spike",
    "not spike",
  ]);
  const damp = "temperature < 3.0 && humidity > 90.0 || location == 'roof'";
  expect(said({ expression: damp }, { humidity: 95, temperature: 2.1, location: null })).toEqual([
    `${damp} (temperature 2.1, humidity 95, location absent)`,
    2.1,
    damp,
  ]);
  const long = `temperature > ${"1.0 + ".repeat(60)}1.0`;
  const [reason, , limit] = said({ expression: long }, { temperature: 99 });
  expect(String(reason)).toBe(`${long.slice(0, 200)}… (temperature 99)`);
  expect(limit).toBe(long);
});

test("findings come in the order of the rules' names, whatever the file's order", () => {
  const rules = ["b", "c", "a"].map((name) => ({ name, when: { range: { measure: "humidity", max: 1 } } }));
  expect(findings(rules, { humidity: 2 }).map((finding) => finding.rule)).toEqual(["a", "b", "c"]);
});

test("applies_to takes a value, a list or a glob; all fields must match, and a sensor without the field does not", () => {
  const applies = (applies_to: object, reading: Reading) =>
    findings([{ name: "r", applies_to, when: { expression: "humidity > 0.0" } }], { humidity: 1, ...reading }).length >
    0;
  expect(applies({ location: "north" }, { location: "north" })).toBe(true);
  expect(applies({ location: "north" }, { location: "North" })).toBe(false);
  expect(applies({ location: "north" }, {})).toBe(false);
  expect(applies({ location: ["north", "south"] }, { location: "south" })).toBe(true);
  expect(applies({ location: "north", model: "M1" }, { location: "north", model: "M2" })).toBe(false);
  expect(applies({ sensor_id: "roof-*" }, { sensor_id: "roof-12" })).toBe(true);
  expect(applies({ sensor_id: "roof-*" }, { sensor_id: "aroof-12" })).toBe(false);
  expect(applies({ sensor_id: "a?c.d" }, { sensor_id: "a💧c.d" })).toBe(true);
  expect(applies({ sensor_id: "a?c.d" }, { sensor_id: "abcxd" })).toBe(false);
  expect(applies({ sensor_id: "a\\*" }, { sensor_id: "a*" })).toBe(true);
  expect(applies({ sensor_id: "a\\*" }, { sensor_id: "ab" })).toBe(false);
  expect(applies({ height_meters: [10, 20] }, { height_meters: 20 })).toBe(true);
  expect(applies({ height_meters: 10 }, { height_meters: 20 })).toBe(false);
});

test("a glob matches as the plainest recursion does, and a wrong text takes it no time", () => {
  const plain = (glob: string, text: string): boolean => {
    const [first, ...rest] = glob;
    if (first === undefined) return text === "";
    if (first === "*") return plain(rest.join(""), text) || (text !== "" && plain(glob, text.slice(1)));
    return text !== "" && (first === "?" || first === text[0]) && plain(rest.join(""), text.slice(1));
  };
  const letters = fc.array(fc.constantFrom("a", "b"), { maxLength: 8 }).map((of) => of.join(""));
  const glob = fc.array(fc.constantFrom("a", "b", "*", "?"), { maxLength: 7 }).map((of) => of.join(""));
  fc.assert(
    fc.property(glob, letters, (pattern, text) => {
      expect([pattern, text, globMatcher(pattern)(text)]).toEqual([pattern, text, plain(pattern, text)]);
    }),
    { numRuns: cases(2_000) },
  );
  expect(globMatcher("*a".repeat(120))("a".repeat(119))).toBe(false);
});

test("an error of evaluation is reported by rule, and other readings are still judged", () => {
  const catalogue = new SensorCatalogue();
  const set = rulesOf([{ name: "ratio", when: { expression: "100 / status_code > 10" } }], catalogue);
  const block = new ReadingBlock(3);
  for (const status_code of [0, 5, 0]) addTo(block, catalogue, { status_code });
  set.judge(block);
  expect([...block.findings.keys()]).toEqual([1]);
  expect(set.evaluationProblems()).toEqual([{ rule: "ratio", message: "division by zero", count: 2 }]);
});

test("a block that breaks nothing gets no findings, and old ones do not stay", () => {
  const catalogue = new SensorCatalogue();
  const set = rulesOf([{ name: "r", when: { flag: { field: "anomaly_flag", equals: 1 } } }], catalogue);
  const block = new ReadingBlock(1);
  const label = catalogue.internLabel(quiet);
  block.add(
    catalogue.internSensor(
      IDENTITY_COLUMNS.map(() => null),
      [],
    ),
    0,
    label,
  );
  block.findings.set(0, []);
  set.judge(block);
  expect(block.findings.size).toBe(0);
});
