/**
 * Times that are numbers: seconds and parts of seconds since 1970, Julian days (SQLite's `julianday()`), and the serial days of
 * spreadsheets (1 January 1900 is day 1, in local time). Digits beyond a millisecond are cut, not rounded.
 */
import { MS_PER_DAY } from "../../core/time/duration.ts";

/** Noon of 1 January 4713 BC is Julian day 0. */
const JULIAN_1970 = 2_440_587.5;
/** A spreadsheet's year 1900 has a 29 February. */
const SERIAL_1970 = 25_569;

type Epoch = {
  readonly toMs: (value: number) => number;
  /** The value that is exactly this millisecond. */
  readonly fromMs: (ms: number) => number;
};

function parts(fromMs: (ms: number) => number, roughly: (value: number) => number): Epoch {
  const toMs = (value: number): number => {
    const nearest = Math.round(roughly(value));
    return fromMs(nearest) > value ? nearest - 1 : nearest;
  };
  return { toMs, fromMs };
}

function days(of1970: number): Epoch {
  // A double holds such a day to some 40 µs: the nearest millisecond is the one that was meant.
  return { toMs: (value) => Math.round((value - of1970) * MS_PER_DAY), fromMs: (ms) => ms / MS_PER_DAY + of1970 };
}

const EPOCHS = {
  unix_s: parts(
    (ms) => ms / 1_000,
    (value) => value * 1_000,
  ),
  unix_ms: parts(
    (ms) => ms,
    (value) => value,
  ),
  unix_us: parts(
    (ms) => ms * 1_000,
    (value) => value / 1_000,
  ),
  unix_ns: parts(
    (ms) => ms * 1_000_000,
    (value) => value / 1_000_000,
  ),
  julian_day: days(JULIAN_1970),
  excel_day: days(SERIAL_1970),
} as const satisfies Record<string, Epoch>;

export type EpochFormat = keyof typeof EPOCHS;
export const EPOCH_FORMATS = Object.keys(EPOCHS) as readonly EpochFormat[];
export const isEpoch = (format: string): format is EpochFormat => Object.hasOwn(EPOCHS, format);

export function epochToMs(format: EpochFormat, value: number): number {
  return EPOCHS[format].toMs(value);
}

export function epochFromMs(format: EpochFormat, ms: number): number {
  return EPOCHS[format].fromMs(ms);
}

/** Where a sensor's time is, if its number was read in the right format. The ranges of the formats do not overlap. */
const USUAL = { from: Date.UTC(2000, 0, 1), until: Date.UTC(2100, 0, 1) };

/** Seconds, or thousandths, millionths or billionths of them: as the number says by its size. */
export const ANY_UNIX = "unix";
const UNIX_FORMATS = ["unix_s", "unix_ms", "unix_us", "unix_ns"] as const satisfies readonly EpochFormat[];

const isUsual = (ms: number): boolean => ms >= USUAL.from && ms < USUAL.until;

/** Of a number of the format `unix`, the format that makes it a usual time; null where none does. */
export function unixFormatOf(value: number): EpochFormat | null {
  return UNIX_FORMATS.find((format) => isUsual(epochToMs(format, value))) ?? null;
}

/** The format in which a number is a usual time, and that time; null where no other than those of `not` fits. */
export function otherEpoch(not: readonly string[], value: number): { format: EpochFormat; ms: number } | null {
  for (const format of EPOCH_FORMATS) {
    const ms = epochToMs(format, value);
    if (!not.includes(format) && isUsual(ms)) return { format, ms };
  }
  return null;
}
