/**
 * What a request may hold, field by field, and the check of it. Stricter than Databricks, which drops fields that it does
 * not know: a field that silently does nothing is a fault of the client, and here it shows.
 */
import { malformed, misused } from "./problem.ts";

/** Checks one value; throws Misuse that names the place. */
export type Kind<T> = { readonly is: (value: unknown, at: string) => T; readonly must?: boolean };
export type Must<T> = Kind<T> & { readonly must: true };
export type Checked<F> = {
  readonly [K in keyof F]: F[K] extends Must<infer T> ? T : F[K] extends Kind<infer T> ? T | undefined : never;
};
export type Body = Readonly<Record<string, unknown>>;

const TEXT_CHARACTERS = 16 * 1024 * 1024;

export const must = <T>(kind: Kind<T>): Must<T> => ({ is: kind.is, must: true });

export const text: Kind<string> = kind(
  "a string",
  (value) => typeof value === "string" && value.length <= TEXT_CHARACTERS,
);
export const flag: Kind<boolean> = kind("true or false", (value) => typeof value === "boolean");
export const int: Kind<number> = kind("an integer", (value) => Number.isSafeInteger(value));
export const object: Kind<Body> = kind("an object", isObject);

/** An int64: a JSON number, which may be beyond 2^53. */
export const int64: Kind<bigint> = {
  is: (value, at) => {
    if (typeof value === "bigint") return value;
    return BigInt(int.is(value, at));
  },
};

function kind<T>(what: string, holds: (value: unknown) => boolean): Kind<T> {
  return {
    is: (value, at) => {
      if (!holds(value)) throw malformed(`Could not parse request object: ${at} must be ${what}`);
      return value as T;
    },
  };
}

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  return {
    is: (value, at) => {
      const word = text.is(value, at);
      if (!(words as readonly string[]).includes(word)) {
        throw misused(`Invalid value "${word}" for ${at}: one of ${words.join(", ")}`);
      }
      return word as T;
    },
  };
}

export function listOf<T>(item: Kind<T>, most = 10_000): Kind<readonly T[]> {
  return {
    is: (value, at) => {
      if (!Array.isArray(value)) throw malformed(`Could not parse request object: ${at} must be an array`);
      if (value.length > most) throw misused(`${at} has ${value.length} elements, at most ${most}`);
      return value.map((one, index) => item.is(one, `${at}[${index}]`));
    },
  };
}

export function mapOf<T>(item: Kind<T>): Kind<Readonly<Record<string, T>>> {
  return {
    is: (value, at) => {
      const entries = Object.entries(object.is(value, at));
      return Object.fromEntries(entries.map(([key, one]) => [key, item.is(one, `${at}.${key}`)]));
    },
  };
}

export function shape<F extends Record<string, Kind<unknown>>>(fields: F): Kind<Checked<F>> {
  return {
    is: (value, at) => {
      const given = object.is(value, at === "" ? "the body" : at);
      const place = (name: string) => (at === "" ? name : `${at}.${name}`);
      for (const name of Object.keys(given)) {
        if (!Object.hasOwn(fields, name))
          throw malformed(`Could not parse request object: unknown field ${place(name)}`);
      }
      const checked: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(fields)) {
        const one = given[name];
        if (one !== undefined) checked[name] = field.is(one, place(name));
        else if (field.must === true) throw misused(`Missing required field: ${place(name)}`);
      }
      return checked as Checked<F>;
    },
  };
}

export const NOTHING = shape({});

/** Query strings hold text only: the words of numbers and flags become what they stand for, then the shape is checked. */
export function queryOf<T>(kind: Kind<T>, given: URLSearchParams): T {
  const values: Record<string, unknown> = {};
  for (const [name, value] of given) {
    if (Object.hasOwn(values, name)) throw misused(`Query parameter "${name}" is given twice`);
    values[name] = value;
  }
  return kind.is(values, "");
}

/** A number or a flag in a query string. */
export const queryInt: Kind<number> = wordOf(/^-?\d{1,15}$/, Number, "an integer");
export const queryInt64: Kind<bigint> = wordOf(/^-?\d{1,19}$/, BigInt, "an integer");
export const queryFlag: Kind<boolean> = wordOf(/^(true|false)$/, (word) => word === "true", "true or false");

function wordOf<T>(pattern: RegExp, read: (word: string) => T, what: string): Kind<T> {
  return {
    is: (value, at) => {
      const word = text.is(value, at);
      if (!pattern.test(word)) throw misused(`Query parameter ${at} must be ${what}, is "${word}"`);
      return read(word);
    },
  };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
