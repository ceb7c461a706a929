/**
 * Timestamps as others write them, to ms since 1970 UTC. The result is NaN for everything that is not a real moment in the
 * years 1970 to 9999.
 *
 * ISO 8601: `YYYY-MM-DD`, then `T` or a blank, then `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f…` (`,` also), then `Z`, `±HH`, `±HHMM`,
 * `±HH:MM`, or nothing, which means the reader's zone (UTC unless a mapping says otherwise); and the shapes of
 * time/iso-shapes.ts. 24:00 is the midnight that ends the day. A leap second (23:59:60 UTC at the end of a month) is 23:59:59.999. Numbers (those of
 * time/epoch.ts) and other text (time/pattern.ts) when the mapping says so. What a device without a clock says of 1970 in local time is
 * not before 1970 in any zone. Digits beyond a millisecond are cut, and `note` says so.
 */
import {
  COLON,
  COMMA,
  DIGIT_0,
  DOT,
  LOWER_T,
  LOWER_Z,
  MINUS,
  PLUS,
  SPACE,
  UPPER_T,
  UPPER_Z,
} from "../../core/ascii.ts";
import { MS_PER_DAY, MS_PER_MINUTE } from "../../core/time/duration.ts";
import { ANY_UNIX, EPOCH_FORMATS, isEpoch } from "../time/epoch.ts";
import { endsMonth, usualShape } from "../time/iso-shapes.ts";
import { isNumberFormat, NumberTimes } from "../time/number-times.ts";
import { TimePattern } from "../time/pattern.ts";
import type { ZoneNames } from "../time/pattern-words.ts";
import type { Zone } from "../time/zone.ts";

const ISO_FORMATS = ["iso", "YYYY-MM-DD HH:MM:SS"] as const;
/** The formats that have a name; any other is a pattern. */
export const TIMESTAMP_FORMATS = [...ISO_FORMATS, ANY_UNIX, ...EPOCH_FORMATS] as const;
export type TimestampFormat = (typeof TIMESTAMP_FORMATS)[number];

const END_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** In UTC, a local time on the last day of 1969 may be in 1970. */
const FIRST_DAY_MS = -MS_PER_DAY;
/** No timestamp that we know how to read is longer. */
const MAX_TEXT = 128;

/** Flags of `TimestampReader.note`: the text or number says more than the time that was read; a local time that occurs twice. */
export const FINER = 1;
export const REPEATED = 2;

const isIso = (format: string): boolean => ISO_FORMATS.some((known) => known === format);
const UTF8 = new TextEncoder();

export class TimestampReader {
  /** In the order in which they are tried: those of text for text, those of numbers for numbers. */
  readonly formats: readonly string[];
  /** What there is to say of the time that was read last: 0, or flags. */
  note = 0;
  readonly #numbers: NumberTimes;
  /** Null: ISO 8601. */
  readonly #texts: readonly (TimePattern | null)[];
  readonly #zone: Zone | null;
  readonly #scratch = new Uint8Array(MAX_TEXT);
  /** The last day read, as YYYYMMDD, and its midnight: readings come in order, more or less. */
  #day = -1;
  #dayMs = 0;

  /** `formats`: named ones, and patterns; throws a RangeError where one is neither. `zones`: names that `%Z` knows. */
  constructor(formats: string | readonly string[] = "iso", zone: Zone | null = null, zones: ZoneNames = new Map()) {
    this.formats = typeof formats === "string" ? [formats] : formats;
    this.#numbers = new NumberTimes(this.formats.filter(isNumberFormat));
    this.#texts = this.formats
      .filter((format) => !isNumberFormat(format))
      .map((format) => (isIso(format) ? null : new TimePattern(format, zones)));
    this.#zone = zone;
  }

  /** Whether timestamps may be numbers. */
  get numeric(): boolean {
    return this.#numbers.formats.length > 0;
  }

  /** Whether timestamps may be text, other than that of numbers. */
  get textual(): boolean {
    return this.#texts.length > 0;
  }

  /** Whether a number may be read by its text: 20240101 by `%Y%m%d`. */
  get hasPatterns(): boolean {
    return this.#texts.some((pattern) => pattern !== null);
  }

