/** Reads the values of one rule file and keeps every problem with its place: nothing stops at the first. */

import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { type JsonNode, LinePlaces } from "../../core/outside/located-json.ts";
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import { MS_PER_DAY, parseDuration } from "../../core/time/duration.ts";
import { RULE_LIMITS, type RuleProblem } from "../rule-set.ts";

/** What a sensor says of a reading beside its measures. */
export const LABEL_FIELDS = ["status_code", "anomaly_flag", "anomaly_type"] as const;
export type LabelField = (typeof LABEL_FIELDS)[number];
export const IDENTITY_NAMES: readonly string[] = IDENTITY_COLUMNS;
/** Names that a measure cannot have. */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set([...IDENTITY_COLUMNS, ...LABEL_FIELDS, "timestamp"]);
export const MEASURE_NAME = /^[a-z][a-z0-9_]{0,63}$/;

const LONGEST_MS = 366 * MS_PER_DAY;

const NAME_OF_KIND: Record<JsonNode["kind"], string> = {
  object: "an object",
  array: "a list",
  text: "a text",
  number: "a number",
  boolean: "true or false",
  null: "null",
};

export class RuleReader {
  readonly file: string;
  readonly text: string;
  readonly #places: LinePlaces;
  readonly #problems: RuleProblem[];

  /** Problems go into the given list, which the files of a folder share. */
  constructor(file: string, text: string, problems: RuleProblem[]) {
    this.file = file;
    this.text = text;
    this.#places = new LinePlaces(text);
    this.#problems = problems;
  }

  /** Returns undefined, so that a reader of a value can say `return reader.problem(…)`. */
  problem(at: number, message: string): undefined {
    if (this.#problems.length >= RULE_LIMITS.problems) return undefined;
    this.#problems.push({ ...this.place(at), message });
  }

  place(at: number): Omit<RuleProblem, "message"> {
    return { file: this.file, ...this.#places.place(at) };
  }

  nameOf(node: JsonNode): string {
    return NAME_OF_KIND[node.kind];
  }

  /** The fields of an object by name; those whose key is unknown are told and left out. */
  fields(
    node: JsonNode,
    what: string,
    keys: readonly string[],
    required: readonly string[] = [],
  ): Map<string, JsonNode> | undefined {
    if (node.kind !== "object") return this.problem(node.at, `${what} must be an object, not ${this.nameOf(node)}`);
    const fields = new Map<string, JsonNode>();
    const strangers: string[] = [];
    for (const { key, keyAt, value } of node.entries) {
      if (keys.includes(key)) {
        fields.set(key, value);
        continue;
      }
      strangers.push(key);
      const hint = didYouMean(key, keys) || `; known are ${keys.join(", ")}`;
      this.problem(keyAt, `unknown key ${JSON.stringify(key.slice(0, 80))} in ${what}${hint}`);
    }
    for (const key of required) {
      // A misspelt key was told already: that it is missing too would be noise.
      if (fields.has(key) || strangers.some((stranger) => didYouMean(stranger, [key]) !== "")) continue;
      this.problem(node.at, `${what} needs "${key}"`);
    }
    return fields;
  }

  string(node: JsonNode, what: string, maxLength: number = RULE_LIMITS.textLength): string | undefined {
    if (node.kind !== "text") return this.problem(node.at, `${what} must be a text, not ${this.nameOf(node)}`);
    if (node.value.length <= maxLength) return node.value;
    return this.problem(node.at, `${what} is longer than ${maxLength} characters`);
  }

  number(node: JsonNode, what: string): number | undefined {
    if (node.kind === "number") return node.value;
    return this.problem(node.at, `${what} must be a number, not ${this.nameOf(node)}`);
  }

  /** A number above 0, or from 0 on where `zero` is allowed. */
  positive(node: JsonNode, what: string, zero = false): number | undefined {
    const value = this.number(node, what);
    if (value === undefined || value > 0 || (zero && value === 0)) return value;
    return this.problem(node.at, `${what} must be ${zero ? "0 or more" : "above 0"}, not ${value}`);
  }

  whole(node: JsonNode, what: string, least: number, most: number): number | undefined {
    const value = this.number(node, what);
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return value;
    return this.problem(node.at, `${what} must be a whole number from ${least} to ${most}, not ${value}`);
  }

  /** Milliseconds, at least one. */
  duration(node: JsonNode, what: string): number | undefined {
    const text = node.kind === "text" ? node.value : "";
    // A bare number would be milliseconds elsewhere; in a rule it is more likely to be meant as seconds.
    const ms = /[a-z]\s*$/.test(text) ? parseDuration(text) : undefined;
    if (ms !== undefined && ms >= 1 && ms <= LONGEST_MS) return ms;
    const shown = node.kind === "text" ? JSON.stringify(text.slice(0, 80)) : this.nameOf(node);
    return this.problem(
      node.at,
      `${what} must be a time from "1ms" to "366d", such as "30s", "5m" or "1h", not ${shown}`,
    );
  }

  oneOf<T extends string>(node: JsonNode, what: string, values: readonly T[]): T | undefined {
    const found = node.kind === "text" ? values.find((value) => value === node.value) : undefined;
    if (found !== undefined) return found;
    const hint = node.kind === "text" ? didYouMean(node.value, values) : "";
    return this.problem(node.at, `${what} must be one of ${values.join(", ")}${hint}`);
  }

  measure(node: JsonNode): string | undefined {
    const name = this.string(node, '"measure"');
    if (name === undefined) return undefined;
    if (RESERVED_FIELDS.has(name)) {
      return this.problem(node.at, `"${name}" is no measure; use "flag" or "expression" for the other fields`);
    }
    if (MEASURE_NAME.test(name)) return name;
    const rule = "lower-case letters, digits and _, beginning with a letter, at most 64";
    return this.problem(node.at, `${JSON.stringify(name.slice(0, 80))} cannot be the name of a measure: ${rule}`);
  }
}
