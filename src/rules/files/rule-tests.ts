/**
 * A rule's own tests: readings, alone or in a sequence, that must break it or must not. They run before the rule is accepted.
 */

import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { JsonNode } from "../../core/outside/located-json.ts";
import { IDENTITY_COLUMNS, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { RULE_LIMITS, type RuleProblem } from "../rule-set.ts";
import { LABEL_FIELDS, MEASURE_NAME, type RuleReader } from "./reader.ts";

/** The value of a field of a test's reading; a field that is not named is null. */
export type TestValue = string | number | null;

export type TestReading = ReadonlyMap<string, TestValue>;
type Place = Omit<RuleProblem, "message">;

export type RuleTest = {
  /** One reading, or a sequence that is judged from an empty memory on. */
  readonly readings: readonly TestReading[];
  /** Between two readings of a sequence, where the second has no timestamp of its own. */
  readonly everyMs: number;
  /** Whether it expects a reading to break the rule. */
  readonly breaks: boolean;
  /** The expected verdict of readings, and its place in the file: a test that fails is shown there. */
  readonly expected: readonly { readonly reading: number; readonly breaks: boolean; readonly place: Place }[];
};

export const TEST_KEYS = ["reading", "readings", "every", "breaks"] as const;
export const REPEAT_KEYS = ["repeat", "readings"] as const;
export const SEQUENCE_MOST = 10_000;
const EVERY_MS = 60_000;
const FIELD_NAMES = [...IDENTITY_COLUMNS, ...LABEL_FIELDS, "timestamp"];
const NUMERIC_FIELDS: ReadonlySet<string> = new Set([...NUMERIC_IDENTITY, "status_code", "anomaly_flag"]);

export function readTests(node: JsonNode, reader: RuleReader): readonly RuleTest[] | undefined {
  if (node.kind !== "array") return reader.problem(node.at, `"tests" must be a list, not ${reader.nameOf(node)}`);
  if (node.items.length > RULE_LIMITS.tests) return reader.problem(node.at, `more than ${RULE_LIMITS.tests} tests`);
  const tests = node.items.map((item) => readTest(item, reader));
  if (!tests.every((test) => test !== undefined)) return undefined;
  const readings = tests.reduce((sum, test) => sum + test.readings.length, 0);
  if (readings <= RULE_LIMITS.testReadings) return tests;
  return reader.problem(node.at, `more than ${RULE_LIMITS.testReadings} readings in all tests of a rule`);
}

function readTest(node: JsonNode, reader: RuleReader): RuleTest | undefined {
  const fields = reader.fields(node, "a test", TEST_KEYS, ["breaks"]);
  if (fields === undefined) return undefined;
  const oneNode = fields.get("reading");
  const manyNode = fields.get("readings");
  const everyNode = fields.get("every");
  const breaksNode = fields.get("breaks");
  if ((oneNode === undefined) === (manyNode === undefined)) {
    // A misspelt key was reported already.
    if (node.kind === "object" && node.entries.length > fields.size) return undefined;
    return reader.problem(node.at, 'a test needs "reading" or "readings", one of them');
  }
  if (everyNode !== undefined && manyNode === undefined) {
    return reader.problem(everyNode.at, '"every" is between "readings"; one reading has none');
  }
  const everyMs = everyNode === undefined ? EVERY_MS : reader.duration(everyNode, '"every"');
  const one = oneNode && readReading(oneNode, reader);
  const readings = manyNode === undefined ? one && [one] : readSequence(manyNode, reader, true);
  if (breaksNode === undefined || readings === undefined || everyMs === undefined) return undefined;
  const expected = readExpected(breaksNode, readings.length, manyNode !== undefined, reader);
  return expected && { readings, everyMs, expected, breaks: expected.some(({ breaks }) => breaks) };
}

/** The readings of a list, with repetitions written out. */
function readSequence(node: JsonNode, reader: RuleReader, repeats: boolean): readonly TestReading[] | undefined {
  if (node.kind !== "array") return reader.problem(node.at, `"readings" must be a list, not ${reader.nameOf(node)}`);
  if (node.items.length === 0) return reader.problem(node.at, '"readings" lists none');
  const all: TestReading[] = [];
  let wrong = false;
  for (const item of node.items) {
    const isRepeat = item.kind === "object" && item.entries.some(({ value }) => value.kind === "array");
    const more = repeats && isRepeat ? readRepeat(item, reader) : [readReading(item, reader)];
    for (const reading of more) {
      if (reading === undefined) wrong = true;
      else if (all.length < SEQUENCE_MOST) all.push(reading);
      else return reader.problem(item.at, `more than ${SEQUENCE_MOST} readings in one test`);
    }
  }
  return wrong ? undefined : all;
}

/** `{"repeat": 30, "readings": [{"temperature": 20}]}` in the place of a reading. */
function readRepeat(node: JsonNode, reader: RuleReader): readonly (TestReading | undefined)[] {
  const fields = reader.fields(node, "a repetition", REPEAT_KEYS, REPEAT_KEYS);
  const timesNode = fields?.get("repeat");
  const listNode = fields?.get("readings");
  const times = timesNode && reader.whole(timesNode, '"repeat"', 1, SEQUENCE_MOST);
  const list = listNode && readSequence(listNode, reader, false);
  if (times === undefined || list === undefined) return [undefined];
  // One more than the limit is enough to be over it.
  const needed = Math.min(times, Math.ceil((SEQUENCE_MOST + 1) / list.length));
  return Array.from({ length: needed }, () => list).flat();
}

/** `true`: the last reading breaks the rule; `false`: none does; a list: for each reading. */
function readExpected(
  node: JsonNode,
  count: number,
  isSequence: boolean,
  reader: RuleReader,
): RuleTest["expected"] | undefined {
  if (node.kind === "boolean") {
    const place = reader.place(node.at);
    if (node.value) return [{ reading: count - 1, breaks: true, place }];
    return Array.from({ length: count }, (_, reading) => ({ reading, breaks: false, place }));
  }
  if (!isSequence || node.kind !== "array") {
    const wanted = isSequence ? "true, false or a list of such" : "true or false";
    return reader.problem(node.at, `"breaks" must be ${wanted}, not ${reader.nameOf(node)}`);
  }
  if (node.items.length !== count) {
    return reader.problem(node.at, `"breaks" lists ${node.items.length} for ${count} readings`);
  }
  const expected: RuleTest["expected"][number][] = [];
  for (const [reading, item] of node.items.entries()) {
    if (item.kind !== "boolean") {
      return reader.problem(item.at, `"breaks" must list true or false, not ${reader.nameOf(item)}`);
    }
    expected.push({ reading, breaks: item.value, place: reader.place(item.at) });
  }
  return expected;
}

function readReading(node: JsonNode, reader: RuleReader): ReadonlyMap<string, TestValue> | undefined {
  if (node.kind !== "object") return reader.problem(node.at, `"reading" must be an object, not ${reader.nameOf(node)}`);
  const reading = new Map<string, TestValue>();
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
