/** Runs the tests of a rule, before the rule is accepted. */
import { ReadingBlock } from "../../core/reading.ts";
import { type Identity, NO_SENSOR, SensorCatalogue } from "../../core/sensor.ts";
import { Columns } from "../columns.ts";
import { IDENTITY_NAMES } from "../field-names.ts";
import type { RuleProblem } from "../rule-set.ts";
import type { Rule } from "./rule.ts";
import { expectedAt, pathOfExpected, type RuleTest } from "./rule-tests.ts";
import { readingsOf, type TestReading } from "./test-readings.ts";

/** The tests that failed; none: the rule is good. */
export function failedTests(rule: Rule): readonly RuleProblem[] {
  return testResults(rule).flatMap(({ problem }) => problem ?? []);
}

/** `problem`: null where the test passed. */
export type TestResult = { readonly test: RuleTest; readonly problem: RuleProblem | null };

/** Every test of a rule, in the order of its file. */
export function testResults(rule: Rule): readonly TestResult[] {
  if (rule.tests.length === 0) return [];
  const catalogue = new SensorCatalogue();
  const columns = new Columns(catalogue);
  const judge = rule.condition.compile(columns);
  const block = new ReadingBlock(Math.max(...rule.tests.map((test) => test.sequence.count)));
  const results: TestResult[] = [];
  for (const test of rule.tests) {
    const mask = fill(block, test, rule, catalogue);
    columns.grow();
    const reasons = new Map<number, string>();
    // The memory of the test before was never kept.
    judge.state?.rollBack();
    judge.judge(block, mask, (row, what) => reasons.set(row, what.reason));
    const reading = firstWrong(test, reasons);
    if (reading === undefined) {
      results.push({ test, problem: null });
      continue;
    }
    const applies = mask[block.sensor[reading] ?? NO_SENSOR] === 1;
    const because = reasons.get(reading) ?? (applies ? "within its limits" : "the rule does not apply to this sensor");
    const which = test.sequence.count === 1 ? "" : `reading ${reading + 1} of ${test.sequence.count}: `;
    const breaks = !reasons.has(reading);
    const message = `test of "${rule.name}" failed: ${which}expected breaks ${breaks}, but ${because}`;
    results.push({ test, problem: { ...rule.places.of(pathOfExpected(test, reading)), message } });
  }
  return results;
}

/** The first reading whose verdict is not the one that the test expects. */
function firstWrong(test: RuleTest, reasons: ReadonlyMap<number, string>): number | undefined {
  for (let reading = 0; reading < test.sequence.count; reading++) {
    const expected = expectedAt(test, reading);
    if (expected !== null && expected !== reasons.has(reading)) return reading;
  }
  return undefined;
}

/** Puts a test's readings into the block; returns a mask of the sensors that the rule applies to, by handle. */
function fill(block: ReadingBlock, test: RuleTest, rule: Rule, catalogue: SensorCatalogue): Uint8Array {
  const { measures } = rule.condition;
  const applies: number[] = [];
  let time = -test.everyMs;
  block.clear();
  for (const reading of readingsOf(test.sequence)) {
    time = timeOf(reading) ?? time + test.everyMs;
    const identity: Identity = IDENTITY_NAMES.map((name) => reading.get(name) ?? null);
    const sensor = catalogue.internSensor(identity, measures);
    const row = block.add(sensor, time, labelOf(catalogue, reading));
    for (const measure of measures) {
      // A measure of a test is a number or null.
      block.column(catalogue.slotOf(measure))[row] = (reading.get(measure) as number | null | undefined) ?? Number.NaN;
    }
    if (rule.appliesTo.matchesNamed(identity, new Set(reading.keys()))) applies.push(sensor);
  }
  const mask = new Uint8Array(catalogue.sensors.length);
  for (const sensor of applies) mask[sensor] = 1;
  return mask;
}

function timeOf(reading: TestReading): number | undefined {
  const timestamp = reading.get("timestamp");
  return typeof timestamp === "string" ? Date.parse(timestamp) : undefined;
}

function labelOf(catalogue: SensorCatalogue, reading: TestReading): number {
  const code = reading.get("status_code");
  const flag = reading.get("anomaly_flag");
  const type = reading.get("anomaly_type");
  return catalogue.internLabel({
    statusCode: typeof code === "number" ? code : null,
    anomalyFlag: flag === 0 || flag === 1 ? flag : null,
    anomalyType: typeof type === "string" ? type : null,
  });
}
