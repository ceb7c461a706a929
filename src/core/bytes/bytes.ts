/**
 * Writes JSON text straight into bytes. The agent spends most of its time on generating text, and building strings first
 * costs three times as much (docs/decisions.md, "Text as bytes").
 */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "../time/duration.ts";

const encoder = new TextEncoder();
/** Below this, four decimals times 10,000 stay exact integers in a double. */
const FIXED_LIMIT = 2 ** 38;
/** The four digits of each number below 10,000, and how many of them come before the zeros at the end. */
const DIGITS = new Uint8Array(40_000);
const SIGNIFICANT = new Uint8Array(10_000);
for (let n = 0; n < 10_000; n++) {
  const text = String(n).padStart(4, "0");
  for (let i = 0; i < 4; i++) DIGITS[n * 4 + i] = text.charCodeAt(i);
  SIGNIFICANT[n] = text.replace(/0+$/, "").length;
}
/** Bytes that a row may add between two calls of `reserve`. */
const HEADROOM = 4_096;

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Frees the memory of large bytes now: the collector would find them late, which counts on a small device. Only for the sole
 * owner of the bytes and of the buffer behind them; they are empty afterwards.
 */
export function free(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && bytes.length === bytes.buffer.byteLength) bytes.buffer.transfer(0);
}

/** A buffer that grows by doubling. After `reserve`, single writes need no checks. */
export class ByteWriter {
  #bytes: Buffer;
  #at = 0;
  #day = Number.NaN;
  readonly #dayText = new Uint8Array(16);
  #dayLength = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.alloc(capacity);
  }

  get length(): number {
    return this.#at;
  }

  clear(): void {
    this.#at = 0;
  }

  /** The bytes so far: a view, good until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Makes room for `size` more bytes, and HEADROOM. */
  reserve(size: number): void {
    const needed = this.#at + size + HEADROOM;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }

  byte(code: number): void {
    this.#bytes[this.#at++] = code;
  }

  raw(bytes: Uint8Array): void {
    const at = this.#at;
    const length = bytes.length;
    if (length > 24) this.#bytes.set(bytes, at);
    else for (let i = 0; i < length; i++) this.#bytes[at + i] = bytes[i]!;
    this.#at = at + length;
  }

  /** Appends the bytes of `other` from `start` on; reserves for itself. A view would be garbage for each row. */
  copy(other: ByteWriter, start: number): void {
    const length = other.#at - start;
    this.reserve(length);
    other.#bytes.copy(this.#bytes, this.#at, start, other.#at);
    this.#at += length;
  }

  /** Text as it is, without quotes or escapes; reserves for itself. */
  text(text: string): void {
    this.reserve(text.length * 3);
    this.#at += encoder.encodeInto(text, this.#bytes.subarray(this.#at)).written;
  }

  /** A JSON string, quoted and escaped; reserves for itself. */
  jsonString(text: string): void {
    this.text(JSON.stringify(text));
  }

  integer(value: number): void {
    let rest = value;
    if (rest < 0) {
      this.#bytes[this.#at++] = 45;
      rest = -rest;
    }
    if (rest < 10_000) this.#upTo9999(rest);
    else this.#manyDigits(rest);
  }

  /** Exactly what `JSON.stringify` writes for a number: the shortest text that reads back as the same double. */
  number(value: number): void {
    const positive = value < 0 ? -value : value;
    const scaled = Math.round(positive * 10_000);
    // Up to four decimals, read back exactly: nearly every sensor value. Everything else, NaN and -0 too, goes the slow way.
    if (!(positive < FIXED_LIMIT) || scaled / 10_000 !== positive || (scaled < 1 && value !== 0)) {
      this.text(JSON.stringify(value));
      return;
    }
    if (value < 0) this.#bytes[this.#at++] = 45;
    const whole = Math.floor(positive);
    if (whole < 10_000) this.#upTo9999(whole);
    else this.#manyDigits(whole);
    this.#fraction(scaled - whole * 10_000);
  }

  /** What `number(thousandths / 1000)` writes, for an integer of thousandths. */
  thousandths(thousandths: number): void {
    if (!(Math.abs(thousandths) < FIXED_LIMIT)) {
      this.number(thousandths / 1_000);
      return;
    }
    if (thousandths < 0) this.#bytes[this.#at++] = 45;
    const positive = Math.abs(thousandths);
    const whole = Math.floor(positive / 1_000);
    if (whole < 10_000) this.#upTo9999(whole);
    else this.#manyDigits(whole);
    this.#fraction((positive - whole * 1_000) * 10);
  }

  #upTo9999(whole: number): void {
    const bytes = this.#bytes;
    let from = whole << 2;
    const until = from + 4;
    if (whole < 100) from += whole < 10 ? 3 : 2;
    else if (whole < 1_000) from += 1;
    let at = this.#at;
    for (; from < until; from++) bytes[at++] = DIGITS[from]!;
    this.#at = at;
  }

  #manyDigits(whole: number): void {
    const high = Math.floor(whole / 10_000);
    if (high < 10_000) this.#upTo9999(high);
    else this.#manyDigits(high);
    const bytes = this.#bytes;
    const from = (whole - high * 10_000) << 2;
    const at = this.#at;
    bytes[at] = DIGITS[from]!;
    bytes[at + 1] = DIGITS[from + 1]!;
    bytes[at + 2] = DIGITS[from + 2]!;
    bytes[at + 3] = DIGITS[from + 3]!;
    this.#at = at + 4;
  }

  /** `.` and the digits of a fraction of 10,000, without zeros at its end; nothing for 0. */
  #fraction(fraction: number): void {
    if (fraction === 0) return;
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = 46;
    let from = fraction << 2;
    for (const until = from + SIGNIFICANT[fraction]!; from < until; from++) bytes[at++] = DIGITS[from]!;
    this.#at = at;
  }

  /** ISO 8601 in UTC with milliseconds, without quotes: `2026-11-23T08:00:00.000Z`. */
  timestamp(timeMs: number): void {
    const day = Math.floor(timeMs / MS_PER_DAY);
    if (day !== this.#day) {
      const text = new Date(day * MS_PER_DAY).toISOString();
      const date = text.slice(0, text.indexOf("T") + 1);
      this.#dayLength = encoder.encodeInto(date, this.#dayText).written;
      this.#day = day;
    }
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < this.#dayLength; i++) bytes[at++] = this.#dayText[i]!;
    let rest = timeMs - day * MS_PER_DAY;
    const hour = (rest / MS_PER_HOUR) | 0;
    rest -= hour * MS_PER_HOUR;
    const minute = (rest / MS_PER_MINUTE) | 0;
    rest -= minute * MS_PER_MINUTE;
    const second = (rest / 1_000) | 0;
    const ms = (rest - second * 1_000) << 2;
    at = two(bytes, at, hour, 58);
    at = two(bytes, at, minute, 58);
    at = two(bytes, at, second, 46);
    bytes[at] = DIGITS[ms + 1]!;
    bytes[at + 1] = DIGITS[ms + 2]!;
    bytes[at + 2] = DIGITS[ms + 3]!;
    bytes[at + 3] = 90;
    this.#at = at + 4;
  }
}

function two(bytes: Uint8Array, at: number, value: number, behind: number): number {
  bytes[at] = DIGITS[(value << 2) + 2]!;
  bytes[at + 1] = DIGITS[(value << 2) + 3]!;
  bytes[at + 2] = behind;
  return at + 3;
}
