/**
 * What JSON from outside must look like, declared once: the reader, the TypeScript type and the JSON Schema of a file come
 * from the same declaration. Here are objects and lists; single values are in `scalar-shapes.ts`, and those made of other
 * shapes in `composed-shapes.ts`. A value becomes whole, or every reason why not is reported with its path. It costs no package
 * and no start-up time, so the running agent uses it; why not arktype here: docs/decisions.md.
 */
import { didYouMean } from "./did-you-mean.ts";

export type JsonProblem = {
  /** `measures[2].unit`, empty for the whole file. */
  readonly path: string;
  readonly what: string;
  /** Whether the value is wrong, or the key should not be there. */
  readonly of: "key" | "value";
  /** Of a text value: the character that is wrong, from 0 on. */
  readonly index?: number;
};

/** No reader needs more problems than these: reading stops. */
export const PROBLEMS_MOST = 1_000;

/** Ends the reading of a value; `readShape` catches it. */
export class TooManyProblems extends Error {}

/** The target of a schema that is only a reference. No JSON text shows it; `withDefinitions` writes it down. */
export const DEFINITION: unique symbol = Symbol("definition");

/** JSON Schema, draft 2020-12: https://json-schema.org/draft/2020-12/schema */
export type JsonSchema = { readonly [keyword: string]: unknown; readonly [DEFINITION]?: JsonSchema };

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

/** A value of which parts may have been refused: the argument of a check over several fields. */
export type Partly<T> = T extends readonly (infer Item)[]
  ? readonly (Partly<Item> | undefined)[]
  : T extends ReadonlyMap<string, infer Item>
    ? ReadonlyMap<string, Partly<Item>>
    : T extends object
      ? { readonly [K in keyof T]?: Partly<T[K]> | undefined }
      : T;

/** `path` is relative to the value that is checked: `limits`, `[2].name`. */
export type Complain = (path: string, what: string, of?: JsonProblem["of"]) => void;

/** `check` sees the items that were read; those that were refused are undefined. */
export function list<T>(
  item: Shape<T>,
  { least, most }: { readonly least: number; readonly most: number },
  check?: (items: readonly (T | undefined)[], complain: Complain) => void,
): Shape<readonly T[]> {
  const expects = least === 0 ? `a list of at most ${most}` : `a list of ${least} to ${most}`;
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

/** Of these keys at least one must be there, with `only` exactly one; `what` says so. */
export type Needs<F> = { readonly of: readonly (keyof F & string)[]; readonly what: string; readonly only?: true };

/**
 * An object with these keys and no other. `check` compares fields with each other; it sees what could be read, so that all
 * problems of a file are reported at once.
 */
export function object<const F extends Fields>(
  fields: F,
  check?: (value: Partly<ObjectOf<F>>, complain: Complain) => void,
  needs?: Needs<F>,
): Shape<ObjectOf<F>> {
  const names = Object.keys(fields);
  const required = names.filter((name) => fields[name]?.optional === undefined);
  return {
    expects: "an object",
    schema: {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.schema])),
      ...(required.length > 0 && { required }),
      ...(needs !== undefined && needsSchema(needs, names)),
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
      if (needs !== undefined && !isMet(needs, { value, names, strangers })) refuse(problems, path, needs.what);
      // Every field was just read by its shape; those that were refused are undefined, and `problems` has their reasons.
      check?.(read as Partly<ObjectOf<F>>, complainer(path, problems));
      return read as ObjectOf<F>;
    },
  };
}

type Keys = {
  readonly value: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
  readonly strangers: readonly string[];
};

/** A stranger that is probably the key that is needed was reported already. */
function isMet<F>({ of, only }: Needs<F>, { value, names, strangers }: Keys): boolean {
  const given = of.filter((name) => Object.hasOwn(value, name)).length;
  if (given > 0) return only !== true || given === 1;
  return strangers.some((stranger) => of.length === names.length || didYouMean(stranger, of) !== "");
}

function needsSchema<F>({ of, only }: Needs<F>, names: readonly string[]): JsonSchema {
  if (of.length === names.length) return { minProperties: 1, ...(only && { maxProperties: 1 }) };
  const each = of.map((name) => ({ required: [name] }));
  return only ? { oneOf: each } : { anyOf: each };
}

function unknownKey(problems: JsonProblem[], path: string, key: string, names: readonly string[]): void {
  const near = didYouMean(key, names);
  const what = `is not known here${near === "" ? `; known are ${names.join(", ")}` : near}`;
  report(problems, { path, what, of: "key" });
}

function complainer(path: string, problems: JsonProblem[]): Complain {
  return (relative, what, of = "value") => {
    report(problems, { path: join(path, relative), what, of });
  };
}

/** The path of a key of the value at `path`. */
export function join(path: string, key: string): string {
  if (path === "" || key === "" || key.startsWith("[")) return `${path}${key}`;
  return `${path}.${key}`;
}

/** Every problem is added here, where their number is limited. */
export function report(problems: JsonProblem[], problem: JsonProblem): void {
  problems.push(problem);
  if (problems.length >= PROBLEMS_MOST) throw new TooManyProblems();
}

export function refuse(problems: JsonProblem[], path: string, what: string): undefined {
  report(problems, { path, what, of: "value" });
  return undefined;
}

/** The value, whole; or every reason why not, the first PROBLEMS_MOST of them. */
export function readShape<T>(
  shape: Shape<T>,
  value: unknown,
): { readonly ok: T } | { readonly refused: readonly JsonProblem[] } {
  const problems: JsonProblem[] = [];
  try {
    const read = shape.read(value, "", problems);
    if (read !== undefined && problems.length === 0) return { ok: read };
  } catch (error) {
    if (!(error instanceof TooManyProblems)) throw error;
  }
  return { refused: problems };
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
