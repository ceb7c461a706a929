/**
 * `{"drift": {"measure": "pressure", "baseline": 500, "slack": 0.5, "threshold": 20}}`: the mean moved slowly away from its
 * value over a longer time. Two cumulative sums, one for each side, of how many standard deviations a reading is away from
 * the baseline beyond the slack; a sum above the threshold breaks the rule.
 * Source: E. S. Page, Continuous Inspection Schemes, Biometrika 41, 1954.
 */

import { about } from "../../core/outside/composed-shapes.ts";
import { number } from "../../core/outside/scalar-shapes.ts";
import { object, optional, type ValueOf } from "../../core/outside/shape.ts";
import type { Broken } from "../condition.ts";
import { CLOCK_WIDTH, isoTime, LATE, shortNumber, stepClock } from "./event-time.ts";
import { ABOVE_ZERO, MEASURE, wholeNumber } from "./fields.ts";
import { type JudgeColumn, type Memory, remembering } from "./remembering.ts";

/** In standard deviations: a single spike is not a drift, whatever its height, and moves the baseline as little as this. */
export const MOST_DEVIATIONS = 4;

const shape = about(
  object({
    measure: MEASURE,
    baseline: about(wholeNumber(10, 1_000_000), "Readings that the baseline is learnt from, and then follows in"),
    // With more slack no reading would count.
    slack: about(
      optional(number({ min: 0, below: MOST_DEVIATIONS }), 0.5),
      "Standard deviations from the baseline that do not count",
      0.5,
    ),
    threshold: about(ABOVE_ZERO, "Sum of the deviations beyond the slack, in standard deviations"),
    /** Null: learnt. */
    deviation: about(
      optional<number | null>(ABOVE_ZERO, null),
      "The standard deviation in the measure's unit; without it, learnt",
    ),
  }),
  "The mean moved slowly away from a longer baseline: two-sided CUSUM (Page, 1954)",
);
type Drift = ValueOf<typeof shape>;

/** A sum grows to this many thresholds at most, so that the rule holds again soon after the mean came back. */
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
const FRESH = new Array<number>(11).fill(0);

function judge(drift: Drift, { state, asides, subjectOf }: Memory): JudgeColumn {
  const { baseline, slack, threshold, deviation: given } = drift;
  const limit = `sum of deviations ≤ ${threshold}`;
  const most = MOST_THRESHOLDS * threshold;
  return (block, column, applies, broken) => {
    const { count, sensor, time } = block;
    for (let row = 0; row < count; row++) {
      const handle = sensor[row]!;
      const value = column[row]!;
      if (applies[handle] !== 1 || Number.isNaN(value)) continue;
      const at = state.touch(subjectOf[handle]!);
      const { values } = state;
      const now = time[row]!;
      const step = stepClock(values, at, now);
      if (step === LATE) continue;
      if (step > LATE) asides.turn(step, subjectOf[handle]!, values, at);
      const deviation = given ?? Math.sqrt(values[at + VARIANCE]!);
      let away = value - values[at + MEAN]!;
      // A baseline that never moved has no deviation to measure by.
      if (values[at + COUNT]! >= baseline && deviation > 0) {
        const deviations = within(away / deviation, MOST_DEVIATIONS);
        away = within(away, MOST_DEVIATIONS * deviation);
        if (grow(values, at + UP, deviations - slack, most)) countIn(values, at + UP, now, value);
        if (grow(values, at + DOWN, -deviations - slack, most)) countIn(values, at + DOWN, now, value);
        const side = values[at + UP]! > threshold ? UP : values[at + DOWN]! > threshold ? DOWN : null;
        if (side !== null) broken(row, drifted(drift, limit, values.subarray(at), { side, value }));
      }
      learn(values, at, away, baseline);
    }
  };
}

function within(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value));
}

/** Adds to the sum of a side. False: it fell to 0, and the side begins again. */
function grow(values: Float64Array, side: number, more: number, most: number): boolean {
  const total = values[side]! + more;
  if (total <= 0) {
    values[side] = 0;
    values[side + READINGS] = 0;
    values[side + TOTAL] = 0;
    return false;
  }
  values[side] = Math.min(total, most);
  return true;
}

function countIn(values: Float64Array, side: number, now: number, value: number): void {
  if (values[side + READINGS] === 0) values[side + SINCE] = now;
  values[side + READINGS]!++;
  values[side + TOTAL]! += value;
}

/**
 * The baseline is the mean of its first readings, then follows with the weight of one of them: a level that stays for much
 * longer than the baseline becomes the usual one.
 */
function learn(values: Float64Array, at: number, away: number, baseline: number): void {
  const known = Math.min(values[at + COUNT]! + 1, baseline);
  values[at + COUNT] = known;
  values[at + MEAN]! += away / known;
  values[at + VARIANCE] = (values[at + VARIANCE]! + (away * away) / known) * (1 - 1 / known);
}

type Reached = { readonly side: typeof UP | typeof DOWN; readonly value: number };

function drifted(drift: Drift, limit: string, memory: Float64Array, { side, value }: Reached): Broken {
  const [now = 0] = memory;
  const mean = shortNumber(memory[MEAN]!);
  const readings = memory[side + READINGS]!;
  const recent = shortNumber(memory[side + TOTAL]! / readings);
  const way = side === UP ? "above" : "below";
  return {
    reason: `${drift.measure} drifted: the mean ${recent} of the last ${readings} readings is ${way} the usual ${mean}`,
    observed: value,
    limit,
    window: {
      from: isoTime(memory[side + SINCE]!),
      to: isoTime(now),
      readings,
      mean: recent,
      baseline_mean: mean,
      deviation: shortNumber(drift.deviation ?? Math.sqrt(memory[VARIANCE]!)),
      sum: shortNumber(memory[side]!),
    },
  };
}

export const DRIFT = remembering({
  shape,
  fresh: () => FRESH,
  anew: 0,
  judge,
});
