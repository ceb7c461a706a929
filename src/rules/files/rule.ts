/** From the text of rule files to whole rules, or to every reason why not. Nothing here touches a disk. */
import { about, either, made, named } from "../../core/outside/composed-shapes.ts";
import { type JsonPlaces, type ReadText, readJsonText } from "../../core/outside/json-file.ts";
import { canonicalJson } from "../../core/outside/located-json.ts";
import { oneOf, shortText, text } from "../../core/outside/scalar-shapes.ts";
import { isObject, join, list, object, optional, type Shape } from "../../core/outside/shape.ts";
import { SEVERITIES, type Severity } from "../../core/reading.ts";
import { finished } from "../../core/time/steps.ts";
import type { Condition } from "../condition.ts";
import { KIND_NAMES, KINDS, type Kind } from "../kinds/all.ts";
import { CONFIRM, confirmed } from "../kinds/confirm.ts";
import { type Loaded, RULE_LIMITS, type RuleProblem } from "../rule-set.ts";
import { APPLIES_TO, EVERY_SENSOR, type Selector } from "../selector.ts";
import { type RuleTest, TESTS } from "./rule-tests.ts";

/** A rule as its shape reads it. */
type WrittenRule = {
  readonly name: string;
  readonly description: string;
  readonly severity: Severity;
  readonly kind: Kind;
  readonly appliesTo: Selector;
  readonly condition: Condition;
  readonly tests: readonly RuleTest[];
  /** What decides whether a reading breaks it, as canonical JSON: the same for two rules that always find the same. */
  readonly meaning: string;
  /** All that was written but `$schema`, as canonical JSON. */
  readonly canonical: string;
  /** Where it is in its file: `[3]`, empty where the file is one rule. */
  readonly path: string;
};

/** `places`: of its file. */
export type Rule = WrittenRule & { readonly places: JsonPlaces };

/** The place of a rule's condition. */
export function placeOfCondition({ places, path }: Rule): Omit<RuleProblem, "message"> {
  return places.of(join(path, "when"));
}

export type RuleFile = { readonly name: string; readonly text: string };

const RULE_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const NAME_EXPECTED = "a name of lower-case letters, digits and -, beginning with a letter or a digit, at most 64";
const TEXT = shortText(RULE_LIMITS.textLength);
const NOT_CANONICAL: ReadonlySet<string> = new Set(["$schema"]);
const NOT_MEANING: ReadonlySet<string> = new Set(["$schema", "name", "description", "severity", "tests"]);

type When = { readonly kind: Kind; readonly condition: Condition };

/** Exactly one condition, by its kind. */
const WHEN: Shape<When> = named(
  "when",
  about(
    made(
      object(Object.fromEntries(KIND_NAMES.map((kind) => [kind, optional(named(kind, KINDS[kind]))])), undefined, {
        of: KIND_NAMES,
        what: `must hold exactly one condition of ${KIND_NAMES.join(", ")}`,
        only: true,
      }),
      (conditions) => {
        for (const kind of KIND_NAMES) {
          const condition = conditions[kind];
          if (condition !== undefined) return { kind, condition };
        }
        return undefined;
      },
    ),
    "The condition that breaks the rule",
  ),
);

const RULE: Shape<WrittenRule> = named(
  "rule",
  made(
    object({
      $schema: about(optional(TEXT), "Where this schema is, for editors; it is not a part of the rule"),
      name: about(text(RULE_NAME, NAME_EXPECTED), "Unique over all files"),
      description: about(
        optional(TEXT, ""),
        "For people: what is wrong when the rule is broken, and where the limit comes from",
      ),
      severity: about(optional<Severity>(oneOf(SEVERITIES), "warning"), "How bad it is", "warning"),
      applies_to: optional(APPLIES_TO, EVERY_SENSOR),
      when: WHEN,
      confirm: optional(CONFIRM),
      tests: about(optional(TESTS, []), "Run before the rule is accepted"),
    }),
    ({ name, description, severity, applies_to: appliesTo, when, confirm, tests }, { raw, path }) => ({
      name,
      description,
      severity,
      kind: when.kind,
      appliesTo,
      condition: confirm === undefined ? when.condition : confirmed(when.condition, confirm),
      tests,
      meaning: canonicalJson(raw, NOT_MEANING),
      canonical: canonicalJson(raw, NOT_CANONICAL),
      path,
    }),
  ),
);

