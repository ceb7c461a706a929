/**
 * `{"missing": {"measures": ["temperature", "humidity"]}}`: a reading without a measure that its sensor is used to report.
 * Which measures those are is learnt from the readings: a sensor that has no thermometer misses no temperature, and one that
 * reports its measures in turn, each in a line of its own, misses none either.
 */

import type { JsonNode } from "../../core/outside/located-json.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { Columns } from "../columns.ts";
import type { Broken, Condition, ConditionJudge, ConditionKind } from "../condition.ts";
import type { RuleReader } from "../files/reader.ts";
import { RuleState } from "../state.ts";
import { CLOCK, CLOCK_WIDTH, isoTime, LATE, stepClock } from "./event-time.ts";

type Missing = { readonly measures: readonly string[]; readonly after: number };

const keys = ["measures", "after"] as const;
export const MISSING_MEASURES = 16;
/** So many readings in a row make a habit. */
export const MISSING_AFTER = 3;
const AFTER_MOST = 1_000;

// Behind the clock, for each measure: in how many readings in a row it was, up to the habit; and when it was there last.
const MEASURES = CLOCK_WIDTH;

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const fields = reader.fields(node, '"missing"', keys, ["measures"]);
  const measuresNode = fields?.get("measures");
  const afterNode = fields?.get("after");
  const measures = measuresNode && readMeasures(measuresNode, reader);
  const after = afterNode === undefined ? MISSING_AFTER : reader.whole(afterNode, '"after"', 1, AFTER_MOST);
  if (measures === undefined || after === undefined) return undefined;
  return { measures, judgesAbsent: true, compile: (columns) => compile({ measures, after }, columns) };
}

function readMeasures(node: JsonNode, reader: RuleReader): readonly string[] | undefined {
  if (node.kind !== "array") return reader.problem(node.at, `"measures" must be a list, not ${reader.nameOf(node)}`);
  if (node.items.length < 1 || node.items.length > MISSING_MEASURES) {
    return reader.problem(node.at, `"measures" must list 1 to ${MISSING_MEASURES} of them`);
  }
  const names = new Set<string>();
  for (const item of node.items) {
    const name = reader.measure(item);
    if (name === undefined) return undefined;
    if (names.has(name)) return reader.problem(item.at, `"measures" lists "${name}" twice`);
    names.add(name);
  }
  return [...names];
}

function compile({ measures, after }: Missing, columns: Columns): ConditionJudge {
  const refs = measures.map((name) => columns.measure(name));
  const state = new RuleState(columns.subjects, [...CLOCK, ...measures.flatMap(() => [0, Number.NaN])]);
  const { subjectOf } = columns;
  const limit = measures.join(", ");
  const used: Float64Array[] = [];
  return {
    state,
    judge(block: ReadingBlock, applies: Uint8Array, broken: (row: number, what: Broken) => void): void {
      for (let m = 0; m < refs.length; m++) used[m] = columns.column(block, refs[m]!);
      const { count, sensor, time } = block;
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        if (applies[handle] !== 1) continue;
        const at = state.touch(subjectOf[handle]!);
        const { values } = state;
        const now = time[row]!;
        if (stepClock(values, at, now) === LATE) continue;
        let missing = 0;
        for (let m = 0; m < used.length; m++) {
          const runAt = at + MEASURES + m * 2;
          const run = values[runAt]!;
          if (!Number.isNaN(used[m]![row]!)) {
            if (run < after) values[runAt] = run + 1;
            values[runAt + 1] = now;
          } else if (run >= after) missing++;
          else values[runAt] = 0;
        }
        if (missing > 0) broken(row, found(measures, used, row, values, at, after, limit));
      }
    },
  };
}

function found(
  measures: readonly string[],
  used: readonly Float64Array[],
  row: number,
  values: Float64Array,
  at: number,
  after: number,
  limit: string,
): Broken {
  const missing = measures.filter((_, m) => Number.isNaN(used[m]![row]!) && values[at + MEASURES + m * 2]! >= after);
  const lastAt = missing.map((name) => [name, isoTime(values[at + MEASURES + measures.indexOf(name) * 2 + 1]!)]);
  const are = missing.length === 1 ? "is" : "are";
  return {
    reason: `${missing.join(", ")} ${are} missing, which this sensor used to report`,
    observed: null,
    limit,
    window: { last_seen: Object.fromEntries(lastAt) },
  };
}

export const MISSING: ConditionKind = { keys, read };
