/**
 * Writes JSON text straight into bytes. Generated text is most of what the agent does, and building strings first costs
 * three times as much (docs/decisions.md, "Text as bytes").
 */
const encoder = new TextEncoder();
const MS_PER_DAY = 86_400_000;
/** Below this, four decimals times 10,000 stay exact integers in a double. */
const FIXED_LIMIT = 2 ** 38;
/** What a row may add between two calls of `reserve`. */
const HEADROOM = 4_096;

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A buffer that grows by doubling. `reserve` before a row makes the single writes free of checks. */
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
  view(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#at);
  }

  /** Takes back everything behind `length`. */
  truncate(length: number): void {
    this.#at = length;
  }

  /** Makes room for `size` more bytes, and for small change on top. */
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

  /** Everything that `other` holds from `start` on; reserves for itself. A view of it would be garbage per row. */
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
    const bytes = this.#bytes;
    let rest = value;
    if (rest < 0) {
      bytes[this.#at++] = 45;
      rest = -rest;
    }
    let digits = 1;
    for (let power = 10; rest >= power; power *= 10) digits++;
    let at = this.#at + digits;
    this.#at = at;
    while (rest > 0x7fffffff) {
      const next = Math.floor(rest / 10);
      bytes[--at] = 48 + (rest - next * 10);
      rest = next;
    }
    do {
      const next = (rest / 10) | 0;
      bytes[--at] = 48 + rest - next * 10;
      rest = next;
    } while (rest > 0);
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
    this.integer(whole);
    this.#fraction(scaled - whole * 10_000, 1_000);
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
    this.integer(whole);
    this.#fraction(positive - whole * 1_000, 100);
  }

  /** `.` and the digits of a fraction, without zeros at its end; nothing for 0. `unit`: the first digit's. */
  #fraction(fraction: number, unit: number): void {
    if (fraction === 0) return;
    const bytes = this.#bytes;
    bytes[this.#at++] = 46;
    let rest = fraction;
    for (let digitUnit = unit; rest > 0; digitUnit /= 10) {
      const digit = (rest / digitUnit) | 0;
      bytes[this.#at++] = 48 + digit;
      rest -= digit * digitUnit;
    }
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
    const hour = (rest / 3_600_000) | 0;
    rest -= hour * 3_600_000;
    const minute = (rest / 60_000) | 0;
    rest -= minute * 60_000;
    const second = (rest / 1_000) | 0;
    rest -= second * 1_000;
    const hundreds = (rest / 100) | 0;
    const tens = ((rest - hundreds * 100) / 10) | 0;
    at = two(bytes, at, hour, 58);
    at = two(bytes, at, minute, 58);
    at = two(bytes, at, second, 46);
    bytes[at++] = 48 + hundreds;
    bytes[at++] = 48 + tens;
    bytes[at++] = 48 + rest - hundreds * 100 - tens * 10;
    bytes[at++] = 90;
    this.#at = at;
  }
}

function two(bytes: Uint8Array, at: number, value: number, behind: number): number {
  const tens = (value / 10) | 0;
  bytes[at] = 48 + tens;
  bytes[at + 1] = 48 + value - tens * 10;
  bytes[at + 2] = behind;
  return at + 3;
}
