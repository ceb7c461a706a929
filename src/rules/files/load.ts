/** Reads a folder of rule files: whole and passing its own tests, or not at all. */
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { readJsonFileText } from "../../core/outside/file-text.ts";
import type { SensorCatalogue } from "../../core/sensor.ts";
import { finished } from "../../core/time/steps.ts";
import { compileRules } from "../compile.ts";
import { type Loaded, RULE_LIMITS, type RuleProblem, type RuleSet, type RuleWarning } from "../rule-set.ts";
import { ignoredEntries, ruleFileNames } from "./folder-names.ts";
import { type Rule, type RuleFile, readRules, readRulesInSteps } from "./rule.ts";
import { failedTests } from "./run-tests.ts";

/** Files in a folder; one file can hold many rules. */
const MAX_FILES = RULE_LIMITS.rules;

/**
 * The rules of every `*.json` in the folder (not in folders below it, no hidden ones), or every reason why they are refused.
 * Problems name their files under `shownAs`: the folder as the user wrote it.
 */
export function loadRules(dir: string, catalogue: SensorCatalogue, shownAs = dir): Loaded<RuleSet> {
  const rules = readRulesFolder(dir, shownAs);
  return "refused" in rules ? rules : admitRules(rules.ok, catalogue, ignoredIn(dir, shownAs));
}

/** The same from texts that are already here, such as a set that was stored as canonical JSON. */
export function loadRuleTexts(files: readonly RuleFile[], catalogue: SensorCatalogue): Loaded<RuleSet> {
  const rules = readRules(files);
  return "refused" in rules ? rules : admitRules(rules.ok, catalogue);
}

/** The rules of a folder, valid but not yet tested. */
export function readRulesFolder(dir: string, shownAs = dir): Loaded<readonly Rule[]> {
  return finished(readFolderInSteps({ dir, shownAs }));
}

/** A folder, and one of its files (by its name there) as it would be, or one that it would have more. */
export type EditedFolder = { readonly dir: string; readonly shownAs: string; readonly edit?: RuleFile };

/** The same as `readRulesFolder`, a file at a step. */
export function* readFolderInSteps(folder: EditedFolder): Generator<void, Loaded<readonly Rule[]>> {
  const { files, problems } = yield* readFiles(folder);
  const rules = yield* readRulesInSteps(files);
  // The readable files may have problems of their own: all are reported at once.
  if (problems.length > 0) return { refused: "refused" in rules ? [...problems, ...rules.refused] : problems };
  if ("refused" in rules || rules.ok.length > 0) return rules;
  return { refused: [folderProblem(folder.shownAs, "there is no rule in its files")] };
}

function admitRules(
  rules: readonly Rule[],
  catalogue: SensorCatalogue,
  ignored: readonly RuleWarning[] = [],
): Loaded<RuleSet> {
  const failed = rules.flatMap(failedTests).slice(0, RULE_LIMITS.problems);
  return failed.length > 0 ? { refused: failed } : { ok: compileRules(rules, catalogue, ignored) };
}

type ReadFiles = { readonly files: readonly RuleFile[]; readonly problems: readonly RuleProblem[] };

function* readFiles({ dir, shownAs, edit }: EditedFolder): Generator<void, ReadFiles> {
  const files: RuleFile[] = [];
  const problems: RuleProblem[] = [];
  try {
    const names = [...new Set([...ruleFileNames(dir), ...(edit === undefined ? [] : [edit.name])])].toSorted();
    if (names.length === 0) problems.push(folderProblem(shownAs, `there is no *.json file in it${onlyIgnored(dir)}`));
    if (names.length > MAX_FILES) problems.push(folderProblem(shownAs, `there are more than ${MAX_FILES} files in it`));
    for (const name of names.slice(0, MAX_FILES)) {
      const file =
        name === edit?.name
          ? { ok: { name: join(shownAs, name), text: edit.text } }
          : readFile(join(dir, name), join(shownAs, name));
      if ("refused" in file) problems.push(...file.refused);
      else files.push(file.ok);
      yield;
    }
  } catch (error) {
    problems.push(folderProblem(shownAs, messageOf(error)));
  }
  return { files, problems };
}

function readFile(path: string, shownAs: string): Loaded<RuleFile> {
  const refuse = (message: string): Loaded<RuleFile> => ({ refused: [{ file: shownAs, line: 1, column: 1, message }] });
  try {
    return { ok: { name: shownAs, text: readJsonFileText(path, RULE_LIMITS.fileBytes) } };
  } catch (error) {
    return refuse(`Cannot read rule file: ${messageOf(error)}`);
  }
}

export function ignoredIn(dir: string, shownAs: string): readonly RuleWarning[] {
  return ignoredEntries(dir).map(({ name, message }) => {
    return { file: join(shownAs, name), line: 1, column: 1, message, idle: false };
  });
}

function onlyIgnored(dir: string): string {
  const names = ignoredEntries(dir).map(({ name }) => name);
  return names.length === 0 ? "" : `; ignored: ${names.slice(0, 10).join(", ")}`;
}

function folderProblem(dir: string, cause: string): RuleProblem {
  return { file: dir, line: 1, column: 1, message: `Cannot read rules folder: ${cause}` };
}
