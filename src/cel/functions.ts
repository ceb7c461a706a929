/** The functions of expressions: CEL's own, those of its extension for strings, and ours on doubles. */
import { zoneOffset } from "../core/time/zone-offset.ts";
import { CALENDAR, type CalendarPart } from "./calendar.ts";
import { toBool, toDouble, toInstant, toInt, toSpan, toText, toUint } from "./conversions.ts";
import { readPattern } from "./pattern.ts";
import { CelError, CelMap, Instant, noOverload, Span, Uint } from "./values.ts";

/** A method has its receiver first. */
export type CelFunction = (...args: readonly unknown[]) => unknown;

/** Our additions: on doubles, with the meaning of JavaScript's Math. */
export const MATH_FUNCTIONS: Readonly<Record<string, (...of: number[]) => number>> = {
  abs: Math.abs,
  sqrt: Math.sqrt,
  exp: Math.exp,
  ln: Math.log,
  floor: Math.floor,
  ceil: Math.ceil,
};
export const MATH_FUNCTIONS_OF_TWO: Readonly<Record<string, (a: number, b: number) => number>> = {
  min: Math.min,
  max: Math.max,
  pow: Math.pow,
};

const SPAN_UNITS: Partial<Record<CalendarPart, bigint>> = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
  getMilliseconds: 1_000_000n,
};

/** Unicode's white space, at both ends; not the signs without width, which JavaScript's `trim` partly takes. */
const WHITE_SPACE = /^\p{White_Space}+|\p{White_Space}+$/gu;

export const FUNCTIONS: ReadonlyMap<string, CelFunction> = new Map<string, CelFunction>([
  ["size", sizeOf],
  ["int", toInt],
  ["uint", toUint],
  ["double", toDouble],
  ["bool", toBool],
  ["string", toText],
  ["timestamp", toInstant],
  ["duration", toSpan],
  ["dyn", (value) => value],
  ["matches", ofTexts("matches", matches)],
  ...Object.entries(MATH_FUNCTIONS).map(([name, run]) => [name, ofDoubles(name, run)] as const),
  ...Object.entries(MATH_FUNCTIONS_OF_TWO).map(([name, run]) => [name, ofDoubles(name, run)] as const),
]);

export const METHODS: ReadonlyMap<string, CelFunction> = new Map<string, CelFunction>([
  ["size", sizeOf],
  ["startsWith", ofTexts("startsWith", (text, start) => text.startsWith(start))],
  ["endsWith", ofTexts("endsWith", (text, end) => text.endsWith(end))],
  ["contains", ofTexts("contains", (text, part) => text.includes(part))],
  ["matches", ofTexts("matches", matches)],
  ["lowerAscii", (text) => textOf(text).replace(/[A-Z]+/g, (letters) => letters.toLowerCase())],
  ["upperAscii", (text) => textOf(text).replace(/[a-z]+/g, (letters) => letters.toUpperCase())],
  ["trim", (text) => textOf(text).replace(WHITE_SPACE, "")],
  ["indexOf", (text, part, from) => BigInt(indexOf(textOf(text), textOf(part), from))],
  ["lastIndexOf", (text, part, from) => BigInt(lastIndexOf(textOf(text), textOf(part), from))],
  ["substring", (text, start, end) => substring([...textOf(text)], start, end)],
  ["split", (text, by, limit) => split(textOf(text), textOf(by), limit)],
  [
    "join",
    (list, by) =>
      listOf(list)
        .map(textOf)
        .join(by === undefined ? "" : textOf(by)),
  ],
  // A cast for the keys of an object, which the language calls strings.
  ...(Object.keys(CALENDAR) as CalendarPart[]).map((name) => [name, calendarPart(name)] as const),
]);

function sizeOf(value: unknown): bigint {
  if (typeof value === "string") return BigInt([...value].length);
  if (Array.isArray(value)) return BigInt(value.length);
  if (value instanceof CelMap) return BigInt(value.size);
  throw noOverload("size", value);
}

function ofDoubles(name: string, run: (...of: number[]) => number): CelFunction {
  return (...args) => {
    const [a, b] = args;
    if (typeof a !== "number" || (args.length > 1 && typeof b !== "number")) throw noOverload(name, ...args);
    return typeof b === "number" ? run(a, b) : run(a);
  };
}

function ofTexts(name: string, run: (a: string, b: string) => boolean): CelFunction {
  return (a, b) => {
    if (typeof a !== "string" || typeof b !== "string") throw noOverload(name, a, b);
    return run(a, b);
  };
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw noOverload("string function", value);
  return value;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw noOverload("join", value);
  return value;
}

function matches(text: string, pattern: string): boolean {
  const matcher = readPattern(pattern);
  if (typeof matcher !== "function") throw new CelError(matcher.problem);
  return matcher(text);
}

/** The part of a time stamp, in UTC or in a zone; of a duration, all of it in that unit, but the milliseconds. */
function calendarPart(name: CalendarPart): CelFunction {
  const unit = SPAN_UNITS[name];
  return (value, zone) => {
    if (value instanceof Instant)
      return BigInt(CALENDAR[name](value.ms + (zone === undefined ? 0 : offsetOf(zone, value))));
    if (!(value instanceof Span) || unit === undefined || zone !== undefined) throw noOverload(name, value);
    return name === "getMilliseconds" ? (value.ns / unit) % 1_000n : value.ns / unit;
  };
}

function offsetOf(zone: unknown, { ms }: Instant): number {
  const offset = zoneOffset(textOf(zone));
  if (offset === null) throw new CelError(`there is no time zone ${JSON.stringify(zone)}`);
  return offset(ms);
}

/** Places in a text are counted in code points. */
function placeOf(value: unknown, most: number): number {
  const at = value instanceof Uint ? value.value : value;
  if (typeof at !== "bigint") throw noOverload("string function", value);
  if (at < 0n || at > BigInt(most)) throw new CelError(`index out of range: ${at}`);
  return Number(at);
}

function indexOf(text: string, part: string, from: unknown): number {
  const chars = [...text];
  const start = from === undefined ? 0 : placeOf(from, chars.length);
  const found = chars.slice(start).join("").indexOf(part);
  return found < 0 ? -1 : start + [...chars.slice(start).join("").slice(0, found)].length;
}

function lastIndexOf(text: string, part: string, from: unknown): number {
  const chars = [...text];
  if (from === undefined) {
    const found = text.lastIndexOf(part);
    return found < 0 ? -1 : [...text.slice(0, found)].length;
  }
  // The last that begins at `from` or before.
  const start = placeOf(from, chars.length);
  const found = text.lastIndexOf(part, chars.slice(0, start).join("").length);
  return found < 0 ? -1 : [...text.slice(0, found)].length;
}

function substring(chars: readonly string[], start: unknown, end: unknown): string {
  const from = placeOf(start, chars.length);
  const until = end === undefined ? chars.length : placeOf(end, chars.length);
  if (until < from) throw new CelError(`index out of range: ${until} is before ${from}`);
  return chars.slice(from, until).join("");
}

function split(text: string, by: string, limit: unknown): readonly string[] {
  const parts = by === "" ? [...text] : text.split(by);
  if (limit === undefined) return parts;
  if (typeof limit !== "bigint") throw noOverload("split", limit);
  if (limit === 0n) return [];
  const most = limit < 0n ? parts.length : Number(limit);
  if (parts.length <= most) return parts;
  return [...parts.slice(0, most - 1), parts.slice(most - 1).join(by)];
}
