/**
 * The time of a rule's memory is the readings' own. They may come late, twice, as a backlog, or from a clock that was wrong
 * for a while. Four doubles at the start of a subject's memory decide which readings change it: the same for every kind, and
 * the same for every way to cut the stream into blocks.
 */

/**
 * The time of the last reading that counted; how many late readings followed in rising order; the time of the last of them;
 * and the peak: while readings of an earlier time count, the newest time before those, else infinite.
 */
export const CLOCK: readonly number[] = [Number.NaN, 0, 0, Number.POSITIVE_INFINITY];
export const CLOCK_WIDTH = CLOCK.length;
const LATE_RUN = 1;
const LATE_AT = 2;
export const PEAK = 3;

/**
 * This many late readings in a row, each later than the one before, count from there on: one reading from next year must not
 * silence a rule until then. Either the clock was ahead and was set back, or it is a backlog of a device that was offline:
 * no reading shows which it is before one is newer than the peak again.
 */
export const SET_BACK_AFTER = 10;

/** How a reading relates to the memory of its subject. */
export const FIRST = 0;
export const LATER = 1;
/** Not later than the last one that counted: a duplicate, or delayed on its way. It is not judged and changes nothing. */
export const LATE = 2;
/** Readings of an earlier time count from this one on. What is remembered is of a later time. */
export const SET_BACK = 3;
/** The same while readings of an earlier time counted already. */
export const SET_BACK_AGAIN = 4;
/** Later than the last one that counted, and not newer than the peak. */
export const CATCHES_UP = 5;
/** The first one that is newer than the peak. */
export const PASSES = 6;
/** A step above `LATE`: readings of an earlier time count, or just did. */
export type Step = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** Moves the clock that begins at `at`. */
export function stepClock(values: Float64Array, at: number, time: number): Step {
  const last = values[at]!;
  if (time > last) {
    values[at] = time;
    values[at + LATE_RUN] = 0;
    const peak = values[at + PEAK]!;
    if (peak === Number.POSITIVE_INFINITY) return LATER;
    if (time <= peak) return CATCHES_UP;
    values[at + PEAK] = Number.POSITIVE_INFINITY;
    return PASSES;
  }
  if (Number.isNaN(last)) {
    values[at] = time;
    return FIRST;
  }
  const run = values[at + LATE_RUN]!;
  values[at + LATE_RUN] = run > 0 && time > values[at + LATE_AT]! ? run + 1 : 1;
  values[at + LATE_AT] = time;
  if (values[at + LATE_RUN]! < SET_BACK_AFTER) return LATE;
  values[at] = time;
  values[at + LATE_RUN] = 0;
  if (values[at + PEAK]! < Number.POSITIVE_INFINITY) return SET_BACK_AGAIN;
  values[at + PEAK] = last;
  return SET_BACK;
}

/** A time in a finding; null beyond the range of dates. */
export function isoTime(ms: number): string | null {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null;
}

/** A length of time in at most two units: `90ms`, `12.5s`, `5m 30s`, `2h 5m`, `3d`. */
export function spanText(ms: number): string {
  if (ms < 1_000) return `${shortNumber(ms)}ms`;
  if (ms < 60_000) return `${shortNumber(ms / 1_000)}s`;
  const [large, small, unit] =
    ms < 3_600_000
      ? [60_000, 1_000, "ms"]
      : ms < 86_400_000
        ? [3_600_000, 60_000, "hm"]
        : [86_400_000, 3_600_000, "dh"];
  const whole = Math.floor(ms / large);
  const rest = Math.floor((ms - whole * large) / small);
  return rest === 0 ? `${whole}${unit[0]}` : `${whole}${unit[0]} ${rest}${unit[1]}`;
}

/**
 * Whether a difference of two values of about this size is above a limit. Rules are written in decimals, and 20.03 − 20.02
 * is a little more than 0.01 in doubles.
 */
export function exceeds(difference: number, limit: number, size: number): boolean {
  return difference > limit + Math.abs(size) * 1e-12;
}

/** A calculated number for a message: at most four significant digits. */
export function shortNumber(value: number): number {
  return Number(value.toPrecision(4));
}
