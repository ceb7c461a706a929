/**
 * What JSON from outside must look like, declared once: the reader, the TypeScript type and the JSON Schema of a file come
 * from the same declaration. A value becomes whole, or every reason why not is reported with its path. It costs no package
 * and no start-up time, so the running agent uses it; why not arktype here: docs/decisions.md.
 */
import { didYouMean } from "./did-you-mean.ts";

/** `path`: `measures[2].unit`, empty for the whole file. `of`: whether the value is wrong, or the key should not be there. */
export type JsonProblem = { readonly path: string; readonly what: string; readonly of: "key" | "value" };

/** JSON Schema, draft 2020-12: https://json-schema.org/draft/2020-12/schema */
export type JsonSchema = { readonly [keyword: string]: unknown };

export interface Shape<T> {
  /** Behind "must be": `a number from 0 to 6`. */
  readonly expects: string;
  readonly schema: JsonSchema;
  /** Where the key may be left out; `fallback` is then the value. */
  readonly optional?: { readonly fallback: T };
  /** The value, or undefined where it is refused. A value counts only where `problems` has no reason more than before. */
  read(value: unknown, path: string, problems: JsonProblem[]): T | undefined;
}

/** The type of the values that a shape lets through. */
export type ValueOf<S> = S extends Shape<infer T> ? T : never;

/** A value of which parts may have been refused: what a check over several fields may look at. */
export type Partly<T> = T extends readonly (infer Item)[]
  ? readonly (Partly<Item> | undefined)[]
  : T extends ReadonlyMap<string, infer Item>
    ? ReadonlyMap<string, Partly<Item>>
    : T extends object
      ? { readonly [K in keyof T]?: Partly<T[K]> | undefined }
      : T;

/** `path` is relative to the value that is checked: `limits`, `[2].name`. */
export type Complain = (path: string, what: string, of?: JsonProblem["of"]) => void;

/** A shape for single values: `fits` decides. */
function scalar<T>(expects: string, schema: JsonSchema, fits: (value: unknown) => value is T): Shape<T> {
  return {
    expects,
    schema,
    read: (value, path, problems) => (fits(value) ? value : refuse(problems, path, mustBe(expects, value))),
  };
}

/** Text that matches (`/^/`: any); `why` may say of a text that matches why it is refused all the same. */
export function text(pattern: RegExp, expects: string, why?: (value: string) => string | null): Shape<string> {
  const fits = (value: unknown): value is string => typeof value === "string" && pattern.test(value);
  const plain = scalar(expects, { type: "string", ...(pattern.source !== "^" && { pattern: pattern.source }) }, fits);
  if (why === undefined) return plain;
  return {
    expects: plain.expects,
    schema: plain.schema,
    read: (value, path, problems) => {
      const read = plain.read(value, path, problems);
      const reason = read === undefined ? null : why(read);
      return reason === null ? read : refuse(problems, path, reason);
    },
  };
}

export type NumberLimits = { readonly min?: number; readonly max?: number; readonly whole?: boolean };

/** Beyond this a number of a file is a slip of the writer. */
const NUMBER_MOST = 1e9;

export function number({ min = -NUMBER_MOST, max = NUMBER_MOST, whole = false }: NumberLimits = {}): Shape<number> {
  const fits = (value: unknown): value is number =>
    typeof value === "number" && value >= min && value <= max && (!whole || Number.isInteger(value));
  const isBounded = min > -Number.MAX_VALUE || max < Number.MAX_VALUE;
  const expects = `${whole ? "a whole number" : "a number"}${isBounded ? ` from ${min} to ${max}` : ""}`;
  const limits = isBounded ? { minimum: min, maximum: max } : {};
  return scalar(expects, { type: whole ? "integer" : "number", ...limits }, fits);
}

export const boolean: Shape<boolean> = scalar(
  "true or false",
  { type: "boolean" },
  (value): value is boolean => typeof value === "boolean",
);

export function oneOf<const T extends string>(values: readonly T[]): Shape<T> {
  const expects = `one of ${values.join(", ")}`;
  return {
    expects,
    schema: { enum: values },
    read: (value, path, problems) => {
      const found = values.find((each) => each === value);
      const near = typeof value === "string" ? didYouMean(value, values) : "";
      return found ?? refuse(problems, path, `${mustBe(expects, value)}${near}`);
    },
  };
}

/** One of two shapes that differ by JSON type: `"text"` and another. `expects` says what both together look like. */
export function textOr<B>(
  ofText: Shape<string>,
  other: Shape<B>,
  { expects, isOther }: { readonly expects: string; readonly isOther: (value: unknown) => boolean },
): Shape<string | B> {
  return {
    expects,
    schema: { anyOf: [ofText.schema, other.schema] },
    read: (value, path, problems) => {
      if (typeof value === "string") return ofText.read(value, path, problems);
      return isOther(value) ? other.read(value, path, problems) : refuse(problems, path, mustBe(expects, value));
    },
  };
}

/** `[least, most]`, least below most. */
export const pair: Shape<readonly [number, number]> = {
  expects: "[least, most]",
  schema: { type: "array", prefixItems: [number().schema, number().schema], minItems: 2, maxItems: 2 },
  read: (value, path, problems) => {
    const both = two(value, path, { expects: "[least, most]", problems });
    if (both === undefined || both[0] < both[1]) return both;
    return refuse(problems, path, `must have the least first: ${both[0]} is not below ${both[1]}`);
  },
};

