/**
 * `{"stuck": {"measure": "humidity", "for": "30m", "tolerance": 0.01}}`: the value did not move for longer than that. Every
 * limit that is set must be passed: `for`, the time; `readings`, how many in a row; `times_usual`, how many times longer than
 * such runs of this sensor usually are, which separates a broken sensor from one with few decimals.
 */

import { about } from "../../core/outside/composed-shapes.ts";
import { object, optional, type ValueOf } from "../../core/outside/shape.ts";
import { formatDuration } from "../../core/time/duration.ts";
import type { Broken } from "../condition.ts";
import { CLOCK_WIDTH, exceeds, isoTime, LATE, shortNumber, spanText, stepClock } from "./event-time.ts";
import { ABOVE_ZERO, DURATION, MEASURE, NUMBER, wholeNumber, ZERO_OR_MORE } from "./fields.ts";
import { type JudgeColumn, type Memory, remembering } from "./remembering.ts";

const MOST_READINGS = 1_000_000;
const shape = about(
  object(
    {
      measure: MEASURE,
      /** Here and below 0: no limit. */
      for: about(optional(DURATION, 0), "For longer than this"),
      readings: about(optional(wholeNumber(2, MOST_READINGS), 0), "For this many readings in a row"),
      times_usual: about(
        optional(ABOVE_ZERO, 0),
        "And for this many times as many readings as this sensor's runs of equal values are long on average",
      ),
      tolerance: about(optional(ZERO_OR_MORE, 0), "Between the highest and the lowest value of the run", 0),
      above: about(
        optional(NUMBER, Number.NEGATIVE_INFINITY),
        "Only values above this can be stuck: a machine at rest is not",
      ),
      below: about(
        optional(NUMBER, Number.POSITIVE_INFINITY),
        "Only values below this can be stuck: a saturated sensor is not",
      ),
    },
    ({ above, below }, complain) => {
      if (above === undefined || below === undefined || above < below) return;
      complain("above", `no value is above ${above} and below ${below}`);
    },
    { of: ["for", "readings"], what: 'needs "for", "readings" or both' },
  ),
  "A measure that does not move; all that is given must hold",
);
type Stuck = ValueOf<typeof shape>;

// Behind the clock.
/** When the current run began, and its extremes; NaN: none. */
const SINCE = CLOCK_WIDTH;
const LOW = CLOCK_WIDTH + 1;
const HIGH = CLOCK_WIDTH + 2;
/** How many readings are in it. */
const RUN = CLOCK_WIDTH + 3;
/** How long, in readings, the runs before it were on average, and over how many that was taken. */
const USUAL = CLOCK_WIDTH + 4;
const RUNS = CLOCK_WIDTH + 5;
const FRESH = [Number.NaN, Number.NaN, Number.NaN, 0, 0, 0];

/** The usual length is known after this many runs have ended. */
export const RUNS_KNOWN = 8;
/** The average forgets: it is over about this many runs. */
export const RUNS_WEIGHED = 64;

function judge(stuck: Stuck, { state, asides, subjectOf }: Memory): JudgeColumn {
  const { for: forMs, readings, times_usual: timesUsual, tolerance, above, below } = stuck;
  const limit = limitText(stuck);
  return (block, column, applies, broken) => {
    const { count, sensor, time } = block;
    for (let row = 0; row < count; row++) {
      const handle = sensor[row]!;
      const value = column[row]!;
      if (applies[handle] !== 1 || Number.isNaN(value)) continue;
      const at = state.touch(subjectOf[handle]!);
      const { values } = state;
      let last = values[at]!;
      const now = time[row]!;
      const step = stepClock(values, at, now);
      if (step === LATE) continue;
      if (step > LATE) last = asides.turn(step, subjectOf[handle]!, values, at);
      // Two readings further apart than `for` say nothing of the time between.
      const isApart = forMs > 0 && now - last > forMs;
      if (isApart || !continuesRun(values, at, value, tolerance)) beginRun(values, at, value, isApart);
      const run = values[at + RUN]!;
      if (run < readings || run < 2 || now - values[at + SINCE]! <= forMs || value <= above || value >= below) continue;
      if (timesUsual > 0 && (values[at + RUNS]! < RUNS_KNOWN || run < timesUsual * values[at + USUAL]!)) continue;
      broken(row, didNotMove(stuck, limit, values.subarray(at), value));
    }
  };
}

/** Takes a value into the current run; false, and nothing taken, where it does not belong there. */
function continuesRun(values: Float64Array, at: number, value: number, tolerance: number): boolean {
  const low = Math.min(values[at + LOW]!, value);
  const high = Math.max(values[at + HIGH]!, value);
  // A fresh memory holds NaN, and a comparison with NaN is false.
  if (!(low <= high) || exceeds(high - low, tolerance, tolerance > 0 ? high : 0)) return false;
  values[at + LOW] = low;
  values[at + HIGH] = high;
  values[at + RUN]!++;
  return true;
}

/** `isCut`: the run before was cut by silence, and is not known to have ended. */
function beginRun(values: Float64Array, at: number, value: number, isCut: boolean): void {
  if (values[at + RUN]! > 0 && !isCut) {
    const runs = Math.min(values[at + RUNS]! + 1, RUNS_WEIGHED);
    values[at + RUNS] = runs;
    values[at + USUAL]! += (values[at + RUN]! - values[at + USUAL]!) / runs;
  }
  values[at + SINCE] = values[at]!;
  values[at + LOW] = value;
  values[at + HIGH] = value;
  values[at + RUN] = 1;
}

function didNotMove(stuck: Stuck, limit: string, memory: Float64Array, value: number): Broken {
  const [now = 0] = memory;
  const since = memory[SINCE]!;
  const run = memory[RUN]!;
  const within = stuck.tolerance > 0 ? ` within ${stuck.tolerance}` : "";
  const usual = stuck.times_usual > 0 ? { usual_readings: shortNumber(memory[USUAL]!) } : {};
  return {
    reason: `${stuck.measure} stayed at ${value}${within} for ${run} readings in ${spanText(now - since)}`,
    observed: value,
    limit,
    window: {
      from: isoTime(since),
      to: isoTime(now),
      readings: run,
      lowest: memory[LOW]!,
      highest: memory[HIGH]!,
      ...usual,
    },
  };
}

function limitText({ for: forMs, readings, times_usual: timesUsual, tolerance }: Stuck): string {
  const parts = [
    forMs > 0 ? formatDuration(forMs) : "",
    readings > 0 ? `${readings} readings` : "",
    timesUsual > 0 ? `${timesUsual} times the usual` : "",
  ];
  return `moves by more than ${tolerance} within ${parts.filter((part) => part !== "").join(" and ")}`;
}

export const STUCK = remembering({
  shape,
  window: ({ for: ms, readings }) => ({ ms: ms > 0 ? ms : null, readings: readings > 0 ? readings : null }),
  fresh: () => FRESH,
  // The run, not how long runs usually are.
  reset: USUAL - CLOCK_WIDTH,
  judge,
});
