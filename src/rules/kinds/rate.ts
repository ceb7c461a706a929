/**
 * `{"rate": {"measure": "pressure", "max_change": 5, "per": "1h"}}`: the value changed faster than that, from one reading to
 * the next, or with `"over": "10m"` over a span, which averages out the noise of single readings.
 */

import { about } from "../../core/outside/composed-shapes.ts";
import { object, optional, type ValueOf } from "../../core/outside/shape.ts";
import { formatDuration } from "../../core/time/duration.ts";
import type { Broken } from "../condition.ts";
import { CLOCK_WIDTH, exceeds, isoTime, LATE, shortNumber, spanText, stepClock } from "./event-time.ts";
import { DURATION, MEASURE, ZERO_OR_MORE } from "./fields.ts";
import { type JudgeColumn, type Memory, remembering } from "./remembering.ts";

const shape = about(
  object({
    measure: MEASURE,
    max_change: about(ZERO_OR_MORE, "In the measure's unit, up or down"),
    per: DURATION,
    /** 0: from one reading to the next. */
    over: about(optional(DURATION, 0), "Over this span; without it, from one reading to the next"),
  }),
  "A measure that moved faster than max_change per time",
);
type Rate = ValueOf<typeof shape>;

/** A reading of a span is kept when it is at least this part of the span later than the last one kept. */
export const SPAN_PARTS = 32;
/** As many as can be younger than the span, and the one before them that a reading is compared with. */
const MOST_POINTS = SPAN_PARTS + 2;

// Behind the clock: how many points are kept, where the oldest is, then time and value of each, as a ring.
const COUNT = CLOCK_WIDTH;
const OLDEST = CLOCK_WIDTH + 1;
const POINTS = CLOCK_WIDTH + 2;

function mostPoints({ over }: Rate): number {
  return over === 0 ? 1 : MOST_POINTS;
}

function judge(rate: Rate, { state, asides, subjectOf }: Memory): JudgeColumn {
  const { max_change: maxChange, per: perMs, over: overMs } = rate;
  const most = mostPoints(rate);
  const apartMs = overMs / SPAN_PARTS;
  const over = overMs === 0 ? "" : ` over ${formatDuration(overMs)}`;
  const limit = `at most ${maxChange} in ${formatDuration(perMs)}${over}`;
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
      const from = reference(values, at, now - overMs, most);
      if (from >= 0) {
        const since = values[from]!;
        const before = values[from + 1]!;
        const speed = ((value - before) / (now - since)) * perMs;
        // The error of the two values grows with them as the change does.
        const size = (value / (now - since)) * perMs;
        if (exceeds(Math.abs(speed), maxChange, size)) {
          broken(row, tooFast(rate, limit, { since, before, now, value, speed }));
        }
      }
      const to = placeOf(values, at, apartMs, most);
      if (to >= 0) {
        values[to] = now;
        values[to + 1] = value;
      }
    }
  };
}

/** Where the newest point that is not younger than `until` is, or −1. Older points are forgotten. */
function reference(values: Float64Array, at: number, until: number, most: number): number {
  let left = values[at + COUNT]!;
  if (left === 0) return -1;
  let oldest = values[at + OLDEST]!;
  if (values[at + POINTS + oldest * 2]! > until) return -1;
  while (left > 1) {
    const next = oldest + 1 === most ? 0 : oldest + 1;
    if (values[at + POINTS + next * 2]! > until) break;
    oldest = next;
    left--;
  }
  values[at + COUNT] = left;
  values[at + OLDEST] = oldest;
  return at + POINTS + oldest * 2;
}

/** Makes room for a point; −1 where it comes too soon after the newest one. */
function placeOf(values: Float64Array, at: number, apartMs: number, most: number): number {
  const count = values[at + COUNT]!;
  const oldest = values[at + OLDEST]!;
  if (most === 1) {
    values[at + COUNT] = 1;
    return at + POINTS;
  }
  const newest = (oldest + count - 1) % most;
  if (count > 0 && values[at]! - values[at + POINTS + newest * 2]! < apartMs) return -1;
  values[at + COUNT] = count + 1;
  return at + POINTS + ((oldest + count) % most) * 2;
}

type Change = {
  readonly since: number;
  readonly before: number;
  readonly now: number;
  readonly value: number;
  readonly speed: number;
};

function tooFast(rate: Rate, limit: string, { since, before, now, value, speed }: Change): Broken {
  const way = speed < 0 ? "fell" : "rose";
  const amount = shortNumber(Math.abs(speed));
  const per = formatDuration(rate.per);
  return {
    reason: `${rate.measure} ${way} from ${before} to ${value} in ${spanText(now - since)}: ${amount} in ${per}, more than ${rate.max_change}`,
    observed: shortNumber(speed),
    limit,
    window: { from: isoTime(since), to: isoTime(now), first: before, last: value },
  };
}

export const RATE = remembering({
  shape,
  window: ({ over }) => (over > 0 ? { ms: over, readings: null } : { ms: null, readings: 2 }),
  fresh: (rate) => [0, 0, ...new Array<number>(mostPoints(rate) * 2).fill(0)],
  judge,
});