/** A rule file; docs/schema/rule.schema.json is its JSON Schema. */
export const RULE_FILE: Shape<readonly WrittenRule[]> = either<readonly WrittenRule[], readonly WrittenRule[]>(
  Array.isArray,
  list(RULE, { least: 0, most: RULE_LIMITS.rules }),
  made(RULE, (rule) => [rule]),
);

/** The rules of all files, sorted by name: the order of files and of rules in them means nothing. */
export function readRules(files: readonly RuleFile[]): Loaded<readonly Rule[]> {
  return finished(readRulesInSteps(files));
}

/** The same, a file at a step. */
export function* readRulesInSteps(files: readonly RuleFile[]): Generator<void, Loaded<readonly Rule[]>> {
  const gathered: Gathered = { problems: [], rules: [], seen: new Map() };
  for (const file of files) {
    readFile(file, gathered);
    if (gathered.problems.length >= RULE_LIMITS.problems) break;
    yield;
  }
  const { problems, rules } = gathered;
  if (problems.length > 0) return { refused: problems.slice(0, RULE_LIMITS.problems) };
  const tooMany = beyondLimits(rules);
  if (tooMany !== undefined) return { refused: [tooMany] };
  return { ok: rules.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

type Gathered = {
  readonly problems: RuleProblem[];
  readonly rules: Rule[];
  /** Name to the file where it was first seen. */
  readonly seen: Map<string, string>;
};

function readFile({ name, text: source }: RuleFile, { problems, rules, seen }: Gathered): void {
  if (Buffer.byteLength(source) > RULE_LIMITS.fileBytes) {
    const message = `a rule file must not be larger than ${RULE_LIMITS.fileBytes} bytes`;
    problems.push({ file: name, line: 1, column: 1, message });
    return;
  }
  const read = readJsonText(RULE_FILE, source, name);
  const found = [...("refused" in read ? read.refused : []), ...repeatedNames(read, seen)];
  problems.push(...found.toSorted((a, b) => a.line - b.line || a.column - b.column));
  if ("ok" in read) rules.push(...read.ok.map((rule) => ({ ...rule, places: read.places })));
}

/** Of a file that was refused too, so that all is reported at once. */
function repeatedNames({ plain, places }: ReadText<unknown>, seen: Map<string, string>): readonly RuleProblem[] {
  const named = Array.isArray(plain)
    ? plain.map((rule: unknown, i) => ({ rule, path: `[${i}].name` }))
    : [{ rule: plain, path: "name" }];
  return named.flatMap(({ rule, path }) => {
    const name = isObject(rule) ? rule["name"] : undefined;
    if (typeof name !== "string" || !RULE_NAME.test(name)) return [];
    const first = seen.get(name);
    if (first === undefined) seen.set(name, places.file);
    return first === undefined
      ? []
      : [{ ...places.of(path), message: `another rule in ${first} is named "${name}" too` }];
  });
}

function beyondLimits(rules: readonly Rule[]): RuleProblem | undefined {
  let readings = 0;
  for (const [i, { tests, places, path }] of rules.entries()) {
    if (i >= RULE_LIMITS.rules) return { ...places.of(path), message: `more than ${RULE_LIMITS.rules} rules` };
    readings += tests.reduce((sum, test) => sum + test.sequence.count, 0);
    if (readings <= RULE_LIMITS.setTestReadings) continue;
    const message = `more than ${RULE_LIMITS.setTestReadings} readings in the tests of all rules`;
    return { ...places.of(path), message };
  }
  return undefined;
}