/** `[x, y]`, any two numbers. */
export const point: Shape<readonly [number, number]> = {
  expects: "[x, y]",
  schema: pair.schema,
  read: (value, path, problems) => two(value, path, { expects: "[x, y]", problems }),
};

function two(
  value: unknown,
  path: string,
  { expects, problems }: { readonly expects: string; readonly problems: JsonProblem[] },
): readonly [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return refuse(problems, path, mustBe(expects, value));
  const one = number();
  const first = one.read(value[0], `${path}[0]`, problems);
  const second = one.read(value[1], `${path}[1]`, problems);
  return first === undefined || second === undefined ? undefined : [first, second];
}

/** `check` sees the items that were read; undefined stands for those that were refused. */
export function list<T>(
  item: Shape<T>,
  { least, most }: { readonly least: number; readonly most: number },
  check?: (items: readonly (T | undefined)[], complain: Complain) => void,
): Shape<readonly T[]> {
  const expects = `a list of ${least} to ${most}`;
  return {
    expects,
    schema: { type: "array", items: item.schema, minItems: least, maxItems: most },
    read: (value, path, problems) => {
      if (!Array.isArray(value)) return refuse(problems, path, mustBe(expects, value));
      if (value.length < least || value.length > most) {
        return refuse(problems, path, `must be ${expects}, not a list of ${value.length}`);
      }
      const items = value.map((each, i) => item.read(each, `${path}[${i}]`, problems));
      check?.(items, complainer(path, problems));
      // Where an item was refused, `problems` is not empty, and no caller uses the value.
      return items as readonly T[];
    },
  };
}

/** Values by name, whatever the names: `{"rotor_diameter_m": 100}`. */
export function record<T>(item: Shape<T>, { most }: { readonly most: number }): Shape<ReadonlyMap<string, T>> {
  return {
    expects: "an object",
    schema: { type: "object", additionalProperties: item.schema },
    read: (value, path, problems) => {
      if (!isObject(value)) return refuse(problems, path, mustBe("an object", value));
      const keys = Object.keys(value);
      if (keys.length > most) return refuse(problems, path, `must have 0 to ${most} entries, not ${keys.length}`);
      const read = new Map<string, T>();
      for (const key of keys) {
        const one = item.read(value[key], join(path, key), problems);
        if (one !== undefined) read.set(key, one);
      }
      return read;
    },
  };
}

/** A key that may be left out. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined>;
export function optional<T>(shape: Shape<T>, fallback: T): Shape<T>;
export function optional<T>(shape: Shape<T>, fallback?: T): Shape<T | undefined> {
  return { expects: shape.expects, schema: shape.schema, read: shape.read, optional: { fallback } };
}

export type Fields = Readonly<Record<string, Shape<unknown>>>;
export type ObjectOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/**
 * An object with these keys and no other. `check` compares fields with each other; it sees what could be read, so that all
 * problems of a file are reported at once.
 */
export function object<const F extends Fields>(
  fields: F,
  check?: (value: Partly<ObjectOf<F>>, complain: Complain) => void,
): Shape<ObjectOf<F>> {
  const names = Object.keys(fields);
  const required = names.filter((name) => fields[name]?.optional === undefined);
  return {
    expects: "an object",
    schema: {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.schema])),
      required,
      additionalProperties: false,
    },
    read: (value, path, problems) => {
      if (!isObject(value)) return refuse(problems, path, mustBe("an object", value));
      const strangers = Object.keys(value).filter((key) => !names.includes(key));
      for (const key of strangers) unknownKey(problems, join(path, key), key, names);
      const read: Record<string, unknown> = {};
      for (const [name, shape] of Object.entries(fields)) {
        if (Object.hasOwn(value, name)) read[name] = shape.read(value[name], join(path, name), problems);
        else if (shape.optional !== undefined) read[name] = shape.optional.fallback;
        // A misspelt key is reported already: that it is missing too would be noise.
        else if (!strangers.some((stranger) => didYouMean(stranger, [name]) !== "")) {
          refuse(problems, path, `needs "${name}": ${shape.expects}`);
        }
      }
      // Every field was just read by its shape; those that were refused are undefined, and `problems` is no longer empty.
      check?.(read as Partly<ObjectOf<F>>, complainer(path, problems));
      return read as ObjectOf<F>;
    },
  };
}

function unknownKey(problems: JsonProblem[], path: string, key: string, names: readonly string[]): void {
  const near = didYouMean(key, names);
  problems.push({
    path,
    what: `is not known here${near === "" ? `; known are ${names.join(", ")}` : near}`,
    of: "key",
  });
}

function complainer(path: string, problems: JsonProblem[]): Complain {
  return (relative, what, of = "value") => {
    problems.push({ path: join(path, relative), what, of });
  };
}

function join(path: string, key: string): string {
  if (path === "" || key === "" || key.startsWith("[")) return `${path}${key}`;
  return `${path}.${key}`;
}

function refuse(problems: JsonProblem[], path: string, what: string): undefined {
  problems.push({ path, what, of: "value" });
  return undefined;
}

export function mustBe(expects: string, value: unknown): string {
  return `must be ${expects}, not ${shown(value)}`;
}

const SHOWN_MOST = 60;

/** A value as an error may show it: short. */
function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length <= SHOWN_MOST ? json : `${json.slice(0, SHOWN_MOST - 1)}…`;
}

/** A JSON object: neither null nor a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
