import { expect, test } from "bun:test";
import fc from "fast-check";
import { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { cases } from "../../testing/needs.ts";
import { Columns } from "../columns.ts";
import { judgeOf } from "../kinds/expression.ts";
import { type CheckedExpression, checkExpression } from "./check.ts";
import { compileExpression } from "./compile.ts";

function checked(text: string): CheckedExpression {
  const expression = checkExpression(text);
  if ("message" in expression) throw new Error(`${text}: ${expression.message}`);
  return expression;
}

type Reading = {
  time?: number;
  a?: number;
  b?: number;
  sensor_id: string | null;
  latitude: number | null;
  status_code: number | null;
  anomaly_flag: 0 | 1 | null;
  anomaly_type: string | null;
};
const MEASURES = ["a", "b"];

/** The readings as a block: sensors of both measures, so that an absent one is NaN. */
function blockOf(readings: readonly Reading[]): { block: ReadingBlock; columns: Columns } {
  const catalogue = new SensorCatalogue();
  const block = new ReadingBlock(readings.length + 1);
  block.addMalformed(0, { reason: "not_json", detail: "", received: "", encoding: "utf8", bytes: 0 });
  for (const reading of readings) {
    const identity = IDENTITY_COLUMNS.map((column) =>
      column === "sensor_id" ? reading.sensor_id : column === "latitude" ? reading.latitude : null,
    );
    const { status_code: statusCode, anomaly_flag: anomalyFlag, anomaly_type: anomalyType } = reading;
    const label = catalogue.internLabel({ statusCode, anomalyFlag, anomalyType });
    const row = block.add(catalogue.internSensor(identity, MEASURES), reading.time ?? 0, label);
    for (const name of ["a", "b"] as const) {
      block.column(catalogue.slotOf(name))[row] = reading[name] ?? Number.NaN;
    }
  }
  const columns = new Columns(catalogue);
  columns.grow();
  return { block, columns };
}

function brokenRows(expression: CheckedExpression, readings: readonly Reading[], compiled: boolean): number[] {
  const { block, columns } = blockOf(readings);
  const everyone = new Uint8Array(columns.catalogue.sensors.length).fill(1);
  everyone[0] = 0;
  const rows: number[] = [];
  judgeOf(expression, columns, compiled).judge(block, everyone, (row) => rows.push(row - 1));
  return rows;
}

const double = fc.constantFrom(0, -0, 1, -1, 2.5, 3, 60, 1e308, -1e308, 5e-324);
const text = fc.constantFrom("", "s1", "spike", "é💧", "s1x", "ｚ", "💧");
const quoted = text.map((value) => JSON.stringify(value));
const reading: fc.Arbitrary<Reading> = fc.record(
  {
    time: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
    a: fc.oneof(double, fc.double({ noNaN: true, noDefaultInfinity: true })),
    b: double,
    sensor_id: fc.option(text),
    latitude: fc.option(double),
    status_code: fc.option(fc.constantFrom(0, 1, 200, -3, 2 ** 53 - 1)),
    anomaly_flag: fc.option(fc.constantFrom<0 | 1>(0, 1)),
    anomaly_type: fc.option(text),
  },
  { requiredKeys: ["sensor_id", "latitude", "status_code", "anomaly_flag", "anomaly_type"] },
);

const literal = fc.constantFrom("0.0", "1.0", "2.5", "60.0", "1e308", "0.1");
const integer = fc.constantFrom("0", "1", "200", "(-3)", "9007199254740991");
/** Expressions as text, of the part of CEL that is compiled. */
const { condition } = fc.letrec<{ condition: string; number: string; whole: string; string: string }>((tie) => ({
  number: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("a", "b", "latitude"),
    literal,
    fc
      .tuple(tie("number"), fc.constantFrom("+", "-", "*", "/"), tie("number"))
      .map(([l, op, r]) => `(${l} ${op} ${r})`),
    tie("number").map((of) => `(-${of})`),
    fc
      .tuple(fc.constantFrom("abs", "sqrt", "exp", "ln", "floor", "ceil"), tie("number"))
      .map(([f, of]) => `${f}(${of})`),
    fc.tuple(fc.constantFrom("min", "max", "pow"), tie("number"), tie("number")).map(([f, l, r]) => `${f}(${l}, ${r})`),
    fc.tuple(tie("condition"), tie("number"), tie("number")).map(([c, l, r]) => `(${c} ? ${l} : ${r})`),
    tie("whole").map((of) => `double(${of})`),
  ),
  whole: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("status_code", "anomaly_flag"),
    integer,
    tie("string").map((of) => `size(${of})`),
    tie("whole").map((of) => `(-${of})`),
    fc
      .tuple(
        fc.constantFrom("getHours", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMilliseconds"),
        fc.constantFrom("", "'Europe/Brussels'", "'-09:30'"),
      )
      .map(([part, zone]) => `timestamp.${part}(${zone})`),
    fc.tuple(tie("condition"), tie("whole"), tie("whole")).map(([c, l, r]) => `(${c} ? ${l} : ${r})`),
  ),
  string: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("sensor_id", "anomaly_type"),
    quoted,
    fc.tuple(tie("string"), tie("string")).map(([l, r]) => `(${l} + ${r})`),
  ),
  condition: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc
      .tuple(tie("number"), fc.constantFrom("<", "<=", ">", ">=", "==", "!="), tie("number"))
      .map(([l, op, r]) => `${l} ${op} ${r}`),
    fc
      .tuple(tie("whole"), fc.constantFrom("<", "<=", ">", ">="), fc.oneof(tie("whole"), tie("number")))
      .map(([l, op, r]) => `${l} ${op} ${r}`),
    fc.tuple(tie("whole"), fc.constantFrom("==", "!="), tie("whole")).map(([l, op, r]) => `${l} ${op} ${r}`),
    fc
      .tuple(tie("string"), fc.constantFrom("==", "!=", "<", ">="), tie("string"))
      .map(([l, op, r]) => `${l} ${op} ${r}`),
    fc
      .tuple(tie("string"), fc.constantFrom("startsWith", "endsWith", "contains"), tie("string"))
      .map(([l, method, r]) => `${l}.${method}(${r})`),
    fc
      .tuple(tie("string"), fc.constantFrom("^s[0-9]+$", "(?i)SP", "\\\\pL$", "^.$"))
      .map(([of, pattern]) => `${of}.matches('${pattern}')`),
    fc.tuple(tie("string"), fc.array(quoted, { minLength: 1 })).map(([l, of]) => `${l} in [${of.join(", ")}]`),
    fc.tuple(tie("number"), fc.array(literal, { minLength: 1 })).map(([l, of]) => `${l} in [${of.join(", ")}]`),
    fc
      .tuple(tie("condition"), fc.constantFrom("&&", "||", "==", "!="), tie("condition"))
      .map(([l, op, r]) => `(${l}) ${op} (${r})`),
    tie("condition").map((of) => `!(${of})`),
    fc.tuple(tie("condition"), tie("condition"), tie("condition")).map(([c, l, r]) => `((${c}) ? (${l}) : (${r}))`),
    fc.constantFrom("true", "false"),
  ),
}));

