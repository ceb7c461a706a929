/**
 * Reads timestamps by a pattern, from bytes, without making text of them. Every part must be real: a date that does not exist, an hour
 * of 25, or a text with anything left over is not a time. Two exceptions are common in logs: 24:00:00 is the midnight that
 * the day ends with, and a leap second (:60) is the last millisecond of the second before.
 */
import { COLON, DIGIT_0, DOT, MINUS, PLUS, SPACE } from "../../core/ascii.ts";
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "../../core/time/duration.ts";
import { PART, PARTS, parsePattern, type Step } from "./pattern-text.ts";
import {
  DAYS,
  lettersEnd,
  MONTHS,
  nameAt,
  startsWith,
  type ZoneNames,
  type ZoneWord,
  zoneWords,
} from "./pattern-words.ts";

/** A step is one of these two, or in `RARE` by its place. */
const BYTE = -1;
const NUMBER = -2;
const RARE: readonly Step["kind"][] = ["blanks", "fraction", "month", "dayName", "half", "offset", "zoneName"];
const PADDED = 0x10000;
const [LOWER_A, LOWER_M, LOWER_P] = [0x61, 0x6d, 0x70];

/** POSIX: 69 to 99 are 1969 to 1999. */
const PIVOT = 69;

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
  /** Three numbers a step: what it is, and two facts of it. */
  readonly #steps: Int32Array;
  /** What a part is that the pattern does not have stays as it is here at first. */
  readonly #values = new Float64Array(PARTS);
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
    this.#steps = compiled(parsed.steps);
    const { has } = parsed;
    this.#hasOffset = has.has("zone");
    this.#hasHalves = has.has("half");
    this.#hasShortYear = has.has("shortYear");
    this.#values[PART.weekday] = 1;
    this.#dated = has.has("epoch")
      ? "epoch"
      : has.has("isoWeek")
        ? "week"
        : has.has("dayOfYear")
          ? "dayOfYear"
          : "date";
    this.#words = zoneWords(zones);
  }

  /** Ms since 1970 as if the local time were UTC, or NaN; then `offsetMs`, `isFiner` and `isLeap` are those of this text. */
  read(bytes: Uint8Array, from: number, to: number): number {
    this.offsetMs = Number.NaN;
    this.isFiner = false;
    this.isLeap = false;
    const steps = this.#steps;
    const values = this.#values;
    let at = from;
    for (let i = 0; i < steps.length; i += 3) {
      const kind = steps[i]!;
      if (kind === BYTE) {
        if (at >= to || bytes[at] !== steps[i + 1]) return Number.NaN;
        at++;
      } else if (kind === NUMBER) {
        const size = steps[i + 2]!;
        if (size & PADDED) while (at < to && bytes[at] === SPACE) at++;
        const first = at < to ? bytes[at]! - DIGIT_0 : -1;
        if (first < 0 || first > 9) return Number.NaN;
        const end = at + (size & 0xff);
        const least = at + ((size >> 8) & 0xff);
        let value = first;
        for (at++; at < end && at < to; at++) {
          const digit = bytes[at]! - DIGIT_0;
          if (digit < 0 || digit > 9) break;
          value = value * 10 + digit;
        }
        if (at < least) return Number.NaN;
        values[steps[i + 1]!] = value;
      } else {
        at = this.#rare(kind, bytes, at, to);
        if (at < 0) return Number.NaN;
      }
    }
    return at === to ? this.#localMs() : Number.NaN;
  }

  /** Where it ends, or -1. */
  #rare(kind: number, bytes: Uint8Array, from: number, to: number): number {
    switch (RARE[kind]) {
      case "fraction":
        return this.#fraction(bytes, from, to);
      case "month":
        return this.#month(bytes, from, to);
      case "dayName": {
        const end = lettersEnd(bytes, from, to);
        return nameAt(DAYS, bytes, from, end) === 0 ? -1 : end;
      }
      case "half":
        return this.#half(bytes, from, to);
      case "offset":
        return this.#offset(bytes, from, to);
      case "zoneName":
        return this.#zoneName(bytes, from, to);
      default: {
        let at = from;
        while (at < to && bytes[at] === SPACE) at++;
        return at === from ? -1 : at;
      }
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

  /** `AM`, `pm`, `a.m.` */
  #half(bytes: Uint8Array, from: number, to: number): number {
    const letter = from < to ? bytes[from]! | SPACE : 0;
    const hasDots = bytes[from + 1] === DOT;
    const end = from + (hasDots ? 4 : 2);
    if (end > to || (letter !== LOWER_A && letter !== LOWER_P)) return -1;
    if ((bytes[from + (hasDots ? 2 : 1)]! | SPACE) !== LOWER_M || (hasDots && bytes[from + 3] !== DOT)) return -1;
    this.#values[PART.half] = letter === LOWER_P ? 1 : 0;
    return end;
  }

  #offset(bytes: Uint8Array, from: number, to: number): number {
    const sign = from < to ? bytes[from] : 0;
    if (sign !== PLUS && sign !== MINUS) return this.#utcName(bytes, from, to);
    const hours = from + 3 <= to ? twoDigits(bytes, from + 1) : Number.NaN;
    const colon = from + 3 < to && bytes[from + 3] === COLON ? 1 : 0;
    const rest = from + 3 + colon;
    const minutes = rest + 2 <= to ? twoDigits(bytes, rest) : Number.NaN;
    if (!(hours < 24)) return -1;
    const ms = hours * MS_PER_HOUR + (minutes < 60 ? minutes * MS_PER_MINUTE : 0);
    this.offsetMs = sign === MINUS ? -ms : ms;
    return minutes < 60 ? rest + 2 : from + 3;
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
    const second = values[PART.second]!;
    const fraction = values[PART.fraction]!;
    if (!(hour <= 24 && minute < 60 && second <= 60)) return Number.NaN;
    if (hour === 24 && (minute > 0 || second > 0 || fraction > 0 || this.isFiner)) return Number.NaN;
    const ms = midnight + hour * MS_PER_HOUR + minute * MS_PER_MINUTE;
    this.isLeap = second === 60;
    return this.isLeap ? ms + 59_999 : ms + second * 1_000 + fraction;
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

/** The steps as numbers; a text is a step for each of its bytes. */
function compiled(steps: readonly Step[]): Int32Array {
  const numbers = steps.flatMap((step) => {
    if (step.kind === "literal") return [...step.bytes].flatMap((byte) => [BYTE, byte, 0]);
    if (step.kind !== "number") return [RARE.indexOf(step.kind), 0, 0];
    return [NUMBER, step.to, step.most | (step.least << 8) | (step.padded ? PADDED : 0)];
  });
  return Int32Array.from(numbers);
}

/** Two digits, or NaN. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - DIGIT_0;
  const ones = bytes[at + 1]! - DIGIT_0;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}
