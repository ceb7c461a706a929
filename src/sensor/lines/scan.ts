/**
 * Reads single JSON values from bytes, without making text of them: the parts of a line that change from one reading to the
 * next. Every method answers where the value ended, or -1 for anything that it does not read exactly as JSON.parse would.
 */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const DECIMALS = POWERS.length - 1;

export class LineScan {
  /** What the last `number` read. */
  value = Number.NaN;
  time = Number.NaN;
  statusCode: number | null = null;
  anomalyFlag: 0 | 1 | null = null;
  anomalyType: string | null = null;
  /** Unknown fields as JSON text, each with a comma before it. */
  extra = "";
  readonly measures = new Float64Array(64);

  /** A number as JSON spells it. */
  number(bytes: Buffer, from: number): number {
    const negative = bytes[from] === 45;
    let at = negative ? from + 1 : from;
    let mantissa = bytes[at]! - 48;
    if (!(mantissa >= 0 && mantissa <= 9)) return -1;
    at++;
    if (mantissa !== 0) {
      for (let digit = bytes[at]! - 48; digit >= 0 && digit <= 9; digit = bytes[++at]! - 48)
        mantissa = mantissa * 10 + digit;
    }
    let decimals = 0;
    let code = bytes[at]!;
    if (code === 46) {
      const dot = at++;
      for (let digit = bytes[at]! - 48; digit >= 0 && digit <= 9; digit = bytes[++at]! - 48)
        mantissa = mantissa * 10 + digit;
      decimals = at - dot - 1;
      if (decimals === 0) return -1;
      code = bytes[at]!;
    }
    if (code === 101 || code === 69) {
      at = exponentEnd(bytes, at);
      if (at < 0) return -1;
      this.value = Number(bytes.toString("latin1", from, at));
    } else if (mantissa <= Number.MAX_SAFE_INTEGER && decimals <= DECIMALS) {
      // Both are exact doubles, so the quotient is the double nearest to the decimal (W. D. Clinger, 1990).
      const value = mantissa / POWERS[decimals]!;
      this.value = negative ? -value : value;
    } else this.value = Number(bytes.toString("latin1", from, at));
    return at;
  }

  /** A number, or null, which is NaN. */
  numberOrNull(bytes: Buffer, from: number): number {
    if (bytes[from] !== 110) return this.number(bytes, from);
    this.value = Number.NaN;
    return word(bytes, from, NULL);
  }

  flag(bytes: Buffer, from: number): number {
    const code = bytes[from];
    if (code === 48 || code === 102) this.anomalyFlag = 0;
    else if (code === 49 || code === 116) this.anomalyFlag = 1;
    else if (code === 110) this.anomalyFlag = null;
    if (code === 48 || code === 49) return from + 1;
    return word(bytes, from, code === 102 ? FALSE : code === 116 ? TRUE : NULL);
  }

  /** Null, or text in plain ASCII without escapes. */
  type(bytes: Buffer, from: number): number {
    this.anomalyType = null;
    if (bytes[from] !== 34) return word(bytes, from, NULL);
    const end = plainEnd(bytes, from);
    if (end > 0) this.anomalyType = bytes.toString("latin1", from + 1, end - 1);
    return end;
  }

  /** A value that nobody needs: a number, null, or plain text. */
  skipped(bytes: Buffer, from: number): number {
    return bytes[from] === 34 ? plainEnd(bytes, from) : this.numberOrNull(bytes, from);
  }
}

const NULL = Buffer.from("null");
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");

function word(bytes: Buffer, from: number, expected: Buffer): number {
  for (let i = 0; i < expected.length; i++) if (bytes[from + i] !== expected[i]) return -1;
  return from + expected.length;
}

/** Behind the closing quote of text without escapes, control characters and anything beyond ASCII. */
export function plainEnd(bytes: Buffer, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    const code = bytes[at]!;
    if (code === 34) return at + 1;
    if (code < 32 || code > 126 || code === 92) return -1;
  }
  return -1;
}

function exponentEnd(bytes: Buffer, from: number): number {
  let at = from + 1;
  if (bytes[at] === 43 || bytes[at] === 45) at++;
  const first = at;
  while (bytes[at]! >= 48 && bytes[at]! <= 57) at++;
  return at > first ? at : -1;
}