  /** What is expected, in a sentence. */
  get expected(): string {
    const names = this.formats.map((format) =>
      isIso(format)
        ? "ISO 8601"
        : format === ANY_UNIX
          ? "a number of s, ms, µs or ns since 1970 (2000 to 2099)"
          : isEpoch(format)
            ? `a time in ${format}`
            : `text as ${format}`,
    );
    const range = this.formats.every((format) => format === ANY_UNIX) ? "" : " between 1970 and 9999";
    return `${[...new Set(names)].join(" or ")}${range}`;
  }

  /** Of a local time that occurs twice (REPEATED), how much later its second occurrence is. */
  get repeatMs(): number {
    return this.#zone?.repeatMs ?? 0;
  }

  fromNumber(value: number): number {
    return this.#fromEpoch(this.#numbers.read(value));
  }

  /** The same of a number whose text is known: a double has no more than some 256 ns of a time in nanoseconds. */
  fromExact(value: number, text: string): number {
    return this.#fromEpoch(this.#numbers.readExact(value, text));
  }

  #fromEpoch(ms: number): number {
    if (Number.isNaN(ms)) return ms;
    const { isFiner, isLocal } = this.#numbers;
    this.note = isFiner ? FINER : 0;
    return inRange(isLocal && this.#zone !== null ? this.#toUtc(ms, this.#zone) : ms);
  }

  /** `; as unix_ms it is 2023-11-14`, of a number that cannot be a time in this format; empty where it fits no other. */
  otherFormat(value: number): string {
    return this.#numbers.otherFormat(value);
  }

  /** `unix_ms gives 1970-01-20 here; as unix_s it is 2023-11-14`; null where the number fits no other format, or may be text. */
  otherMeaning(timeMs: number): string | null {
    return this.textual ? null : this.#numbers.otherMeaning(timeMs);
  }

  fromText(padded: string): number {
    const text = padded.trim();
    const { read, written } = UTF8.encodeInto(text, this.#scratch);
    return read < text.length ? Number.NaN : this.#read(this.#scratch, 0, written, false);
  }

  /** Of text without escapes: the bytes between its quotes. */
  fromBytes(bytes: Uint8Array, from: number, to: number): number {
    return this.#read(bytes, from, to, true);
  }

  /** `isWithinQuotes`: the bytes are those of JSON text, where a backslash begins an escape. */
  #read(bytes: Uint8Array, from: number, to: number, isWithinQuotes: boolean): number {
    const texts = this.#texts;
    for (let i = 0; i < texts.length; i++) {
      const pattern = texts[i]!;
      if (pattern !== null && isWithinQuotes && !pattern.isPlain) return Number.NaN;
      const ms = pattern === null ? this.#fromIso(bytes, from, to) : this.#fromPattern(pattern, bytes, from, to);
      if (!Number.isNaN(ms)) return ms;
    }
    return Number.NaN;
  }

