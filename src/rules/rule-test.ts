/** A rule's own tests: readings that it must find broken, and readings that it must not. They run before it is let in. */

import { didYouMean } from "../core/did-you-mean.ts";
import type { JsonNode } from "../core/located-json.ts";
import { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, type Identity, LIMITS, NUMERIC_IDENTITY, SensorCatalogue } from "../core/sensor.ts";
import { Columns } from "./columns.ts";
import type { Rule } from "./rule.ts";
import { IDENTITY_NAMES, LABEL_FIELDS, MEASURE_NAME, type RuleReader } from "./rule-reader.ts";
import { RULE_LIMITS, type RuleProblem } from "./rule-set.ts";

/** What a field of a reading was given as; a field that is not named is null. */
type Value = string | number | null;

export type RuleTest = {
  readonly reading: ReadonlyMap<string, Value>;
  readonly breaks: boolean;
  /** Where `breaks` stands: a test that fails is shown there. */
  readonly place: Omit<RuleProblem, "message">;
};

export const TEST_KEYS = ["reading", "breaks"] as const;
const FIELD_NAMES = [...IDENTITY_COLUMNS, ...LABEL_FIELDS, "timestamp"];
const NUMERIC_FIELDS: ReadonlySet<string> = new Set([...NUMERIC_IDENTITY, "status_code", "anomaly_flag"]);

export function readTests(node: JsonNode, reader: RuleReader): readonly RuleTest[] | undefined {
  if (node.kind !== "array") return reader.problem(node.at, `"tests" must be a list, not ${reader.nameOf(node)}`);
  if (node.items.length > RULE_LIMITS.tests) return reader.problem(node.at, `more than ${RULE_LIMITS.tests} tests`);
  const tests = node.items.map((item) => readTest(item, reader));
  return tests.every((test) => test !== undefined) ? tests : undefined;
}

function readTest(node: JsonNode, reader: RuleReader): RuleTest | undefined {
  const fields = reader.fields(node, "a test", TEST_KEYS, TEST_KEYS);
  const readingNode = fields?.get("reading");
  const breaksNode = fields?.get("breaks");
  const reading = readingNode && readReading(readingNode, reader);
  if (breaksNode === undefined) return undefined;
  if (breaksNode.kind !== "boolean") {
    return reader.problem(breaksNode.at, `"breaks" must be true or false, not ${reader.nameOf(breaksNode)}`);
  }
  return reading && { reading, breaks: breaksNode.value, place: reader.place(breaksNode.at) };
}

function readReading(node: JsonNode, reader: RuleReader): ReadonlyMap<string, Value> | undefined {
  if (node.kind !== "object") return reader.problem(node.at, `"reading" must be an object, not ${reader.nameOf(node)}`);
  const reading = new Map<string, Value>();
  for (const { key, keyAt, value } of node.entries) {
    const known = FIELD_NAMES.includes(key);
    if (!known && !MEASURE_NAME.test(key)) {
      reader.problem(keyAt, `${JSON.stringify(key.slice(0, 80))} cannot be a field of a reading`);
    } else if (value.kind === "null") reading.set(key, null);
    else if (known && !NUMERIC_FIELDS.has(key)) {
      const text = reader.string(value, `"${key}"`, LIMITS.textLength);
      if (text !== undefined && key === "timestamp" && Number.isNaN(Date.parse(text))) {
        reader.problem(value.at, '"timestamp" must be a time in ISO 8601, such as "2026-11-23T08:00:00Z"');
      }
      if (text !== undefined) reading.set(key, text);
    } else if (value.kind !== "number") {
      const hint = known ? "" : `${didYouMean(key, FIELD_NAMES) || "; a measure is a number"}`;
      reader.problem(value.at, `"${key}" must be a number or null, not ${reader.nameOf(value)}${hint}`);
    } else if (key === "anomaly_flag" && value.value !== 0 && value.value !== 1) {
      reader.problem(value.at, '"anomaly_flag" must be 0, 1 or null');
    } else if (key === "status_code" && !Number.isSafeInteger(value.value)) {
      reader.problem(value.at, '"status_code" must be a whole number or null');
    } else reading.set(key, value.value);
  }
  return reading.size === node.entries.length ? reading : undefined;
}

/** The tests that did not come out as they say: none is good. */
export function failedTests(rule: Rule): readonly RuleProblem[] {
  if (rule.tests.length === 0) return [];
  const catalogue = new SensorCatalogue();
  const columns = new Columns(catalogue);
  const judge = rule.condition.compile(columns);
  const { measures } = rule.condition;
  const block = new ReadingBlock(1);
  const problems: RuleProblem[] = [];
  for (const { reading, breaks, place } of rule.tests) {
    block.clear();
    const row = block.add(sensorOf(catalogue, reading, measures), timeOf(reading), labelOf(catalogue, reading));
    for (const measure of measures) {
      // Only numbers and null were let through for a measure.
      block.column(catalogue.slotOf(measure))[row] = (reading.get(measure) as number | null | undefined) ?? Number.NaN;
    }
    columns.grow();
    const identity = catalogue.sensors[block.sensor[row]!]!.identity;
    const applies = rule.appliesTo.matchesNamed(identity, new Set(reading.keys()));
    let reason: string | undefined;
    const mask = new Uint8Array(catalogue.sensors.length).fill(applies ? 1 : 0);
    judge.judge(block, mask, (_, what) => {
      reason = what.reason;
    });
    if ((reason !== undefined) === breaks) continue;
    const because = reason ?? (applies ? "within its limits" : "the rule does not apply to this sensor");
    problems.push({ ...place, message: `test of "${rule.name}" failed: expected breaks ${breaks}, but ${because}` });
  }
  return problems;
}

function sensorOf(
  catalogue: SensorCatalogue,
  reading: ReadonlyMap<string, Value>,
  measures: readonly string[],
): number {
  const identity: Identity = IDENTITY_NAMES.map((name) => reading.get(name) ?? null);
  return catalogue.internSensor(identity, measures);
}

function timeOf(reading: ReadonlyMap<string, Value>): number {
  const timestamp = reading.get("timestamp");
  return typeof timestamp === "string" ? Date.parse(timestamp) : 0;
}

function labelOf(catalogue: SensorCatalogue, reading: ReadonlyMap<string, Value>): number {
  const code = reading.get("status_code");
  const flag = reading.get("anomaly_flag");
  const type = reading.get("anomaly_type");
  return catalogue.internLabel({
    statusCode: typeof code === "number" ? code : null,
    anomalyFlag: flag === 0 || flag === 1 ? flag : null,
    anomalyType: typeof type === "string" ? type : null,
  });
}
