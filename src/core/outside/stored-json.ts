/**
 * JSON that our own program wrote and reads back: files beside the buffer, columns of the buffer. Another version of the
 * program, a damaged disk or a person may have changed it since, so it is read by a shape, as a file from outside is.
 */
import { number } from "./scalar-shapes.ts";
import {
  type Fields,
  isObject,
  type JsonProblem,
  list,
  mustBe,
  type ObjectOf,
  object,
  readShape,
  refuse,
  type Shape,
} from "./shape.ts";

/** A value, or the reason why not: the text is not JSON (a torn file, a damaged page), or the shape refuses it. */
export type Stored<T> = { readonly value: T } | { readonly refused: "no JSON" | JsonProblem };

export function readStored<T>(shape: Shape<T>, text: string): Stored<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { refused: "no JSON" };
  }
  return judged(shape, json);
}

function judged<T>(shape: Shape<T>, json: unknown): Stored<T> {
  const read = readShape(shape, json);
  if ("ok" in read) return { value: read.ok };
  const [refused] = read.refused;
  return { refused: refused ?? { path: "", what: mustBe(shape.expects, json), of: "value" } };
}

/** The value, or null where the shape refuses it. */
export function storedJson<T>(shape: Shape<T>, text: string): T | null {
  const stored = readStored(shape, text);
  return "value" in stored ? stored.value : null;
}

/** The entries that the shape takes; the others are left out. Null where the text is not a JSON list. */
export function storedEntries<T>(shape: Shape<T>, text: string): T[] | null {
  const entries = storedJson(ENTRIES, text);
  return (
    entries?.flatMap((entry) => {
      const stored = judged(shape, entry);
      return "value" in stored ? [stored.value] : [];
    }) ?? null
  );
}

/** Any finite number: times in ms, counts, sums. */
export const anyNumber: Shape<number> = number({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE });

/** An object with these keys. A newer version may have written more: they are not read. */
export function atLeast<const F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const known = object(fields);
  const names = Object.keys(fields);
  return {
    expects: known.expects,
    schema: { ...known.schema, additionalProperties: true },
    read: (value, path, problems) => {
      if (!isObject(value)) return known.read(value, path, problems);
      const own = names.filter((name) => Object.hasOwn(value, name));
      return known.read(Object.fromEntries(own.map((name) => [name, value[name]])), path, problems);
    },
  };
}

/** Any JSON value. */
export const anything: Shape<unknown> = { expects: "a value", schema: {}, read: (value) => value };

const ENTRIES = list(anything, { least: 0, most: 1_000_000 });

/** A list with one value for each of these shapes. */
export function tuple<const T extends readonly unknown[]>(
  ...shapes: { readonly [At in keyof T]: Shape<T[At]> }
): Shape<T> {
  const expects = `a list of ${shapes.length}`;
  return {
    expects,
    schema: { type: "array", prefixItems: shapes.map(({ schema }) => schema), minItems: shapes.length, items: false },
    read: (value, path, problems) => {
      if (!Array.isArray(value) || value.length !== shapes.length) {
        return refuse(problems, path, mustBe(expects, value));
      }
      // Where an item was refused, `problems` is not empty, and no caller uses the value.
      return shapes.map((shape, at) => shape.read(value[at], `${path}[${at}]`, problems)) as unknown as T;
    },
  };
}
