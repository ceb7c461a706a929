/** CEL's operators on values: what is out of range is an error, and there is an operator only where CEL has one. */
import {
  CelError,
  CelMap,
  compare,
  Instant,
  instantOfNanos,
  intOf,
  isEqual,
  MAX_INT,
  nanosOf,
  noOverload,
  Span,
  spanOf,
  Uint,
  uintOf,
} from "./values.ts";

export type Operator = (a: unknown, b: unknown) => unknown;

const DIVISION_BY_ZERO = "division by zero";
const MODULO_BY_ZERO = "modulo by zero";

export const OPERATORS: Readonly<Record<string, Operator>> = {
  "+": (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a + b;
    if (typeof a === "string" && typeof b === "string") return a + b;
    if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
    if (a instanceof Instant && b instanceof Span) return instantOfNanos(nanosOf(a) + b.ns);
    if (a instanceof Span && b instanceof Instant) return instantOfNanos(nanosOf(b) + a.ns);
    if (a instanceof Span && b instanceof Span) return spanOf(a.ns + b.ns);
    return whole("+", (x, y) => x + y)(a, b);
  },
  "-": (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (a instanceof Instant && b instanceof Span) return instantOfNanos(nanosOf(a) - b.ns);
    if (a instanceof Instant && b instanceof Instant) return spanOf(nanosOf(a) - nanosOf(b));
    if (a instanceof Span && b instanceof Span) return spanOf(a.ns - b.ns);
    return whole("-", (x, y) => x - y)(a, b);
  },
  "*": (a, b) => (typeof a === "number" && typeof b === "number" ? a * b : whole("*", (x, y) => x * y)(a, b)),
  "/": (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a / b;
    return whole("/", (x, y) => (y === 0n ? fail(DIVISION_BY_ZERO) : x / y))(a, b);
  },
  "%": (a, b) => whole("%", (x, y) => (y === 0n ? fail(MODULO_BY_ZERO) : x % y))(a, b),
  "==": isEqual,
  "!=": (a, b) => !isEqual(a, b),
  "<": (a, b) => compare(a, b) < 0,
  "<=": (a, b) => compare(a, b) <= 0,
  ">": (a, b) => compare(a, b) > 0,
  ">=": (a, b) => compare(a, b) >= 0,
  in: (item, list) => {
    if (Array.isArray(list)) return list.some((member) => isEqual(item, member));
    if (list instanceof CelMap) return list.get(item) !== undefined;
    throw noOverload("in", item, list);
  },
  "[]": (of, index) => {
    if (of instanceof CelMap) {
      const value = of.get(index);
      return value === undefined ? fail("no such key") : value;
    }
    if (!Array.isArray(of)) throw noOverload("[]", of, index);
    const at = index instanceof Uint ? index.value : index;
    if (typeof at !== "bigint" && !(typeof at === "number" && Number.isInteger(at))) throw noOverload("[]", of, index);
    return at >= 0 && at < of.length ? of[Number(at)] : fail("index out of range");
  },
};

export function negative(value: unknown): unknown {
  if (typeof value === "number") return -value;
  if (typeof value !== "bigint") throw noOverload("-", value);
  return intOf(-value);
}

export function opposite(value: unknown): boolean {
  if (typeof value !== "boolean") throw noOverload("!", value);
  return !value;
}

/** True for a literal that is an int only behind a minus. */
export function isTooLarge(literal: bigint): boolean {
  return literal > MAX_INT;
}

function whole(op: string, run: (a: bigint, b: bigint) => bigint): Operator {
  return (a, b) => {
    if (typeof a === "bigint" && typeof b === "bigint") return intOf(run(a, b));
    if (a instanceof Uint && b instanceof Uint) return uintOf(run(a.value, b.value));
    throw noOverload(op, a, b);
  };
}

function fail(message: string): never {
  throw new CelError(message);
}