const RUNS = cases(1_200);

test("compiled code breaks the same readings as the evaluator, absent fields included", () => {
  let compared = 0;
  fc.assert(
    fc.property(condition, fc.array(reading, { minLength: 4, maxLength: 8 }), (source, readings) => {
      const expression = checkExpression(source);
      if ("message" in expression) {
        expect([source, expression.message]).toEqual([source, "this expression reads no field of the reading"]);
        return;
      }
      // Large ones are left to the evaluator.
      if (source.length < 150) expect([source, compileExpression(expression) !== undefined]).toEqual([source, true]);
      compared += compileExpression(expression) === undefined ? 0 : 1;
      expect(brokenRows(expression, readings, true)).toEqual(brokenRows(expression, readings, false));
    }),
    { numRuns: RUNS },
  );
  expect(compared).toBeGreaterThan(0.58 * RUNS);
});

const whole = (values: Partial<Reading>): Reading => ({
  sensor_id: "s1",
  latitude: 54.98,
  status_code: 0,
  anomaly_flag: 0,
  anomaly_type: null,
  ...values,
});

test("an absent field makes its part an error, which && and || absorb where the other side decides", () => {
  const rows = (source: string, ...readings: Partial<Reading>[]) =>
    brokenRows(checked(source), readings.map(whole), true);
  expect(rows("a > 60.0", { a: 61 }, {}, { a: 60 })).toEqual([0]);
  expect(rows("!(a > 60.0)", { a: 61 }, {}, { a: 60 })).toEqual([2]);
  expect(rows("a != 60.0", { a: 61 }, {}, { a: 60 })).toEqual([0]);
  expect(rows("a > 60.0 || b > 1.0", { a: 61 }, { b: 2 }, { b: 0 })).toEqual([0, 1]);
  expect(rows("a > 60.0 && b > 1.0", { a: 61 }, { b: 2 }, { a: 61, b: 2 })).toEqual([2]);
  expect(rows("anomaly_type != 'spike'", { anomaly_type: "stuck" }, {}, { anomaly_type: "spike" })).toEqual([0]);
});

