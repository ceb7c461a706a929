import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readRules } from "./files/rule.ts";
import { SHIPPED_FILES } from "./files/shipped.ts";

type Schema = {
  readonly [keyword: string]: unknown;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
};

const root: Schema = JSON.parse(readFileSync(join(import.meta.dir, "../../docs/schema/rule.schema.json"), "utf8"));
const defs = root.$defs!;
const ANNOTATIONS = ["$schema", "$id", "$defs", "title", "description", "default"];

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** The few keywords of JSON Schema that the file uses; any other fails the test. */
const KEYWORDS: Record<string, (schema: Schema, value: unknown) => boolean> = {
  $ref: ({ $ref = "" }, value) => accepts(defs[$ref.replace("#/$defs/", "")]!, value),
  type: ({ type = [] }, value) =>
    [type].flat().some((name) => name === typeOf(value) || (name === "integer" && Number.isInteger(value))),
  minimum: ({ minimum }, value) => typeof value !== "number" || value >= Number(minimum),
  maximum: ({ maximum }, value) => typeof value !== "number" || value <= Number(maximum),
  exclusiveMinimum: (schema, value) => typeof value !== "number" || value > Number(schema["exclusiveMinimum"]),
  exclusiveMaximum: (schema, value) => typeof value !== "number" || value < Number(schema["exclusiveMaximum"]),
  enum: (schema, value) => schema.enum!.includes(value),
  pattern: ({ pattern = "" }, value) => typeof value !== "string" || new RegExp(pattern, "u").test(value),
  maxLength: ({ maxLength }, value) => typeof value !== "string" || [...value].length <= Number(maxLength),
  required: ({ required = [] }, value) => typeOf(value) !== "object" || required.every((key) => key in Object(value)),
  minProperties: ({ minProperties }, value) => Object.keys(Object(value)).length >= Number(minProperties),
  maxProperties: ({ maxProperties }, value) => Object.keys(Object(value)).length <= Number(maxProperties),
  minItems: ({ minItems }, value) => !Array.isArray(value) || value.length >= Number(minItems),
  maxItems: ({ maxItems }, value) => !Array.isArray(value) || value.length <= Number(maxItems),
  items: ({ items }, value) => !Array.isArray(value) || value.every((item) => accepts(items!, item)),
  anyOf: ({ anyOf = [] }, value) => anyOf.some((schema) => accepts(schema, value)),
  oneOf: ({ oneOf = [] }, value) => oneOf.filter((schema) => accepts(schema, value)).length === 1,
  propertyNames: ({ propertyNames }, value) => Object.keys(Object(value)).every((key) => accepts(propertyNames!, key)),
  properties: ({ properties = {} }, value) =>
    typeOf(value) !== "object" ||
    Object.entries(Object(value)).every(([key, field]) => !(key in properties) || accepts(properties[key]!, field)),
  additionalProperties: ({ additionalProperties, properties = {} }, value) =>
    typeOf(value) !== "object" ||
    Object.entries(Object(value)).every(([key, field]) => {
      if (key in properties) return true;
      return typeof additionalProperties === "object" ? accepts(additionalProperties, field) : additionalProperties;
    }),
};

function accepts(schema: Schema, value: unknown): boolean {
  return Object.keys(schema)
    .filter((keyword) => !ANNOTATIONS.includes(keyword))
    .every((keyword) => KEYWORDS[keyword]!(schema, value));
}

