/**
 * Reads single JSON values from bytes, without making text of them: the parts of a line that change from one reading to the
 * next. Every method returns where the value ends, or -1 for anything that it does not read exactly as JSON.parse would.
 */
import {
  BACKSLASH,
  DIGIT_0,
  DIGIT_1,
  DIGIT_9,
  DOT,
  LOWER_E,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  MINUS,
  PLUS,
  QUOTE,
  SPACE,
  TILDE,
  UPPER_E,
} from "../../core/ascii.ts";

import { type AbsentValues, NONE_ABSENT } from "../row/absent.ts";
import type { TimestampReader } from "../row/timestamp.ts";

const FIRST_GAPS = 64;
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const DECIMALS = POWERS.length - 1;

export class LineScan {
  /** Where the line ends that is scanned. */
  to = 0;
  /** The number that `number` read last. */
  value = Number.NaN;
  /** Of each gap that was read, by its index: its number or time, the note on its time, and where it ends. */
  values = new Float64Array(FIRST_GAPS);
  notes = new Uint8Array(FIRST_GAPS);
  ends = new Int32Array(FIRST_GAPS);
  readonly timestamps: TimestampReader;
  readonly #absent: AbsentValues;

  /** `absent`: values that mean "no value". */
  constructor(timestamps: TimestampReader, absent: AbsentValues = NONE_ABSENT) {
    this.timestamps = timestamps;
    this.#absent = absent;
  }

  /** Room for so many gaps. */
  reserve(gaps: number): void {
    if (gaps <= this.values.length) return;
    const length = gaps * 2;
    this.values = new Float64Array(length);
    this.notes = new Uint8Array(length);
    this.ends = new Int32Array(length);
  }

  /** A number as JSON spells it; in CSV, `mark` may be a comma. */
  number(bytes: Buffer, from: number, mark: number = DOT): number {
    const negative = bytes[from] === MINUS;
    let at = negative ? from + 1 : from;
    let mantissa = bytes[at]! - DIGIT_0;
    if (!(mantissa >= 0 && mantissa <= 9)) return -1;
    at++;
    if (mantissa !== 0) {
      for (let digit = bytes[at]! - DIGIT_0; digit >= 0 && digit <= 9; digit = bytes[++at]! - DIGIT_0)
        mantissa = mantissa * 10 + digit;
    }
    let decimals = 0;
    let code = bytes[at]!;
    if (code === mark) {
      const dot = at++;
      for (let digit = bytes[at]! - DIGIT_0; digit >= 0 && digit <= 9; digit = bytes[++at]! - DIGIT_0)
        mantissa = mantissa * 10 + digit;
      decimals = at - dot - 1;
      if (decimals === 0) return -1;
      code = bytes[at]!;
    }
    if (code === LOWER_E || code === UPPER_E) {
      at = exponentEnd(bytes, at);
      if (at < 0) return -1;
      this.value = numberOf(bytes.toString("latin1", from, at), mark);
    } else if (mantissa <= Number.MAX_SAFE_INTEGER && decimals <= DECIMALS) {
      // Both are exact doubles, so the quotient is the double nearest to the decimal (W. D. Clinger, 1990).
      const value = mantissa / POWERS[decimals]!;
      this.value = negative ? -value : value;
    } else this.value = numberOf(bytes.toString("latin1", from, at), mark);
    return at;
  }

  /** A number, or null, which is NaN. */
  numberOrNull(bytes: Buffer, from: number): number {
    if (bytes[from] !== LOWER_N) return this.number(bytes, from);
    this.value = Number.NaN;
    return word(bytes, from, NULL);
  }

  /** A number within quotes; NaN where nothing is in them, or text in plain ASCII that means no value. */
  numberInText(bytes: Buffer, from: number): number {
    const end = this.number(bytes, from);
    if (end >= 0 && bytes[end] === QUOTE) return end;
    const close = plainEnd(bytes, from - 1) - 1;
    if (close < from || !(close === from || this.#absent.has(bytes.toString("latin1", from, close)))) return -1;
    this.value = Number.NaN;
    return close;
  }

  /** 0, 1, false or true; NaN for null. */
  flag(bytes: Buffer, from: number): number {
    const code = bytes[from];
    this.value = code === DIGIT_0 || code === LOWER_F ? 0 : code === DIGIT_1 || code === LOWER_T ? 1 : Number.NaN;
    if (code === DIGIT_0 || code === DIGIT_1) return from + 1;
    return word(bytes, from, code === LOWER_F ? FALSE : code === LOWER_T ? TRUE : NULL);
  }

  /** Null, or text in plain ASCII without escapes. */
  text(bytes: Buffer, from: number): number {
    return bytes[from] === QUOTE ? plainEnd(bytes, from) : word(bytes, from, NULL);
  }

  /** A value that is not needed: a number, null, a boolean, or plain text. */
  skipped(bytes: Buffer, from: number, nullable: boolean): number {
    const code = bytes[from];
    if (code === QUOTE) return plainEnd(bytes, from);
    if (code === LOWER_T) return word(bytes, from, TRUE);
    return code === LOWER_F
      ? word(bytes, from, FALSE)
      : nullable
        ? this.numberOrNull(bytes, from)
        : this.number(bytes, from);
  }
}

function numberOf(text: string, mark: number): number {
  return Number(mark === DOT ? text : text.replace(",", "."));
}

/** What `LineScan.text` has read. */
export function textAt(bytes: Buffer, from: number, to: number): string | null {
  return bytes[from] === QUOTE ? bytes.toString("latin1", from + 1, to - 1) : null;
}

const NULL = Buffer.from("null");
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");

function word(bytes: Buffer, from: number, expected: Buffer): number {
  for (let i = 0; i < expected.length; i++) if (bytes[from + i] !== expected[i]) return -1;
  return from + expected.length;
}

/** Whether a value can be others in later lines: a number, null, a boolean or plain text. */
export function canVary(bytes: Buffer, { from, to }: { readonly from: number; readonly to: number }): boolean {
  return bytes[from] !== QUOTE || plainEnd(bytes, from) === to;
}

/** The position after the closing quote of text without escapes, control characters and anything beyond ASCII. */
export function plainEnd(bytes: Buffer, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    const code = bytes[at]!;
    if (code === QUOTE) return at + 1;
    if (code < SPACE || code > TILDE || code === BACKSLASH) return -1;
  }
  return -1;
}

function exponentEnd(bytes: Buffer, from: number): number {
  let at = from + 1;
  if (bytes[at] === PLUS || bytes[at] === MINUS) at++;
  const first = at;
  while (bytes[at]! >= DIGIT_0 && bytes[at]! <= DIGIT_9) at++;
  return at > first ? at : -1;
}
