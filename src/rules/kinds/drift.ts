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
    min_deviation: about(
      optional<number | null>(ABOVE_ZERO, null),
      "The least that is taken for a learnt deviation; without it, two of the smallest changes of a sensor that mostly repeats itself",
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
// How fine the sensor is: its last value, its smallest change (infinite: none yet), and the share of readings that changed.
const LAST_VALUE = CLOCK_WIDTH + 11;
const STEP = CLOCK_WIDTH + 12;
const ACTIVE = CLOCK_WIDTH + 13;
const FRESH = [...new Array<number>(11).fill(0), Number.NaN, Number.POSITIVE_INFINITY, 0];

/** A change below this part of the value is of the calculation, not of the sensor. */
const ROUNDING = 1e-9;
/** A change of more units of the last decimal than this says nothing of how fine the sensor is. */
const UNITS = 10;

function judge(drift: Drift, { state, asides, subjectOf }: Memory): JudgeColumn {
  const { baseline, slack, threshold, deviation: given, min_deviation: least } = drift;
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
      const isChange = Math.abs(value - values[at + LAST_VALUE]!) > Math.abs(value) * ROUNDING;
      if (isChange) noteStep(values, at, value);
      const deviation = given ?? Math.max(Math.sqrt(values[at + VARIANCE]!), least ?? coarseness(values, at));
      let away = value - values[at + MEAN]!;
      // A baseline that never moved has no deviation to measure by.
      if (values[at + COUNT]! >= baseline && deviation > 0) {
        const deviations = within(away / deviation, MOST_DEVIATIONS);
        away = within(away, MOST_DEVIATIONS * deviation);
        if (grow(values, at + UP, deviations - slack, most)) countIn(values, at + UP, now, value);
        if (grow(values, at + DOWN, -deviations - slack, most)) countIn(values, at + DOWN, now, value);
        const side = values[at + UP]! > threshold ? UP : values[at + DOWN]! > threshold ? DOWN : null;
        if (side !== null) broken(row, drifted(drift, limit, values.subarray(at), { side, value, deviation }));
      }
      learn(values, at, away, baseline);
      if (isChange) values[at + ACTIVE]! += 1 / values[at + COUNT]!;
      values[at + LAST_VALUE] = value;
    }
  };
}

function noteStep(values: Float64Array, at: number, value: number): void {
  const last = values[at + LAST_VALUE]!;
  const change = Math.abs(value - last);
  if (change >= values[at + STEP]!) return;
  values[at + STEP] = Math.min(change, UNITS * Math.min(unitOf(value), unitOf(last)));
}

/** Of the last decimal of a number: 0.1 of 20.5, 1 of 20. */
function unitOf(value: number): number {
  let unit = 1;
  while (unit > 1e-9 && Math.abs(value / unit - Math.round(value / unit)) > 1e-6) unit /= 10;
  return unit;
}

/**
 * The least deviation of a sensor that mostly repeats itself, so that one step of its resolution does not break the rule:
 * two steps; none where every second reading changes, since then the deviation itself is learnt.
 */
function coarseness(values: Float64Array, at: number): number {
  const active = values[at + ACTIVE]!;
  return active >= 0.5 || values[at + STEP]! === Number.POSITIVE_INFINITY
    ? 0
    : 2 * values[at + STEP]! * (1 - 2 * active);
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
  values[at + ACTIVE]! *= 1 - 1 / known;
  values[at + VARIANCE] = (values[at + VARIANCE]! + (away * away) / known) * (1 - 1 / known);
}

type Reached = { readonly side: typeof UP | typeof DOWN; readonly value: number; readonly deviation: number };

function drifted(drift: Drift, limit: string, memory: Float64Array, { side, value, deviation }: Reached): Broken {
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
      deviation: shortNumber(deviation),
      sum: shortNumber(memory[side]!),
    },
  };
}

export const DRIFT = remembering({
  shape,
  window: ({ baseline }) => ({ ms: null, readings: baseline }),
  doubt: ({ deviation, min_deviation: least }) =>
    deviation === null && least === null
      ? 'without "min_deviation" a sensor that mostly repeats itself is judged by the smallest change that it has shown'
      : undefined,
  fresh: () => FRESH,
  reset: 0,
  judge,
});
