/** Reads the values of one rule file and keeps every problem with its place: nothing stops at the first. */

import { didYouMean } from "../core/did-you-mean.ts";
import { type JsonNode, LinePlaces } from "../core/located-json.ts";
import { IDENTITY_COLUMNS } from "../core/sensor.ts";
import { RULE_LIMITS, type RuleProblem } from "./rule-set.ts";

/** What a sensor says of a reading beside its measures. */
export const LABEL_FIELDS = ["status_code", "anomaly_flag", "anomaly_type"] as const;
export type LabelField = (typeof LABEL_FIELDS)[number];
export const IDENTITY_NAMES: readonly string[] = IDENTITY_COLUMNS;
/** Names that a measure cannot have. */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set([...IDENTITY_COLUMNS, ...LABEL_FIELDS, "timestamp"]);
export const MEASURE_NAME = /^[a-z][a-z0-9_]{0,63}$/;

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