test("doubles follow IEEE 754: a division by zero is infinite, not an error", () => {
  const rows = (source: string) => brokenRows(checked(source), [whole({ a: 1, b: 0 }), whole({ a: 0, b: 0 })], true);
  expect(rows("a / b > 1.0")).toEqual([0]);
  expect(rows("!(a / b > 1.0)")).toEqual([1]);
});

test("an expression outside the compiled part is evaluated, with CEL's result", () => {
  const rows = (source: string) => {
    const expression = checked(source);
    expect([source, compileExpression(expression)]).toEqual([source, undefined]);
    return brokenRows(expression, [whole({ a: 2, status_code: 7 }), whole({ a: -2, status_code: 8 }), whole({})], true);
  };
  expect(rows("status_code % 2 == 1")).toEqual([0]);
  expect(rows("[1.0, 3.0].exists(x, a > x)")).toEqual([0]);
  expect(rows("sensor_id + '' in [sensor_id] && a < 0.0")).toEqual([1]);
  expect(rows("int(a) == 2")).toEqual([0]);
  expect(rows("timestamp < timestamp('1970-01-01T00:00:01Z') && a > 0.0")).toEqual([0]);
});

test("an error other than an absent field is counted by its message, and the reading does not break the rule", () => {
  const { block, columns } = blockOf([
    whole({ status_code: 0 }),
    whole({ status_code: 5 }),
    whole({ status_code: null }),
  ]);
  const judge = judgeOf(checked("100 / status_code > 10"), columns);
  const rows: number[] = [];
  judge.judge(block, Uint8Array.of(0, 1, 1, 1), (row) => rows.push(row));
  expect(rows).toEqual([2]);
  expect([...judge.problems!]).toEqual([["division by zero", 1]]);
});

test("no text of an expression gets into the generated code", () => {
  const evil = "'\\'+(globalThis.hacked=1)+\\''";
  const rows = brokenRows(
    checked(`sensor_id == ${evil} || sensor_id in [${evil}] || sensor_id.contains(${evil})`),
    [whole({})],
    true,
  );
  expect(rows).toEqual([]);
  expect("hacked" in globalThis).toBe(false);
});

test("an expression whose code would grow without end is left to the evaluator", () => {
  let source = "a > 1.0";
  for (let i = 0; i < 24; i++) source = `(${source}) == (b > ${i}.0)`;
  const expression = checked(source);
  expect(compileExpression(expression)).toBeUndefined();
  expect(brokenRows(expression, [whole({ a: 2, b: 100 })], true)).toEqual([0]);

  let number = "a";
  for (let i = 0; i < 12; i++) number = `(${number} > 1.0 ? a : b)`;
  expect(compileExpression(checked(`${number} > 1.0`))).toBeUndefined();
  expect(brokenRows(checked(`${number} > 1.0`), [whole({ a: 2, b: 0 }), whole({ a: 1, b: 0 })], true)).toEqual([0]);
});
