/**
 * The time of a rule's memory is the readings' own. They may come late, twice, or from a clock that was wrong for a while.
 * Three doubles at the start of a subject's memory decide which readings change it: the same for every kind, and the same
 * for every way to cut the stream into blocks.
 */

/** The time of the last reading that counted; how many late readings followed in rising order; the time of the last of them. */
export const CLOCK: readonly number[] = [Number.NaN, 0, 0];
export const CLOCK_WIDTH = CLOCK.length;
const LATE_RUN = 1;
const LATE_AT = 2;

/**
 * This many late readings in a row, each later than the one before, mean that the clock was ahead and was set back: the
 * memory is of a time that never was. One reading from next year must not silence a rule until then.
 */
export const SET_BACK_AFTER = 10;

/** How a reading relates to the memory of its subject. */
export const FIRST = 0;
export const LATER = 1;
/** Not later than the last one that counted: a duplicate, or delayed on its way. It is not judged and changes nothing. */
export const LATE = 2;
/** The clock was set back: the memory continues from this reading. */
export const SET_BACK = 3;
export type Step = typeof FIRST | typeof LATER | typeof LATE | typeof SET_BACK;

/** Moves the clock that begins at `at`. */
export function stepClock(values: Float64Array, at: number, time: number): Step {
  const last = values[at]!;
  if (time > last) {
    values[at] = time;
    values[at + LATE_RUN] = 0;
    return LATER;
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
