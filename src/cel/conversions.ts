/** CEL's conversions between types. A text that does not say exactly a value of the type is an error, as is a value out of range. */
import { dateOfDay, dayOfDate } from "./calendar.ts";
import { CelError, Instant, instantOf, intOf, noOverload, Span, spanOf, Uint, uintOf } from "./values.ts";

/** A text of a value is short; a longer one would only cost time. */
const MAX_LENGTH = 64;
const TWO_63 = 2 ** 63;
const TWO_64 = 2 ** 64;

const INT = /^[+-]?\d+$/;
const UINT = /^\d+$/;
const DOUBLE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;
/** RFC 3339. */
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;
const DURATION_PART = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;
const NS_PER_UNIT: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const BOOLEANS = new Map([
  ...["1", "t", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

function notA(type: string, text: string): CelError {
  return new CelError(`${type}() cannot read ${JSON.stringify(text.slice(0, MAX_LENGTH))}`);
}

export function toInt(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") {
    // Without both ends of the range, which a double cannot hold for sure.
    if (!(value > -TWO_63 && value < TWO_63)) throw new CelError("int overflow");
    return BigInt(Math.trunc(value));
  }
  if (value instanceof Uint) return intOf(value.value);
  if (value instanceof Instant) return BigInt(Math.floor(value.ms / 1_000));
  if (typeof value !== "string") throw noOverload("int", value);
  if (value.length > MAX_LENGTH || !INT.test(value)) throw notA("int", value);
  return intOf(BigInt(value.replace("+", "")));
}

export function toUint(value: unknown): Uint {
  if (value instanceof Uint) return value;
  if (typeof value === "bigint") return uintOf(value);
  if (typeof value === "number") {
    if (!(value >= 0 && value < TWO_64)) throw new CelError("uint overflow");
    return new Uint(BigInt(Math.trunc(value)));
  }
  if (typeof value !== "string") throw noOverload("uint", value);
  if (value.length > MAX_LENGTH || !UINT.test(value)) throw notA("uint", value);
  return uintOf(BigInt(value));
}

export function toDouble(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value !== "string") throw noOverload("double", value);
  if (INFINITE.test(value)) return value.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(value)) return Number.NaN;
  const number = DOUBLE.test(value) ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) throw notA("double", value);
  return number;
}

export function toBool(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") throw noOverload("bool", value);
  const found = BOOLEANS.get(value);
  if (found === undefined) throw notA("bool", value);
  return found;
}

export function toText(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
    case "bigint":
    case "boolean":
      return String(value);
    default:
      if (value instanceof Uint) return String(value.value);
      if (value instanceof Instant) return textOfInstant(value);
      if (value instanceof Span) return textOfSpan(value);
      throw noOverload("string", value);
  }
}

export function toInstant(value: unknown): Instant {
  if (value instanceof Instant) return value;
  if (typeof value === "bigint") return instantOf(Number(value) * 1_000, 0);
  if (typeof value !== "string") throw noOverload("timestamp", value);
  const found = TIMESTAMP.exec(value);
  if (found === null) throw notA("timestamp", value);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number);
  const [fraction = "", sign = "+", zoneHour = "0", zoneMinute = "0"] = found.slice(7);
  const days = dayOfDate({ year, month, day });
  const read = dateOfDay(days);
  const isDate = month >= 1 && month <= 12 && read.month === month && read.day === day;
  if (!isDate || hour > 23 || minute > 59 || second > 59 || Number(zoneHour) > 23 || Number(zoneMinute) > 59) {
    throw notA("timestamp", value);
  }
  const zone = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === "-" ? -1 : 1);
  const nanos = Number(fraction.padEnd(9, "0"));
  const ms = (((days * 24 + hour) * 60 + minute - zone) * 60 + second) * 1_000 + Math.floor(nanos / 1e6);
  return instantOf(ms, nanos % 1e6);
}

/** As Go writes durations: `1h30m`, `-1.5h`, `300ms`, `0`. */
export function toSpan(value: unknown): Span {
  if (value instanceof Span) return value;
  if (typeof value !== "string") throw noOverload("duration", value);
  const unsigned = value.replace(/^[+-]/, "");
  if (unsigned === "0") return new Span(0n);
  if (unsigned === "" || value.length > MAX_LENGTH) throw notA("duration", value);
  let ns = 0n;
  DURATION_PART.lastIndex = 0;
  while (DURATION_PART.lastIndex < unsigned.length) {
    const found = DURATION_PART.exec(unsigned);
    const [, whole = "", fraction = "", unit = ""] = found ?? [];
    const size = NS_PER_UNIT[unit];
    if (size === undefined || whole + fraction === "") throw notA("duration", value);
    // What is smaller than a nanosecond is left out.
    ns += BigInt(whole || 0) * size + (BigInt(fraction || 0) * size) / 10n ** BigInt(fraction.length);
  }
  return spanOf(value.startsWith("-") ? -ns : ns);
}

function textOfInstant({ ms, ns }: Instant): string {
  const seconds = Math.floor(ms / 1_000);
  const { year, month, day } = dateOfDay(Math.floor(seconds / 86_400));
  const inDay = seconds - Math.floor(seconds / 86_400) * 86_400;
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const nanos = (ms - seconds * 1_000) * 1e6 + ns;
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  return `${date}T${two(inDay / 3_600)}:${two((inDay / 60) % 60)}:${two(inDay % 60)}${fractionOf(nanos)}Z`;
}

function textOfSpan({ ns }: Span): string {
  const absolute = ns < 0n ? -ns : ns;
  const fraction = fractionOf(Number(absolute % 1_000_000_000n));
  return `${ns < 0n ? "-" : ""}${absolute / 1_000_000_000n}${fraction}s`;
}

function fractionOf(nanos: number): string {
  return nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}`;
}