  #fromPattern(pattern: TimePattern, bytes: Uint8Array, from: number, to: number): number {
    this.note = 0;
    const localMs = pattern.read(bytes, from, to);
    if (Number.isNaN(localMs)) return Number.NaN;
    const { offsetMs } = pattern;
    const isLocal = Number.isNaN(offsetMs);
    const ms = !isLocal ? localMs - offsetMs : this.#zone === null ? localMs : this.#toUtc(localMs, this.#zone);
    if (pattern.isLeap && !endsMonth(ms)) return Number.NaN;
    if (pattern.isLeap || pattern.isFiner) this.note |= FINER;
    return inRange(ms);
  }

  #fromIso(bytes: Uint8Array, from: number, to: number): number {
    if (to - from > MAX_TEXT) return Number.NaN;
    this.note = 0;
    if (to - from < 16 || bytes[from + 4] !== MINUS || bytes[from + 7] !== MINUS || bytes[from + 13] !== COLON)
      return this.#unusual(bytes, from, to);
    const between = bytes[from + 10]!;
    if (between !== UPPER_T && between !== SPACE && between !== LOWER_T) return this.#unusual(bytes, from, to);
    const midnight = this.#midnight(
      two(bytes, from) * 100 + two(bytes, from + 2),
      two(bytes, from + 5),
      two(bytes, from + 8),
    );
    const hour = two(bytes, from + 11);
    const minute = two(bytes, from + 14);
    // NaN fails every comparison, so each of these also refuses what is not a digit.
    if (!(hour < 24 && minute < 60 && midnight >= FIRST_DAY_MS)) return this.#unusual(bytes, from, to);
    let ms = midnight + (hour * 60 + minute) * MS_PER_MINUTE;
    let at = from + 16;
    if (at < to && bytes[at] === COLON) {
      const second = at + 3 <= to ? two(bytes, at + 1) : Number.NaN;
      if (!(second < 60)) return this.#unusual(bytes, from, to);
      ms += second * 1_000;
      at += 3;
      if (at < to && (bytes[at] === DOT || bytes[at] === COMMA)) {
        const first = ++at;
        for (let unit = 100; at < to; at++, unit = (unit / 10) | 0) {
          const digit = bytes[at]! - DIGIT_0;
          if (digit < 0 || digit > 9) break;
          ms += digit * unit;
        }
        if (at === first) return Number.NaN;
        if (at > first + 3) this.#noteFiner(bytes, first + 3, at);
      }
    }
    const utc = this.#inUtc(ms, bytes, at, to);
    return Number.isNaN(utc) ? this.#unusual(bytes, from, to) : inRange(utc);
  }

  #noteFiner(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at++) if (bytes[at] !== DIGIT_0) this.note |= FINER;
  }

  /** A text of another shape. One of the usual shape that is not a date is refused. */
  #unusual(bytes: Uint8Array, from: number, to: number): number {
    const text = String.fromCharCode(...bytes.subarray(from, to));
    const shape = usualShape(text);
    if (shape === null || shape.text === text) return Number.NaN;
    const usual = Buffer.from(shape.text, "latin1");
    const ms = this.#fromIso(usual, 0, usual.length);
    if (!shape.isLeapSecond || Number.isNaN(ms)) return ms;
    if (!endsMonth(ms)) return Number.NaN;
    this.note |= FINER;
    return ms - (ms % 1_000) + 999;
  }

  #toUtc(localMs: number, zone: Zone): number {
    const ms = zone.toUtc(localMs);
    // East of Greenwich, 1970 began before it did in UTC: a device whose clock was never set counts from there.
    if (ms < 0 && localMs >= 0) {
      this.note |= FINER;
      return 0;
    }
    if (zone.repeatMs !== 0) this.note |= REPEATED;
    return ms;
  }

  #midnight(year: number, month: number, day: number): number {
    const key = year * 10_000 + month * 100 + day;
    if (key === this.#day) return this.#dayMs;
    if (!(month >= 1 && month <= 12 && day >= 1 && year >= 1969)) return Number.NaN;
    const ms = Date.UTC(year, month - 1, day);
    // The 31st of April would be the 1st of May.
    if (new Date(ms).getUTCDate() !== day) return Number.NaN;
    this.#day = key;
    this.#dayMs = ms;
    return ms;
  }

  /** Applies what follows the time of day: Z, an offset, or nothing. */
  #inUtc(localMs: number, bytes: Uint8Array, at: number, to: number): number {
    if (at === to) return this.#zone === null ? localMs : this.#toUtc(localMs, this.#zone);
    const mark = bytes[at]!;
    if (mark === UPPER_Z || mark === LOWER_Z) return at + 1 === to ? localMs : Number.NaN;
    if (mark !== PLUS && mark !== MINUS) return Number.NaN;
    const rest = to - at;
    if (rest !== 3 && rest !== 5 && !(rest === 6 && bytes[at + 3] === COLON)) return Number.NaN;
    const hours = two(bytes, at + 1);
    const minutes = rest === 3 ? 0 : two(bytes, to - 2);
    if (!(hours < 24 && minutes < 60)) return Number.NaN;
    const offsetMs = (hours * 60 + minutes) * MS_PER_MINUTE;
    return mark === PLUS ? localMs - offsetMs : localMs + offsetMs;
  }
}

function inRange(ms: number): number {
  return ms >= 0 && ms <= END_MS ? ms : Number.NaN;
}

/** Two digits, or NaN. */
function two(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - DIGIT_0;
  const ones = bytes[at + 1]! - DIGIT_0;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}
