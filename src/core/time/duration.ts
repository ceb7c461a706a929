/** Durations and sizes as people write them: `30s`, `250ms`, `7d`, `2GiB`. Inside, always milliseconds and bytes. */

export const MS_PER_MINUTE = 60_000;
export const MS_PER_HOUR = 60 * MS_PER_MINUTE;
export const MS_PER_DAY = 24 * MS_PER_HOUR;
const MS_PER_UNIT = { ms: 1, s: 1_000, m: MS_PER_MINUTE, h: MS_PER_HOUR, d: MS_PER_DAY } as const;
const BYTES_PER_UNIT = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  TB: 1_000_000_000_000,
  KiB: 1_024,
  MiB: 1_024 ** 2,
  GiB: 1_024 ** 3,
  TiB: 1_024 ** 4,
} as const;

/** The start of the hour, in UTC, that a time is in. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / MS_PER_HOUR) * MS_PER_HOUR;
}

/**
 * Milliseconds, or undefined where the text is not a duration. A number needs a unit, because 3 might mean seconds; only 0
 * is the same in all units. A fraction of a millisecond is refused.
 */
export function parseDuration(text: string): number | undefined {
  const found = DURATION.exec(text.trim());
  return isBare(found) ? undefined : scaled(found, MS_PER_UNIT, "ms");
}

/** The same for a setting that has its unit in its name (`AGENT_POLL_MS`): a bare number is milliseconds. */
export function parseMilliseconds(text: string): number | undefined {
  return scaled(DURATION.exec(text.trim()), MS_PER_UNIT, "ms");
}

/** For a number without a unit: that it has none, and what was probably meant. Else an empty text. */
export function unitMeant(text: string): string {
  return isBare(DURATION.exec(text.trim())) ? `it has no unit; did you mean ${text.trim()}s?` : "";
}

const DURATION = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)?$/;

function isBare(found: RegExpExecArray | null): boolean {
  return found !== null && found[2] === undefined && Number(found[1]) !== 0;
}

/** The shortest text that reads back as the same duration: `90s`, `1m`, `250ms`. */
export function formatDuration(ms: number): string {
  return withUnit(ms, MS_PER_UNIT, ["d", "h", "m", "s", "ms"]);
}

/** Bytes, or undefined where the text is not a size. `MiB` counts in 1,024s, `MB` in 1,000s, a bare number is bytes. */
export function parseBytes(text: string): number | undefined {
  return scaled(/^(\d{1,15}(?:\.\d{1,9})?) ?([KMGT]i?B|B)?$/.exec(text.trim()), BYTES_PER_UNIT, "B");
}

export function formatBytes(bytes: number): string {
  return withUnit(bytes, BYTES_PER_UNIT, ["TiB", "GiB", "MiB", "KiB", "B"]);
}

function scaled(found: RegExpExecArray | null, units: Readonly<Record<string, number>>, bare: string) {
  if (found === null) return undefined;
  const value = Number(found[1]) * (units[found[2] ?? bare] ?? Number.NaN);
  // 0.1 * 3,600,000 is an integer up to rounding; half a millisecond is not.
  const whole = Math.round(value);
  return Number.isSafeInteger(whole) && Math.abs(whole - value) < 1e-6 ? whole : undefined;
}

function withUnit(value: number, units: Readonly<Record<string, number>>, fromLargest: readonly string[]): string {
  for (const unit of fromLargest) {
    const size = units[unit] ?? Number.NaN;
    if (value !== 0 && value % size === 0) return `${value / size}${unit}`;
  }
  return `${value}${fromLargest.at(-1)}`;
}
