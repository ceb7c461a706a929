/**
 * Reads timestamps by a pattern, from bytes, without making text of them. Every part must be real: a date that does not exist, an hour
 * of 25, or a text with anything left over is not a time. Two exceptions are common in logs: 24:00:00 is the midnight that
 * the day ends with, and a leap second (:60) is the last millisecond of the second before.
 */
import { DIGIT_0, MINUS, PLUS, SPACE } from "../../core/ascii.ts";
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "../../core/time/duration.ts";
import { PART, PARTS, parsePattern, type Step } from "./pattern-text.ts";

/** Offsets in ms by the name that timestamps have for them. */
export type ZoneNames = ReadonlyMap<string, number>;

const UTC_NAMES = ["UTC", "GMT", "Z"];
const MONTHS = "january february march april may june july august september october november december".split(" ");
const DAYS = "monday tuesday wednesday thursday friday saturday sunday".split(" ");
/** POSIX: 69 to 99 are 1969 to 1999. */
const PIVOT = 69;

type ZoneWord = { readonly name: Uint8Array; readonly offsetMs: number; readonly isAnyCase: boolean };

export class TimePattern {
  readonly text: string;
  /** Its bytes may be those within the quotes of JSON text. */
  readonly isPlain: boolean;
  /** Of the text that was read last: its offset from UTC, ms; NaN where it says none. */
  offsetMs = Number.NaN;
  /** It says more than the millisecond. */
  isFiner = false;
  /** It is a leap second. */
  isLeap = false;
  readonly #steps: readonly Step[];
  readonly #values = new Float64Array(PARTS);
  /** What a part is that the pattern does not have. */
  readonly #defaults = new Float64Array(PARTS);
  readonly #words: readonly ZoneWord[];
  readonly #hasOffset: boolean;
  readonly #hasHalves: boolean;
  readonly #hasShortYear: boolean;
  readonly #dated: "date" | "dayOfYear" | "week" | "epoch";
  /** The last day read, as a number made of its parts, and its midnight. */
  #day = -1;
  #dayMs = 0;

  /** Throws a RangeError with the reason where the text is not a pattern. */
  constructor(text: string, zones: ZoneNames = new Map()) {
    const parsed = parsePattern(text);
    if (typeof parsed === "string") throw new RangeError(parsed);
    this.text = text;
    this.isPlain = parsed.isPlain;
    this.#steps = parsed.steps;
    const { has } = parsed;
    this.#hasOffset = has.has("zone");
    this.#hasHalves = has.has("half");
    this.#hasShortYear = has.has("shortYear");
    this.#defaults[PART.weekday] = 1;
    this.#dated = has.has("epoch")
      ? "epoch"
      : has.has("isoWeek")
        ? "week"
        : has.has("dayOfYear")
          ? "dayOfYear"
          : "date";
    const words = [
      ...Array.from(zones, ([name, offsetMs]) => ({ name: bytesOf(name), offsetMs, isAnyCase: false })),
      ...UTC_NAMES.map((name) => ({ name: bytesOf(name), offsetMs: 0, isAnyCase: true })),
    ];
    // So that CEST is not read as CES and a T that is left over.
    this.#words = words.sort((a, b) => b.name.length - a.name.length);
  }

  /** Ms since 1970 as if the local time were UTC, or NaN; then `offsetMs`, `isFiner` and `isLeap` are those of this text. */
  read(bytes: Uint8Array, from: number, to: number): number {
    this.#values.set(this.#defaults);
    this.offsetMs = Number.NaN;
    this.isFiner = false;
    this.isLeap = false;
    let at = from;
    for (const step of this.#steps) {
      at = this.#step(step, bytes, at, to);
      if (at < 0) return Number.NaN;
    }
    return at === to ? this.#localMs() : Number.NaN;
  }

