/** Reads outside JSON into whole values and collects every reason why not, each with its path: `measures[2].unit`. */
import type { JsonProblem } from "./json-file.ts";

export type NumberLimits = { readonly min?: number; readonly max?: number; readonly whole?: boolean };

/**
 * One object of outside JSON. Each reader takes a key and returns a usable value even where the input was wrong; then
 * `problems` holds the reason and the caller must not use the result. `done` tells the keys that nobody asked for.
 */
export class Fields {
  readonly path: string;
  readonly problems: JsonProblem[];
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(value: unknown, path: string, problems: JsonProblem[]) {
    this.path = path;
    this.problems = problems;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (!isObject) this.problem("", `must be an object, not ${shown(value)}`);
    // Just checked: a JSON object.
    this.#object = isObject ? (value as Record<string, unknown>) : {};
  }

  problem(key: string, what: string, of: JsonProblem["of"] = "value"): void {
    this.#problemAt(this.#at(key), what, of);
  }

  has(key: string): boolean {
    return this.#take(key) !== undefined;
  }

  text(key: string, pattern: RegExp, expected: string, fallback?: string): string {
    const value = this.#take(key) ?? fallback;
    if (typeof value === "string" && pattern.test(value)) return value;
    this.problem(key, `must be ${expected}, not ${shown(value)}`);
    return "";
  }

  number(key: string, limits: NumberLimits, fallback?: number): number {
    return this.#number(this.#at(key), this.#take(key) ?? fallback, limits);
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#take(key) ?? fallback;
    if (typeof value !== "boolean") this.problem(key, `must be true or false, not ${shown(value)}`);
    return value === true;
  }

  /** `[least, most]`, least below most. */
  pair(key: string, fallback?: readonly [number, number]): readonly [number, number] {
    const value = this.#take(key) ?? fallback;
    if (!Array.isArray(value) || value.length !== 2) {
      this.problem(key, `must be [least, most], not ${shown(value)}`);
      return [0, 1];
    }
    const before = this.problems.length;
    const least = this.#number(`${this.#at(key)}[0]`, value[0], {});
    const most = this.#number(`${this.#at(key)}[1]`, value[1], {});
    // What is wrong once is told once: what rests on this pair is checked against a sound one.
    if (this.problems.length > before) return fallback ?? [0, 1];
    if (least < most) return [least, most];
    this.problem(key, `must have the least first: ${least} is not below ${most}`);
    return [most, least + 1];
  }

  /** A list of `[x, y]` with rising x. */
  points(key: string, most: number): readonly (readonly [number, number])[] {
    const points = this.#list(key, { least: 2, most }).map((value, i): readonly [number, number] => {
      const at = `${this.#at(key)}[${i}]`;
      if (!Array.isArray(value) || value.length !== 2) {
        this.#problemAt(at, `must be [x, y], not ${shown(value)}`);
        return [i, 0];
      }
      return [this.#number(`${at}[0]`, value[0], {}), this.#number(`${at}[1]`, value[1], {})];
    });
    const falling = points.findIndex((point, i) => i > 0 && point[0] <= points[i - 1]![0]);
    if (falling > 0) this.problem(`${key}[${falling}]`, "x must be above that of the point before it");
    return points;
  }

  texts(key: string, most: number, fallback?: readonly string[]): readonly string[] {
    return this.#list(key, { least: 1, most }, fallback).map((value, i) => {
      if (typeof value === "string" && TEXT.test(value)) return value;
      this.problem(`${key}[${i}]`, `must be a text of 1 to 128 characters, not ${shown(value)}`);
      return "";
    });
  }

  /** Numbers by name: `{"rotor_diameter_m": 100}`. */
  numbers(key: string): Readonly<Record<string, number>> | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const inner = new Fields(value, this.#at(key), this.problems);
    return Object.fromEntries(Object.keys(inner.#object).map((name) => [name, inner.number(name, {})]));
  }

  object<T>(key: string, read: (fields: Fields) => T): T | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    return read(new Fields(value, this.#at(key), this.problems));
  }

  objects<T>(key: string, size: { least: number; most: number }, read: (fields: Fields) => T): readonly T[] {
    return this.#list(key, size).map((value, i) => read(new Fields(value, `${this.#at(key)}[${i}]`, this.problems)));
  }

  /** To be called last: what nobody asked for is a mistake of the writer, not a wish to be ignored. */
  done(): void {
    for (const key of Object.keys(this.#object)) {
      if (!this.#asked.has(key))
        this.problem(key, `there is no such field; known here: ${[...this.#asked].join(", ")}`, "key");
    }
  }

  #list(key: string, size: { least: number; most: number }, fallback?: readonly unknown[]): readonly unknown[] {
    const value = this.#take(key) ?? fallback;
    if (Array.isArray(value) && value.length >= size.least && value.length <= size.most) return value;
    const found = Array.isArray(value) ? `a list of ${value.length}` : shown(value);
    this.problem(key, `must be a list of ${size.least} to ${size.most}, not ${found}`);
    return [];
  }

  #take(key: string): unknown {
    this.#asked.add(key);
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  #number(at: string, value: unknown, { min = -1e9, max = 1e9, whole = false }: NumberLimits): number {
    const fits = typeof value === "number" && value >= min && value <= max && (!whole || Number.isInteger(value));
    if (fits) return value;
    const kind = whole ? "a whole number" : "a number";
    this.#problemAt(at, `must be ${kind} from ${min} to ${max}, not ${shown(value)}`);
    return min > 0 ? min : 0;
  }

  #problemAt(path: string, what: string, of: JsonProblem["of"] = "value"): void {
    this.problems.push({ path, what, of });
  }

  #at(key: string): string {
    if (key === "") return this.path;
    return this.path === "" ? key : `${this.path}.${key}`;
  }
}

/** What may stand in an identity column: short, and no control characters. */
export const TEXT = /^[^\p{Cc}]{1,128}$/u;

/** A value as an error may show it: short, and `nothing` where it is absent. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
