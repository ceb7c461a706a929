/** `{"range": {"measure": "temperature", "min": -20, "max": 60}}`: both limits are allowed values, either may be left out. */

import type { JsonNode } from "../core/located-json.ts";
import type { ReadingBlock } from "../core/reading.ts";
import type { Columns } from "./columns.ts";
import type { Broken, Condition, ConditionJudge, ConditionKind } from "./condition.ts";
import type { RuleReader } from "./rule-reader.ts";

type Range = { readonly measure: string; readonly min: number; readonly max: number };

const keys = ["measure", "min", "max"] as const;

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const fields = reader.fields(node, '"range"', keys, ["measure"]);
  if (fields === undefined) return undefined;
  const measureNode = fields.get("measure");
  const measure = measureNode && reader.measure(measureNode);
  const limit = (key: "min" | "max", open: number): number | undefined => {
    const given = fields.get(key);
    return given === undefined ? open : reader.number(given, `"${key}"`);
  };
  const min = limit("min", Number.NEGATIVE_INFINITY);
  const max = limit("max", Number.POSITIVE_INFINITY);
  if (!fields.has("min") && !fields.has("max")) return reader.problem(node.at, '"range" needs "min", "max" or both');
  if (measure === undefined || min === undefined || max === undefined) return undefined;
  if (min > max)
    return reader.problem(node.at, `"min" ${min} is above "max" ${max}: every reading would break the rule`);
  const range = { measure, min, max };
  return { measures: [measure], compile: (columns) => compile(range, columns) };
}

function compile(range: Range, columns: Columns): ConditionJudge {
  const { min, max } = range;
  const ref = columns.measure(range.measure);
  const limit = limitText(range);
  return {
    judge(block: ReadingBlock, applies: Uint8Array, broken: (row: number, what: Broken) => void): void {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column === undefined) return;
      const { count, sensor } = block;
      for (let row = 0; row < count; row++) {
        const value = column[row]!;
        // An absent value is NaN, and NaN is neither below nor above.
        if ((value < min || value > max) && applies[sensor[row]!] === 1) {
          const side = value < min ? `below ${min}` : `above ${max}`;
          broken(row, { reason: `${range.measure} ${value} is ${side}`, observed: value, limit, window: null });
        }
      }
    },
  };
}

function limitText({ min, max }: Range): string {
  if (max === Number.POSITIVE_INFINITY) return `≥ ${min}`;
  return min === Number.NEGATIVE_INFINITY ? `≤ ${max}` : `${min}…${max}`;
}

export const RANGE: ConditionKind = { keys, read };
