/** From the text of rule files to whole rules, or to every reason why not. Nothing here touches a disk. */

import { canonicalJson, type JsonNode, JsonSyntaxError, parseLocatedJson } from "../../core/outside/located-json.ts";
import type { Severity } from "../../core/reading.ts";
import { SEVERITIES } from "../../core/reading.ts";
import type { Condition } from "../condition.ts";
import { KIND_NAMES, KINDS, type Kind } from "../kinds/all.ts";
import { confirmed, readConfirm } from "../kinds/confirm.ts";
import { type Loaded, RULE_LIMITS, type RuleProblem } from "../rule-set.ts";
import { EVERY_SENSOR, readSelector, type Selector } from "../selector.ts";
import { RuleReader } from "./reader.ts";
import { type RuleTest, readTests } from "./rule-tests.ts";

export type Rule = {
  readonly name: string;
  readonly description: string;
  readonly severity: Severity;
  readonly kind: Kind;
  readonly appliesTo: Selector;
  readonly condition: Condition;
  readonly tests: readonly RuleTest[];
  /** What decides whether a reading breaks it, as canonical JSON: the same for two rules that always find the same. */
  readonly meaning: string;
  /** Where its condition stands. */
  readonly place: Omit<RuleProblem, "message">;
  /** All that was written but `$schema`, as canonical JSON. */
  readonly canonical: string;
};

export type RuleFile = { readonly name: string; readonly text: string };

export const RULE_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
export const RULE_KEYS = [
  "$schema",
  "name",
  "description",
  "severity",
  "applies_to",
  "when",
  "confirm",
  "tests",
] as const;
const REQUIRED = ["name", "when"] as const;
const NOT_CANONICAL: ReadonlySet<string> = new Set(["$schema"]);
const NOT_MEANING: ReadonlySet<string> = new Set(["$schema", "name", "description", "severity", "tests"]);
const DEFAULT_SEVERITY: Severity = "warning";

/** The rules of all files, sorted by name: the order of files and of rules in them means nothing. */
export function readRules(files: readonly RuleFile[]): Loaded<readonly Rule[]> {
  const gathered: Gathered = { problems: [], rules: [], seen: new Map(), testReadings: 0 };
  for (const file of files) readFile(file, gathered);
  const { problems, rules } = gathered;
  if (problems.length > 0) return { refused: problems };
  return { ok: rules.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

type Gathered = {
  readonly problems: RuleProblem[];
  readonly rules: Rule[];
  /** Name to where it was first seen. */
  readonly seen: Map<string, string>;
  testReadings: number;
};

function readFile(file: RuleFile, gathered: Gathered): void {
  const { rules, seen } = gathered;
  const reader = new RuleReader(file.name, file.text, gathered.problems);
  if (Buffer.byteLength(file.text) > RULE_LIMITS.fileBytes) {
    reader.problem(0, `a rule file must not be larger than ${RULE_LIMITS.fileBytes} bytes`);
    return;
  }
  const root = parsed(reader);
  if (root === undefined) return;
  if (root.kind !== "object" && root.kind !== "array") {
    reader.problem(root.at, `a rule file holds a rule or a list of rules, not ${reader.nameOf(root)}`);
    return;
  }
  for (const node of root.kind === "array" ? root.items : [root]) {
    if (seen.size >= RULE_LIMITS.rules) {
      reader.problem(node.at, `more than ${RULE_LIMITS.rules} rules`);
      return;
    }
    const rule = readRule(node, reader, seen);
    if (rule === undefined) continue;
    rules.push(rule);
    gathered.testReadings += rule.tests.reduce((sum, test) => sum + test.readings.length, 0);
    if (gathered.testReadings > RULE_LIMITS.setTestReadings) {
      reader.problem(node.at, `more than ${RULE_LIMITS.setTestReadings} readings in the tests of all rules`);
      return;
    }
  }
}

function parsed(reader: RuleReader): JsonNode | undefined {
  try {
    return parseLocatedJson(reader.text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return reader.problem(error.at, error.message);
  }
}

function readRule(node: JsonNode, reader: RuleReader, seen: Map<string, string>): Rule | undefined {
  const fields = reader.fields(node, "a rule", RULE_KEYS, REQUIRED);
  if (fields === undefined) return undefined;
  const field = <T>(key: (typeof RULE_KEYS)[number], fallback: T, read: (value: JsonNode) => T | undefined) => {
    const value = fields.get(key);
    return value === undefined ? fallback : read(value);
  };
  field("$schema", "", (value) => reader.string(value, '"$schema"'));
  const name = field("name", undefined, (value) => readName(value, reader, seen));
  const description = field("description", "", (value) => reader.string(value, '"description"'));
  const severity = field("severity", DEFAULT_SEVERITY, (value) => reader.oneOf(value, '"severity"', SEVERITIES));
  const appliesTo = field("applies_to", EVERY_SENSOR, (value) => readSelector(value, reader));
  const when = field("when", undefined, (value) => readWhen(value, reader));
  const confirm = field("confirm", null, (value) => readConfirm(value, reader));
  const tests = field("tests", [], (value) => readTests(value, reader));
  if (name === undefined || when === undefined || appliesTo === undefined || tests === undefined) return undefined;
  if (description === undefined || severity === undefined || confirm === undefined) return undefined;
  const condition = confirm === null ? when.condition : confirmed(when.condition, confirm);
  return {
    name,
    description,
    severity,
    appliesTo,
    kind: when.kind,
    condition,
    tests,
    canonical: canonicalJson(node, NOT_CANONICAL),
    meaning: canonicalJson(node, NOT_MEANING),
    place: reader.place((fields.get("when") ?? node).at),
  };
}

function readName(node: JsonNode, reader: RuleReader, seen: Map<string, string>): string | undefined {
  const name = reader.string(node, '"name"');
  if (name === undefined) return undefined;
  if (!RULE_NAME.test(name)) {
    const shown = JSON.stringify(name.slice(0, 80));
    const shape = "lower-case letters, digits and -, beginning with a letter or a digit, at most 64";
    return reader.problem(node.at, `${shown} cannot be the name of a rule: ${shape}`);
  }
  const first = seen.get(name);
  if (first !== undefined) return reader.problem(node.at, `another rule in ${first} is named "${name}" too`);
  seen.set(name, reader.file);
  return name;
}

function readWhen(node: JsonNode, reader: RuleReader): { kind: Kind; condition: Condition } | undefined {
  const fields = reader.fields(node, '"when"', KIND_NAMES);
  if (fields === undefined) return undefined;
  if (node.kind === "object" && node.entries.length !== 1) {
    return reader.problem(node.at, `"when" must hold exactly one condition of ${KIND_NAMES.join(", ")}`);
  }
  for (const [key, value] of fields) {
    // `fields` let only the names of kinds through.
    const kind = key as Kind;
    const condition = KINDS[kind].read(value, reader);
    return condition && { kind, condition };
  }
  return undefined;
}