  #step(step: Step, bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    switch (step.kind) {
      case "literal": {
        const { bytes: expected } = step;
        if (at + expected.length > to) return -1;
        for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return -1;
        return at + expected.length;
      }
      case "blanks":
        while (at < to && bytes[at] === SPACE) at++;
        return at === from ? -1 : at;
      case "number": {
        if (step.padded) while (at < to && bytes[at] === SPACE) at++;
        const first = at;
        const end = Math.min(to, at + step.most);
        let value = 0;
        for (let digit = bytes[at]! - DIGIT_0; at < end && digit >= 0 && digit <= 9; digit = bytes[++at]! - DIGIT_0)
          value = value * 10 + digit;
        this.#values[step.to] = value;
        return at - first < step.least ? -1 : at;
      }
      case "fraction":
        return this.#fraction(bytes, at, to);
      case "month":
        return this.#month(bytes, at, to);
      case "dayName": {
        const end = lettersEnd(bytes, at, to);
        return nameAt(DAYS, bytes, at, end) === 0 ? -1 : end;
      }
      case "half":
        return this.#half(bytes, at, to);
      case "offset":
        return this.#offset(bytes, at, to);
      case "zoneName":
        return this.#zoneName(bytes, at, to);
    }
  }

  #fraction(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let ms = 0;
    for (let unit = 100; at < to; at++, unit = (unit / 10) | 0) {
      const digit = bytes[at]! - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      ms += digit * unit;
      if (unit === 0 && digit > 0) this.isFiner = true;
    }
    this.#values[PART.fraction] = ms;
    return at === from ? -1 : at;
  }

  #month(bytes: Uint8Array, from: number, to: number): number {
    const end = lettersEnd(bytes, from, to);
    const month = nameAt(MONTHS, bytes, from, end);
    this.#values[PART.month] = month;
    return month === 0 ? -1 : end;
  }

  #half(bytes: Uint8Array, from: number, to: number): number {
    const found = /^(?:([ap])m|([ap])\.m\.)/i.exec(
      String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 4))),
    );
    if (found === null) return -1;
    this.#values[PART.half] = (found[1] ?? found[2] ?? "").toLowerCase() === "p" ? 1 : 0;
    return from + found[0].length;
  }

  #offset(bytes: Uint8Array, from: number, to: number): number {
    const sign = bytes[from];
    if (sign !== PLUS && sign !== MINUS) return this.#utcName(bytes, from, to);
    const found = /^[+-](\d\d)(?::?([0-5]\d))?/.exec(
      String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 6))),
    );
    if (found === null || Number(found[1]) > 23) return -1;
    const ms = Number(found[1]) * MS_PER_HOUR + Number(found[2] ?? 0) * MS_PER_MINUTE;
    this.offsetMs = sign === MINUS ? -ms : ms;
    return from + found[0].length;
  }

  #utcName(bytes: Uint8Array, from: number, to: number): number {
    for (const word of this.#words) {
      if (!word.isAnyCase || !startsWith(bytes, from, to, word)) continue;
      this.offsetMs = 0;
      return from + word.name.length;
    }
    return -1;
  }

  /** Beside an offset the name of the zone adds nothing, and any is skipped. */
  #zoneName(bytes: Uint8Array, from: number, to: number): number {
    if (this.#hasOffset) {
      let end = from;
      while (end < to && bytes[end] !== SPACE) end++;
      return end === from ? -1 : end;
    }
    for (const word of this.#words) {
      if (!startsWith(bytes, from, to, word)) continue;
      this.offsetMs = word.offsetMs;
      return from + word.name.length;
    }
    return -1;
  }

  #localMs(): number {
    const values = this.#values;
    if (this.#dated === "epoch") {
      this.offsetMs = 0;
      return values[PART.epoch]! * 1_000 + values[PART.fraction]!;
    }
    const midnight = this.#midnight();
    const hour = this.#hour();
    const minute = values[PART.minute]!;
    let second = values[PART.second]!;
    if (!(hour <= 24 && minute < 60 && second <= 60)) return Number.NaN;
    if (hour === 24 && (minute > 0 || second > 0 || values[PART.fraction]! > 0 || this.isFiner)) return Number.NaN;
    if (second === 60) {
      this.isLeap = true;
      second = 59;
      values[PART.fraction] = 999;
    }
    return midnight + hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * 1_000 + values[PART.fraction]!;
  }

  /** NaN where there is no such hour. */
  #hour(): number {
    const values = this.#values;
    if (!this.#hasHalves) return values[PART.hour]!;
    const hour = values[PART.hour12]!;
    return hour >= 1 && hour <= 12 ? (hour % 12) + values[PART.half]! * 12 : Number.NaN;
  }

  #midnight(): number {
    const values = this.#values;
    if (this.#dated === "week") return weekDay(values[PART.isoYear]!, values[PART.isoWeek]!, values[PART.weekday]!);
    const short = values[PART.shortYear]!;
    const year = this.#hasShortYear ? (short < PIVOT ? 2000 : 1900) + short : values[PART.year]!;
    const month = this.#dated === "dayOfYear" ? 1 : values[PART.month]!;
    const day = this.#dated === "dayOfYear" ? values[PART.dayOfYear]! : values[PART.day]!;
    const key = (year * 100 + month) * 1_000 + day;
    if (key === this.#day) return this.#dayMs;
    const ms = Date.UTC(year, month - 1, day);
    const found = new Date(ms);
    const isReal =
      day >= 1 && found.getUTCFullYear() === year && (this.#dated === "dayOfYear" || found.getUTCMonth() === month - 1);
    if (!isReal) return Number.NaN;
    this.#day = key;
    this.#dayMs = ms;
    return ms;
  }
}

/** The midnight of a day of an ISO week; NaN where the year has no such week. */
function weekDay(year: number, week: number, day: number): number {
  // 4 January is always in week 1.
  const fourth = Date.UTC(year, 0, 4);
  const monday = fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * MS_PER_DAY;
  const ms = monday + ((week - 1) * 7 + day - 1) * MS_PER_DAY;
  const thursday = new Date(monday + ((week - 1) * 7 + 3) * MS_PER_DAY);
  return week >= 1 && day >= 1 && day <= 7 && thursday.getUTCFullYear() === year ? ms : Number.NaN;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function startsWith(bytes: Uint8Array, from: number, to: number, { name, isAnyCase }: ZoneWord): boolean {
  if (from + name.length > to) return false;
  for (let i = 0; i < name.length; i++) {
    const code = bytes[from + i]!;
    if (code !== name[i] && !(isAnyCase && code === name[i]! + SPACE)) return false;
  }
  return true;
}

/** The number, from 1, of an English name: whole, or its first three letters, in any case. 0: it is none. */
function nameAt(names: readonly string[], bytes: Uint8Array, from: number, to: number): number {
  const word = String.fromCharCode(...bytes.subarray(from, to)).toLowerCase();
  if (word === "sept") return names.indexOf("september") + 1;
  return names.findIndex((name) => name === word || name.slice(0, 3) === word) + 1;
}

function lettersEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isLetter(bytes[at]!)) at++;
  return at;
}

function isLetter(code: number): boolean {
  const lower = code | SPACE;
  return lower >= 0x61 && lower <= 0x7a;
}
