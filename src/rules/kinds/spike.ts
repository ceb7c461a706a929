/**
 * `{"spike": {"measure": "voltage", "window": 30, "threshold": 6, "min_deviation": 0.5}}`: a value far from the last readings
 * of its sensor, by the robust z-score 0.6745·|x − median| / MAD, which spikes in the window hardly move.
 * Source: B. Iglewicz and D. C. Hoaglin, How to Detect and Handle Outliers, ASQC 1993 (they advise a threshold of 3.5).
 */

import { about } from "../../core/outside/composed-shapes.ts";
import { object, optional, type ValueOf } from "../../core/outside/shape.ts";
import type { Broken } from "../condition.ts";
import { CLOCK_WIDTH, exceeds, isoTime, LATE, shortNumber, stepClock } from "./event-time.ts";
import { ABOVE_ZERO, MEASURE, wholeNumber, ZERO_OR_MORE } from "./fields.ts";
import { deviationOf, insertSorted, medianOf, placeOf, reorder } from "./median.ts";
import { type JudgeColumn, type Memory, remembering } from "./remembering.ts";

const shape = about(
  object({
    measure: MEASURE,
    window: about(wholeNumber(5, 200), "Readings that it is compared with"),
    threshold: about(ABOVE_ZERO, "Robust z-score above which it breaks; 3.5 is usual, 6 is careful"),
    min_deviation: about(
      optional(ZERO_OR_MORE, 0),
      "And this far from the median at least, in the measure's unit; the only limit where most of the last values are equal",
      0,
    ),
  }),
  "A value far from the median of the sensor's last readings, by the robust z-score (Iglewicz and Hoaglin, 1993)",
);
type Spike = ValueOf<typeof shape>;

/** The 0.75 quantile of the normal distribution: it makes the MAD of normal noise comparable with a standard deviation. */
const NORMAL = 0.6745;

/** Of a window of equal values, this part of the value replaces the MAD. */
const EQUAL_SHARE = 0.1;
/** A difference below this part of the value is of the calculation, not of the sensor. */
const ROUNDING = 1e-9;

// Behind the clock: how many values there are, where the next goes, then the values in the order they came, as a ring,
// then the same values sorted.
const COUNT = CLOCK_WIDTH;
const NEXT = CLOCK_WIDTH + 1;
const RING = CLOCK_WIDTH + 2;

/** A median of a few values says little: half the window must be there, and never less than five. */
export function leastKnown(window: number): number {
  return Math.max(5, Math.ceil(window / 2));
}

function judge(spike: Spike, { state, asides, subjectOf }: Memory): JudgeColumn {
  const { window, threshold, min_deviation: minDeviation } = spike;
  const least = leastKnown(window);
  const limit = limitText(spike);
  return (block, column, applies, broken) => {
    const { count, sensor, time } = block;
    for (let row = 0; row < count; row++) {
      const handle = sensor[row]!;
      const value = column[row]!;
      if (applies[handle] !== 1 || Number.isNaN(value)) continue;
      const at = state.touch(subjectOf[handle]!);
      const { values } = state;
      let last = values[at]!;
      const step = stepClock(values, at, time[row]!);
      if (step === LATE) continue;
      if (step > LATE) last = asides.turn(step, subjectOf[handle]!, values, at);
      const known = values[at + COUNT]!;
      const sorted = at + RING + window;
      if (known >= least) {
        const median = medianOf(values, sorted, known);
        const deviation = Math.abs(value - median);
        // Most readings end here: nothing is near the limit, and the MAD need not be known.
        if (deviation > 0 && !exceeds(minDeviation, deviation, value)) {
          const mad = deviationOf(values, sorted, known, median);
          const scale =
            mad > Math.abs(median) * ROUNDING
              ? mad
              : spareScale(values[sorted]!, values[sorted + known - 1]!, median, spike);
          if (NORMAL * deviation > threshold * scale) {
            broken(row, farAway(spike.measure, limit, { value, median, mad, scale, known, last }));
          }
        }
      }
      remember(values, at, value, window);
    }
  };
}

/**
 * What to measure by where most values of the window are equal. With `min_deviation` that is the limit. Without it, the distance
 * of the furthest value, so that a sensor with few steps may take them; of a window of equal values, a share of the value.
 */
function spareScale(lowest: number, highest: number, median: number, { min_deviation: least }: Spike): number {
  if (least > 0) return 0;
  const furthest = Math.max(median - lowest, highest - median);
  const size = Math.abs(median);
  const scale = furthest > size * ROUNDING ? furthest : size * EQUAL_SHARE;
  // There is no measure of what is far from 0.
  return scale > 0 ? scale : Number.POSITIVE_INFINITY;
}

/** Puts the value in the place of the oldest one: every value counts, so that a new level is the usual one in time. */
function remember(values: Float64Array, at: number, value: number, window: number): void {
  const known = values[at + COUNT]!;
  const sorted = at + RING + window;
  if (known === 0) values[at + NEXT] = 0;
  const next = values[at + NEXT]!;
  const place = at + RING + next;
  if (known < window) {
    insertSorted(values, sorted, known, value);
    values[at + COUNT] = known + 1;
  } else {
    const oldest = placeOf(values, sorted, known, values[place]!);
    values[oldest] = value;
    reorder(values, sorted, known, oldest);
  }
  values[place] = value;
  values[at + NEXT] = next + 1 === window ? 0 : next + 1;
}

type Outlier = {
  readonly value: number;
  readonly median: number;
  readonly mad: number;
  /** What the score is measured by: the MAD, or what replaces it; 0: `min_deviation` alone decides. */
  readonly scale: number;
  readonly known: number;
  readonly last: number;
};

function farAway(measure: string, limit: string, { value, median, mad, scale, known, last }: Outlier): Broken {
  const score = scale > 0 ? shortNumber((NORMAL * Math.abs(value - median)) / scale) : null;
  const far = shortNumber(Math.abs(value - median));
  const times = scale === mad && score !== null ? `a robust z-score of ${score}` : "most of which are equal";
  return {
    reason: `${measure} ${value} is ${far} from the median ${shortNumber(median)} of the last ${known} readings, ${times}`,
    observed: value,
    limit,
    window: { to: isoTime(last), readings: known, median, mad, scale: shortNumber(scale), score },
  };
}

function limitText({ threshold, min_deviation: minDeviation }: Spike): string {
  return `score ≤ ${threshold}${minDeviation > 0 ? ` or within ${minDeviation} of the median` : ""}`;
}

export const SPIKE = remembering({
  shape,
  window: ({ window }) => ({ ms: null, readings: window }),
  doubt: ({ min_deviation: least }) =>
    least > 0
      ? undefined
      : 'without "min_deviation" a sensor that mostly repeats itself is judged by the furthest of its last values, or not at all',
  fresh: ({ window }) => [0, 0, ...new Array<number>(2 * window).fill(0)],
  judge,
});
