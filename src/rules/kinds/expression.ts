/** `{"expression": "power_output > 0.0 && wind_speed < 3.0"}`: CEL over the reading's fields; true breaks the rule. */

import { ABSENT_FIELD, Instant } from "../../cel/values.ts";
import { messageOf } from "../../core/errors.ts";
import { about, made } from "../../core/outside/composed-shapes.ts";
import { shortText } from "../../core/outside/scalar-shapes.ts";
import { refuse, report } from "../../core/outside/shape.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_SENSOR } from "../../core/sensor.ts";
import { withAdvice } from "../cel/advice.ts";
import { type CheckedExpression, checkExpression } from "../cel/check.ts";
import { compileExpression } from "../cel/compile.ts";
import { idleExpression } from "../cel/constants.ts";
import type { Columns, MeasureRef } from "../columns.ts";
import type { Broken, BrokenRow, ConditionJudge, ConditionKind } from "../condition.ts";
import { IDENTITY_NAMES } from "../field-names.ts";
import { RULE_LIMITS } from "../rule-set.ts";

type FieldValue = string | number | null;
type FieldReader = (block: ReadingBlock, row: number) => FieldValue;

/** Characters of an expression that a reason repeats; the finding's limit has all of it. */
const REASON_LENGTH = 200;
/** This many messages are counted one by one, because some carry a value. */
const MESSAGES_KEPT = 16;

const MOST_BYTES = RULE_LIMITS.expressionBytes;
const shape = about(
  shortText(MOST_BYTES),
  "CEL over the reading's fields that gives true or false: power_output > 0.0 && wind_speed < 3.0",
);

/** `compiled` is for tests that compare the two ways to evaluate. */
export function judgeOf(expression: CheckedExpression, columns: Columns, compiled = true): ConditionJudge {
  const fields = expression.fields.map((name) => ({ name, value: fieldReader(name, columns) }));
  const describe = describer(expression, fields);
  const loop = compiled ? compileExpression(expression) : undefined;
  if (loop === undefined) return interpreted(expression, fields, describe);
  const refs = expression.measures.map((measure) => columns.measure(measure));
  const used: Float64Array[] = [];
  return {
    judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void {
      for (const [i, ref] of refs.entries()) used[i] = columns.column(block, ref);
      used[refs.length] = block.time;
      const { count, sensor, label } = block;
      const { sensors, labels } = columns.catalogue;
      loop(count, sensor, applies, label, sensors, labels, used, (row) => broken(row, describe(block, row)));
    },
  };
}

type Field = { readonly name: string; readonly value: FieldReader };

/** Evaluates row by row, which is slower by far: for the expressions that the compiler leaves out. */
function interpreted(
  expression: CheckedExpression,
  fields: readonly Field[],
  describe: (block: ReadingBlock, row: number) => Broken,
): ConditionJudge {
  const problems = new Map<string, number>();
  const values: unknown[] = [];
  let decided = 0;
  const breaks = (): boolean => {
    try {
      const isBroken = expression.evaluate(values) === true;
      decided++;
      return isBroken;
    } catch (error) {
      if (error !== ABSENT_FIELD) count(problems, messageOf(error));
      return false;
    }
  };
  return {
    problems,
    decided: () => decided,
    judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void {
      for (let row = 0; row < block.count; row++) {
        if (applies[block.sensor[row] ?? NO_SENSOR] !== 1) continue;
        for (const [i, { name, value }] of fields.entries()) values[i] = celValue(name, value(block, row));
        if (breaks()) broken(row, describe(block, row));
      }
    },
  };
}

function count(problems: Map<string, number>, message: string): void {
  const known = problems.has(message) || problems.size < MESSAGES_KEPT;
  const key = known ? message.slice(0, REASON_LENGTH) : "other errors";
  problems.set(key, (problems.get(key) ?? 0) + 1);
}

/** An absent field is left out, which makes the part that uses it an error in CEL. */
function celValue(name: string, value: FieldValue): unknown {
  if (value === null) return undefined;
  if (name === "timestamp") return typeof value === "number" ? new Instant(Math.floor(value), 0) : undefined;
  if (name !== "status_code" && name !== "anomaly_flag") return value;
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function fieldReader(name: string, columns: Columns): FieldReader {
  const { catalogue } = columns;
  const labelOf = (block: ReadingBlock, row: number) => catalogue.labels[block.label[row] ?? -1];
  const identity = IDENTITY_NAMES.indexOf(name);
  if (identity >= 0)
    return (block, row) => catalogue.sensors[block.sensor[row] ?? NO_SENSOR]?.identity[identity] ?? null;
  switch (name) {
    case "timestamp":
      return (block, row) => block.time[row] ?? null;
    case "status_code":
      return (block, row) => labelOf(block, row)?.statusCode ?? null;
    case "anomaly_flag":
      return (block, row) => labelOf(block, row)?.anomalyFlag ?? null;
    case "anomaly_type":
      return (block, row) => labelOf(block, row)?.anomalyType ?? null;
    default:
      return measureReader(columns.measure(name), columns);
  }
}

function measureReader(ref: MeasureRef, columns: Columns): FieldReader {
  return (block, row) => {
    const value = columns.column(block, ref)[row] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  };
}

/** `power_output > 0.0 && wind_speed < 3.0 (power_output 12.5, wind_speed 2.1)`. */
function describer(
  expression: CheckedExpression,
  fields: readonly Field[],
): (block: ReadingBlock, row: number) => Broken {
  const { text } = expression;
  const shown = text.length <= REASON_LENGTH ? text : `${text.slice(0, REASON_LENGTH)}…`;
  const first = fields.find((field) => expression.measures.includes(field.name)) ?? fields[0];
  return (block, row) => {
    const values = fields.map(({ name, value }) => `${name} ${textOf(name, value(block, row))}`);
    return {
      reason: `${shown} (${values.join(", ")})`,
      observed: first?.value(block, row) ?? null,
      limit: text,
      window: null,
    };
  };
}

function textOf(name: string, value: FieldValue): string {
  if (value === null) return "absent";
  return name === "timestamp" ? new Date(value).toISOString() : String(value);
}

export const EXPRESSION: ConditionKind = made(shape, (text, { path, problems }) => {
  if (Buffer.byteLength(text) > MOST_BYTES) return refuse(problems, path, `is longer than ${MOST_BYTES} bytes`);
  const checked = checkExpression(text);
  if ("message" in checked) {
    const { message, index } = withAdvice(text, checked);
    report(problems, { path, what: message, of: "value", index });
    return undefined;
  }
  const idle = idleExpression(checked);
  return {
    measures: checked.measures,
    idle: idle === undefined ? [] : [{ path, ...idle }],
    compile: (columns) => judgeOf(checked, columns),
  };
});