const rule = (fields: object): object => ({ name: "r", when: { range: { measure: "m", min: 1 } }, ...fields });
const when = (condition: object): object => rule({ when: condition });
const CASES: readonly [file: unknown, accepted: boolean][] = [
  ...Object.values(SHIPPED_FILES).map((file): [unknown, boolean] => [file, true]),
  [rule({}), true],
  [[rule({}), rule({ name: "b" })], true],
  [[], true],
  [7, false],
  [[7], false],
  [{ name: "r" }, false],
  [rule({ name: undefined }), false],
  [rule({ name: "R" }), false],
  [rule({ name: "a".repeat(65) }), false],
  [rule({ description: 1 }), false],
  [rule({ description: "x".repeat(1_025) }), false],
  [rule({ severity: "critical" }), true],
  [rule({ severity: "fatal" }), false],
  [rule({ $schema: "x" }), true],
  [rule({ enabled: true }), false],
  [rule({ applies_to: { location: ["a", "b*"], latitude: 5 } }), true],
  [rule({ applies_to: {} }), false],
  [rule({ applies_to: { location: [] } }), false],
  [rule({ applies_to: { latitude: "5" } }), false],
  [rule({ applies_to: { temperature: 5 } }), false],
  [rule({ when: {} }), false],
  [rule({ when: { range: { measure: "m" } } }), false],
  [rule({ when: { range: { measure: "M", max: 1 } } }), false],
  [rule({ when: { range: { measure: "m", max: "1" } } }), false],
  [rule({ when: { range: { max: 1 } } }), false],
  [rule({ when: { range: { measure: "m", max: 1, maximum: 1 } } }), false],
  [rule({ when: { range: { measure: "m", max: 1 }, expression: "m > 1.0" } }), false],
  [rule({ when: { flag: { field: "anomaly_type", equals: "spike" } } }), true],
  [rule({ when: { flag: { field: "anomaly_flag" } } }), false],
  [rule({ when: { flag: { field: "anomaly_flag", equals: true } } }), false],
  [rule({ when: { expression: "m > 1.0" } }), true],
  [rule({ when: { expression: 5 } }), false],
  [when({ range: { measure: "m", max: 1, deadband: 0.5, overrides: [] } }), true],
  [when({ range: { measure: "m", max: 1, overrides: [{ applies_to: { model: "x*" }, min: 1 }] } }), true],
  [when({ range: { measure: "m", max: 1, overrides: [{ applies_to: { model: "x*" } }] } }), false],
  [when({ range: { measure: "m", max: 1, overrides: [{ max: 2 }] } }), false],
  [when({ range: { measure: "m", max: 1, deadband: -1 } }), false],
  [when({ rate: { measure: "m", max_change: 5, per: "1h", over: "10m" } }), true],
  [when({ rate: { measure: "m", max_change: 5 } }), false],
  [when({ rate: { measure: "m", max_change: 5, per: "1 hour" } }), false],
  [when({ rate: { measure: "m", max_change: 5, per: 60 } }), false],
  [when({ stuck: { measure: "m" } }), false],
  [when({ stuck: { measure: "m", for: "30m", tolerance: 0.01 } }), true],
  [when({ stuck: { measure: "m", readings: 8, times_usual: 6, above: 0, below: 9 } }), true],
  [when({ stuck: { measure: "m", readings: 1 } }), false],
  [when({ stuck: { measure: "m", readings: 2.5 } }), false],
  [when({ stuck: { measure: "m", for: "30m", tolerance: -1 } }), false],
  [when({ gap: { longer_than: "5m" } }), true],
  [when({ gap: {} }), false],
  [when({ missing: { measures: ["m", "n"], after: 5 } }), true],
  [when({ missing: { measures: [] } }), false],
  [when({ missing: { measures: ["M"] } }), false],
  [when({ spike: { measure: "m", window: 30, threshold: 6, min_deviation: 0.5 } }), true],
  [when({ spike: { measure: "m", window: 4, threshold: 6 } }), false],
  [when({ spike: { measure: "m", window: 201, threshold: 6 } }), false],
  [when({ spike: { measure: "m", window: 30, threshold: 0 } }), false],
  [when({ spike: { measure: "m", window: 30 } }), false],
  [when({ drift: { measure: "m", baseline: 100, threshold: 20, slack: 0, deviation: 1 } }), true],
  [when({ drift: { measure: "m", baseline: 9, threshold: 20 } }), false],
  [when({ drift: { measure: "m", baseline: 100, threshold: 20, slack: 4 } }), false],
  [when({ disagrees: { measure: "m", group_by: "location", max_difference: 3, at_least: 3, within: "30s" } }), true],
  [when({ disagrees: { measure: "m", group_by: "place", max_difference: 3 } }), false],
  [when({ disagrees: { measure: "m", group_by: "location", max_difference: 3, at_least: 64 } }), false],
  [rule({ confirm: { at_least: 3, of: 5 } }), true],
  [rule({ confirm: { at_least: 3 } }), false],
  [rule({ confirm: { at_least: 3, of: 51 } }), false],
  [rule({ tests: [{ readings: [{ m: 1 }, { m: 1, timestamp: "2026-01-01T00:00:00Z" }], breaks: false }] }), true],
  [rule({ tests: [{ readings: [{ repeat: 3, readings: [{ m: 1 }] }, { m: 0 }], every: "5s", breaks: true }] }), true],
  [rule({ tests: [{ readings: [{ m: 1 }, { m: 0 }], breaks: [false, true] }] }), true],
  [rule({ tests: [{ readings: [], breaks: false }] }), false],
  [rule({ tests: [{ readings: [{ repeat: 0, readings: [{ m: 1 }] }], breaks: false }] }), false],
  [rule({ tests: [{ readings: [{ m: 1 }], breaks: ["yes"] }] }), false],
  [rule({ tests: [{ breaks: false }] }), false],
  [rule({ tests: [{ reading: { m: 2, location: "x", anomaly_flag: null }, breaks: false }] }), true],
  [rule({ tests: [{ reading: { m: "2" }, breaks: false }] }), false],
  [rule({ tests: [{ reading: { M: 2 }, breaks: false }] }), false],
  [rule({ tests: [{ reading: { anomaly_flag: 2 }, breaks: false }] }), false],
  [rule({ tests: [{ reading: { status_code: 1.5 }, breaks: false }] }), false],
  [rule({ tests: [{ reading: { location: 2 }, breaks: false }] }), false],
  [rule({ tests: [{ reading: { m: 2 } }] }), false],
  [rule({ tests: {} }), false],
  [rule({ tests: [{ reading: { m: 2 }, readings: [{ m: 2 }], breaks: false }] }), false],
  [when({ range: { measure: "m", max: 1e300, min: -1e300 } }), true],
  [when({ stuck: { measure: "m", readings: 8, times_usual: 0 } }), false],
];

test("the schema accepts and refuses what the parser accepts and refuses", () => {
  for (const [file, accepted] of CASES) {
    const text = JSON.stringify(file);
    const parser = "ok" in readRules([{ name: "r.json", text }]);
    expect({ text, schema: accepts(root, JSON.parse(text)), parser }).toEqual({
      text,
      schema: accepted,
      parser: accepted,
    });
  }
});

test("each shipped rule file points editors to the schema, where its form allows", () => {
  for (const [name, file] of Object.entries(SHIPPED_FILES)) {
    if (Array.isArray(file)) continue;
    expect([name, Object(file).$schema]).toEqual([name, "../docs/schema/rule.schema.json"]);
  }
});
