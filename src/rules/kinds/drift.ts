/**
 * `{"drift": {"measure": "pressure", "baseline": 500, "slack": 0.5, "threshold": 20}}`: the mean moved slowly away from what
 * it was over a longer time. Two cumulative sums, one for each side, of how many standard deviations a reading is away from
 * the baseline beyond the slack; a sum above the threshold breaks the rule.
 * Source: E. S. Page, Continuous Inspection Schemes, Biometrika 41, 1954.
 */

import type { JsonNode } from "../../core/outside/located-json.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { Columns } from "../columns.ts";
import type { Broken, Condition, ConditionJudge, ConditionKind } from "../condition.ts";
import type { RuleReader } from "../files/reader.ts";
import { RuleState } from "../state.ts";
import { CLOCK, CLOCK_WIDTH, isoTime, LATE, shortNumber, stepClock } from "./event-time.ts";

type Drift = {
  readonly measure: string;
  readonly baseline: number;
  readonly slack: number;
  readonly threshold: number;
  /** The standard deviation in the measure's unit; null: learnt. */
  readonly deviation: number | null;
};

const keys = ["measure", "baseline", "slack", "threshold", "deviation"] as const;
export const DRIFT_BASELINE = [10, 1_000_000] as const;
const DEFAULT_SLACK = 0.5;
/** In standard deviations: a single spike is no drift, whatever its height, and moves the baseline as little as this. */
export const MOST_DEVIATIONS = 4;
/** A sum grows no further than so many thresholds, so that the rule is whole again soon after the mean came back. */
export const MOST_THRESHOLDS = 2;

// Behind the clock: readings in the baseline (at most its length), their mean and variance; then for each side the sum,
// since when it is above 0, over how many readings, and the total of their values.
const COUNT = CLOCK_WIDTH;
const MEAN = CLOCK_WIDTH + 1;
const VARIANCE = CLOCK_WIDTH + 2;
const UP = CLOCK_WIDTH + 3;
const DOWN = CLOCK_WIDTH + 7;
const SINCE = 1;
const READINGS = 2;
const TOTAL = 3;
const FRESH = [...CLOCK, ...new Array<number>(11).fill(0)];

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const fields = reader.fields(node, '"drift"', keys, ["measure", "baseline", "threshold"]);
  if (fields === undefined) return undefined;
  const measureNode = fields.get("measure");
  const baselineNode = fields.get("baseline");
  const slackNode = fields.get("slack");
  const thresholdNode = fields.get("threshold");
  const deviationNode = fields.get("deviation");
  const measure = measureNode && reader.measure(measureNode);
  const baseline = baselineNode && reader.whole(baselineNode, '"baseline"', ...DRIFT_BASELINE);
  const slack = slackNode === undefined ? DEFAULT_SLACK : reader.positive(slackNode, '"slack"', true);
  const threshold = thresholdNode && reader.positive(thresholdNode, '"threshold"');
  const deviation = deviationNode === undefined ? null : reader.positive(deviationNode, '"deviation"');
  if (measure === undefined || baseline === undefined || slack === undefined) return undefined;
  if (threshold === undefined || deviation === undefined) return undefined;
  if (slack >= MOST_DEVIATIONS) {
    return reader.problem(node.at, `with a "slack" of ${MOST_DEVIATIONS} or more no reading would count`);
  }
  const drift = { measure, baseline, slack, threshold, deviation };
  return { measures: [measure], compile: (columns) => compile(drift, columns) };
}

function compile(drift: Drift, columns: Columns): ConditionJudge {
  const { baseline, slack, threshold } = drift;
  const ref = columns.measure(drift.measure);
  const state = new RuleState(columns.subjects, FRESH);
  const { subjectOf } = columns;
  const limit = `sum of deviations ≤ ${threshold}`;
  const most = MOST_THRESHOLDS * threshold;
  return {
    state,
    judge(block: ReadingBlock, applies: Uint8Array, broken: (row: number, what: Broken) => void): void {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column === undefined) return;
      const { count, sensor, time } = block;
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        const value = column[row]!;
        if (applies[handle] !== 1 || Number.isNaN(value)) continue;
        const at = state.touch(subjectOf[handle]!);
        const { values } = state;
        if (stepClock(values, at, time[row]!) === LATE) continue;
        const known = values[at + COUNT]!;
        const deviation = drift.deviation ?? Math.sqrt(values[at + VARIANCE]!);
        // A baseline that never moved has no deviation to measure by.
        if (known >= baseline && deviation > 0) {
          const away = within((value - values[at + MEAN]!) / deviation, MOST_DEVIATIONS);
          sum(values, at + UP, away - slack, value, time[row]!, most);
          sum(values, at + DOWN, -away - slack, value, time[row]!, most);
          if (values[at + UP]! > threshold) broken(row, found(drift, values, at, UP, value, time[row]!, limit));
          else if (values[at + DOWN]! > threshold)
            broken(row, found(drift, values, at, DOWN, value, time[row]!, limit));
        }
        learn(values, at, value, baseline, drift.deviation);
      }
    },
  };
}

function within(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value));
}

function sum(values: Float64Array, side: number, more: number, value: number, now: number, most: number): void {
  const total = values[side]! + more;
  if (total <= 0) {
    values[side] = 0;
    values[side + READINGS] = 0;
    values[side + TOTAL] = 0;
    return;
  }
  if (values[side + READINGS] === 0) values[side + SINCE] = now;
  values[side] = Math.min(total, most);
  values[side + READINGS]!++;
  values[side + TOTAL]! += value;
}

/**
 * The baseline is the mean of its first readings, then follows with the weight of one of them: what stays for much longer
 * than the baseline becomes the usual.
 */
function learn(values: Float64Array, at: number, value: number, baseline: number, given: number | null): void {
  const known = Math.min(values[at + COUNT]! + 1, baseline);
  const isFull = values[at + COUNT] === baseline;
  const deviation = given ?? Math.sqrt(values[at + VARIANCE]!);
  const away = value - values[at + MEAN]!;
  const counted = isFull && deviation > 0 ? within(away, MOST_DEVIATIONS * deviation) : away;
  values[at + COUNT] = known;
  values[at + MEAN]! += counted / known;
  values[at + VARIANCE] = (values[at + VARIANCE]! + (counted * counted) / known) * (1 - 1 / known);
}

function found(
  drift: Drift,
  values: Float64Array,
  at: number,
  side: number,
  value: number,
  now: number,
  limit: string,
): Broken {
  const mean = shortNumber(values[at + MEAN]!);
  const readings = values[at + side + READINGS]!;
  const recent = shortNumber(values[at + side + TOTAL]! / readings);
  const way = side === UP ? "above" : "below";
  return {
    reason: `${drift.measure} drifted: the mean ${recent} of the last ${readings} readings is ${way} the usual ${mean}`,
    observed: value,
    limit,
    window: {
      from: isoTime(values[at + side + SINCE]!),
      to: isoTime(now),
      readings,
      mean: recent,
      baseline_mean: mean,
      deviation: shortNumber(drift.deviation ?? Math.sqrt(values[at + VARIANCE]!)),
      sum: shortNumber(values[at + side]!),
    },
  };
}

export const DRIFT: ConditionKind = { keys, read };
