/**
 * CEL's values while an expression runs: `double` is a number, `int` a bigint, `string`, `bool` and `null` are themselves, a
 * list is an array, a map a CelMap; the others are classes of this file.
 */

/** CEL's outcome "error". */
export class CelError extends Error {}

/** A field that the reading does not have: the most frequent error, and no problem. */
export const ABSENT_FIELD = new CelError("the reading lacks the field");

const MAX_UINT = 2n ** 64n - 1n;
export const MAX_INT = 2n ** 63n - 1n;
export const MIN_INT = -(2n ** 63n);
const NS_PER_MS = 1_000_000n;
/** 0001-01-01T00:00:00Z and the last millisecond of 9999. */
const FIRST_MS = -62_135_596_800_000;
const LAST_MS = 253_402_300_799_999;

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** A time stamp: `ms` is whole, `ns` the part of a millisecond, 0 to 999,999. */
export class Instant {
  readonly ms: number;
  readonly ns: number;
  constructor(ms: number, ns: number) {
    this.ms = ms;
    this.ns = ns;
  }
}

/** A duration, in nanoseconds. */
export class Span {
  readonly ns: bigint;
  constructor(ns: bigint) {
    this.ns = ns;
  }
}

/** Keys that are equal in CEL are one key here: 1, 1u and 1.0. */
export class CelMap {
  readonly #values = new Map<string | number | bigint | boolean, { readonly key: unknown; readonly value: unknown }>();

  set(key: unknown, value: unknown): void {
    const own = ownKey(key);
    if (own === undefined) throw new CelError(`a key of a map cannot be of type ${typeOf(key)}`);
    if (this.#values.has(own)) throw new CelError("a map has the same key twice");
    this.#values.set(own, { key, value });
  }

  /** Undefined where there is no such key: no value of CEL is undefined. */
  get(key: unknown): unknown {
    const own = ownKey(key);
    return own === undefined ? undefined : this.#values.get(own)?.value;
  }

  keys(): unknown[] {
    return [...this.#values.values()].map(({ key }) => key);
  }

  get size(): number {
    return this.#values.size;
  }
}

function ownKey(key: unknown): string | bigint | boolean | undefined {
  if (typeof key === "string" || typeof key === "boolean" || typeof key === "bigint") return key;
  if (key instanceof Uint) return key.value;
  return typeof key === "number" && Number.isInteger(key) ? BigInt(key) : undefined;
}

export function intOf(value: bigint): bigint {
  if (value > MAX_INT || value < MIN_INT) throw new CelError("int overflow");
  return value;
}

export function uintOf(value: bigint): Uint {
  if (value > MAX_UINT || value < 0n) throw new CelError("uint overflow");
  return new Uint(value);
}

export function instantOf(ms: number, ns: number): Instant {
  if (!(ms >= FIRST_MS && ms <= LAST_MS)) throw new CelError("timestamp out of range: years are 1 to 9999");
  return new Instant(ms, ns);
}

/** A duration is nanoseconds in 64 bits: some 292 years. */
export function spanOf(ns: bigint): Span {
  if (ns > MAX_INT || ns < MIN_INT) throw new CelError("duration out of range: at most 292 years");
  return new Span(ns);
}

export function nanosOf(instant: Instant): bigint {
  return BigInt(instant.ms) * NS_PER_MS + BigInt(instant.ns);
}

export function instantOfNanos(nanos: bigint): Instant {
  const rest = nanos % NS_PER_MS;
  const ns = rest < 0n ? rest + NS_PER_MS : rest;
  return instantOf(Number((nanos - ns) / NS_PER_MS), Number(ns));
}

export function typeOf(value: unknown): string {
  switch (typeof value) {
    case "number":
      return "double";
    case "bigint":
      return "int";
    case "boolean":
      return "bool";
    case "string":
      return "string";
    default:
      if (value instanceof Uint) return "uint";
      if (value instanceof Instant) return "timestamp";
      if (value instanceof Span) return "duration";
      if (value instanceof CelMap) return "map";
      return Array.isArray(value) ? "list" : "null";
  }
}

export function noOverload(what: string, ...of: readonly unknown[]): CelError {
  return new CelError(`no such overload: ${what}(${of.map(typeOf).join(", ")})`);
}

/** Numbers of all types are one line; values of other types are equal only to their own. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" && typeof b !== "object") {
    // CEL's suite wants an int beside a double to be compared as a double: the language itself would compare them exactly.
    return typeof a === typeof b ? a === b : isNumber(a) && isNumber(b) && Number(a) === Number(b);
  }
  if (a instanceof Uint) return isEqual(a.value, b instanceof Uint ? b.value : b);
  if (b instanceof Uint) return isEqual(a, b.value);
  if (a instanceof Instant) return b instanceof Instant && a.ms === b.ms && a.ns === b.ns;
  if (a instanceof Span) return b instanceof Span && a.ns === b.ns;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  }
  if (!(a instanceof CelMap)) return a === b;
  return b instanceof CelMap && a.size === b.size && a.keys().every((key) => isSame(a.get(key), b.get(key)));
}

function isSame(a: unknown, b: unknown): boolean {
  return b !== undefined && isEqual(a, b);
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Below 0, 0 or above 0; NaN where a NaN is one of them. */
export function compare(a: unknown, b: unknown): number {
  const [x, y] = [a instanceof Uint ? a.value : a, b instanceof Uint ? b.value : b];
  if (typeof x === "bigint" && typeof y === "bigint") return x < y ? -1 : x > y ? 1 : 0;
  // NaN where one of them is.
  if (isNumber(x) && isNumber(y)) return order(Number(x), Number(y));
  if (typeof x === "string" && typeof y === "string") return compareText(x, y);
  if (typeof x === "boolean" && typeof y === "boolean") return Number(x) - Number(y);
  if (x instanceof Instant && y instanceof Instant) return x.ms - y.ms || x.ns - y.ns;
  if (x instanceof Span && y instanceof Span) return x.ns < y.ns ? -1 : x.ns > y.ns ? 1 : 0;
  throw noOverload("<", a, b);
}

function order(x: number, y: number): number {
  return x < y ? -1 : x > y ? 1 : x === y ? 0 : Number.NaN;
}

/** The order of code points. JavaScript's own is that of UTF-16, where an emoji is before the last letters of 16 bits. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** The order of UTF-16 is the order of code points beside a text like this. */
export function isPlainText(text: string): boolean {
  return !/[\ud800-\uffff]/.test(text);
}
