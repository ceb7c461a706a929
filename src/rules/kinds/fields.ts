/**
 * The keys of a condition's object, each with how its value is read. A condition becomes a whole value, or every reason why
 * it does not.
 */
import type { JsonNode } from "../../core/outside/located-json.ts";
import type { RuleReader } from "../files/reader.ts";

/** `what`: the key in quotes, for messages. Returns undefined after the problem was reported to the reader. */
type ReadValue<T> = (node: JsonNode, what: string, reader: RuleReader) => T | undefined;

/** A key is required where its field has no `fallback`. */
export type Field<T> = { readonly read: ReadValue<T>; readonly fallback?: T };
export type FieldValues<F> = { readonly [Key in keyof F]: F[Key] extends Field<infer T> ? T : never };

/** An object that is read as a `T`. */
export type Shape<T> = {
  /** The name of the object in messages: `"rate"`. */
  readonly what: string;
  readonly fields: { readonly [Key in keyof T]: Field<T[Key]> };
  /** Of these keys at least one is needed. */
  readonly anyOf?: readonly (keyof T & string)[];
};

export function readFields<T>(node: JsonNode, shape: Shape<T>, reader: RuleReader): T | undefined {
  const { what, fields, anyOf = [] } = shape;
  const all = Object.entries<Field<unknown>>(fields);
  const required = all.filter(([, { fallback }]) => fallback === undefined).map(([key]) => key);
  const nodes = reader.fields(node, what, Object.keys(fields), required);
  if (nodes === undefined) return undefined;
  const values: Record<string, unknown> = {};
  let isWhole = true;
  for (const [key, { read, fallback }] of all) {
    const value = nodes.get(key);
    values[key] = value === undefined ? fallback : read(value, `"${key}"`, reader);
    if (values[key] === undefined) isWhole = false;
  }
  if (anyOf.length > 0 && !anyOf.some((key) => nodes.has(key))) {
    return reader.problem(node.at, `${what} needs ${anyOf.map((key) => `"${key}"`).join(", ")} or both`);
  }
  // Every key has a value that its own field has read.
  return isWhole ? (values as T) : undefined;
}

export function optional<T, Fallback>(field: Field<T>, fallback: Fallback): Field<T | Fallback> {
  return { read: field.read, fallback };
}

export const MEASURE: Field<string> = { read: (node, _, reader) => reader.measure(node) };
export const NUMBER: Field<number> = { read: (node, what, reader) => reader.number(node, what) };
export const ABOVE_ZERO: Field<number> = { read: (node, what, reader) => reader.positive(node, what) };
export const ZERO_OR_MORE: Field<number> = { read: (node, what, reader) => reader.positive(node, what, true) };
/** A time, in milliseconds. */
export const DURATION: Field<number> = { read: (node, what, reader) => reader.duration(node, what) };

export function wholeNumber(least: number, most: number): Field<number> {
  return { read: (node, what, reader) => reader.whole(node, what, least, most) };
}

export function oneOf<T extends string>(values: readonly T[]): Field<T> {
  return { read: (node, what, reader) => reader.oneOf(node, what, values) };
}
