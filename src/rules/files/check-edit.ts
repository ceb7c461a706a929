/** One file of a rules folder as it would be with another text: what the running agent would say of the folder then. */
import { join } from "node:path";
import type { Profile } from "../../core/profile.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { compileRules } from "../compile.ts";
import { type Loaded, RULE_LIMITS, type RuleProblem, type RuleWarning } from "../rule-set.ts";
import { type EditedFolder, ignoredIn, readFolderInSteps } from "./load.ts";
import { placeOfCondition, type Rule, type RuleFile, readRulesInSteps } from "./rule.ts";
import { failedTests, type TestResult, testResults } from "./run-tests.ts";

export type EditCheck = {
  /**
   * `in-force`: the folder would be taken in. `others-refused`: the file is right, and the folder is refused before and after for
   * the same problems of other files. `refused`: the file must not be written.
   */
  readonly outcome: "in-force" | "others-refused" | "refused";
  readonly problems: readonly RuleProblem[];
  readonly warnings: readonly RuleWarning[];
  /** The rules of the edited file with their tests; empty where it cannot be read. */
  readonly rules: readonly CheckedRule[];
  /** Of the whole folder; null where it would be refused. */
  readonly set: { readonly version: string; readonly count: number } | null;
  /** All rules of the folder, valid and tested; null where it would be refused. */
  readonly all: readonly Rule[] | null;
};
export type CheckedRule = { readonly rule: Rule; readonly tests: readonly TestResult[] };

export type EditToCheck = Required<EditedFolder> & { readonly profiles: readonly Profile[] };

/** A file or a rule at a step. */
export function* checkEdit({ dir, shownAs, edit, profiles }: EditToCheck): Generator<void, EditCheck> {
  const shownFile = join(shownAs, edit.name);
  const own = yield* checkAlone({ name: shownFile, text: edit.text });
  const loaded = yield* loadInSteps({ dir, shownAs, edit });
  if ("ok" in loaded) {
    const set = compileRules(loaded.ok, new SensorCatalogue(), ignoredIn(dir, shownAs));
    return {
      outcome: "in-force",
      problems: [],
      warnings: set.warnings(profiles),
      rules: own.rules,
      set: { version: set.version, count: set.names.length },
      all: loaded.ok,
    };
  }
  const problems = allProblems([...own.problems, ...loaded.refused]);
  const isRight = own.problems.length === 0 && problems.every(({ file }) => file !== shownFile);
  const isNoWorse = isRight && isWithin(problems, yield* loadInSteps({ dir, shownAs }));
  const outcome = isNoWorse ? "others-refused" : "refused";
  return { outcome, problems, warnings: [], rules: own.rules, set: null, all: null };
}

/** The file by itself: its tests run also where another file is refused. */
function* checkAlone(
  file: RuleFile,
): Generator<void, { readonly rules: readonly CheckedRule[]; readonly problems: readonly RuleProblem[] }> {
  const read = yield* readRulesInSteps([file]);
  if ("refused" in read) return { rules: [], problems: read.refused };
  const rules: CheckedRule[] = [];
  for (const rule of read.ok) {
    rules.push({ rule, tests: testResults(rule) });
    yield;
  }
  const problems = rules.flatMap(({ tests }) => tests.flatMap(({ problem }) => problem ?? []));
  return { rules: rules.toSorted((a, b) => lineOf(a.rule) - lineOf(b.rule)), problems };
}

function* loadInSteps(folder: EditedFolder): Generator<void, Loaded<readonly Rule[]>> {
  const rules = yield* readFolderInSteps(folder);
  if ("refused" in rules) return rules;
  const failed: RuleProblem[] = [];
  for (const rule of rules.ok) {
    failed.push(...failedTests(rule));
    yield;
  }
  return failed.length > 0 ? { refused: failed.slice(0, RULE_LIMITS.problems) } : rules;
}

function lineOf(rule: Rule): number {
  return placeOfCondition(rule).line;
}

/** Each once, in their order. */
function allProblems(problems: readonly RuleProblem[]): readonly RuleProblem[] {
  return [...new Map(problems.map((problem) => [keyOf(problem), problem])).values()].slice(0, RULE_LIMITS.problems);
}

function isWithin(problems: readonly RuleProblem[], before: Loaded<unknown>): boolean {
  const known = new Set("refused" in before ? before.refused.map(keyOf) : []);
  return problems.every((problem) => known.has(keyOf(problem)));
}

function keyOf({ file, line, column, message }: RuleProblem): string {
  return JSON.stringify([file, line, column, message]);
}
