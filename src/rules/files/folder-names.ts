/** Which entries of a rules folder are rule files, and which look like one but are not read. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../core/errors.ts";

/** Where rules are looked for when no setting names a folder. */
export const DEFAULT_RULES_DIR = "rules";

/** Visible `*.json` files of the folder itself. Throws where it cannot be read. */
export function ruleFileNames(dir: string): string[] {
  return readdirSync(dir).filter(isRuleFile).toSorted();
}

/** Whether there is a rule file in a folder, good or bad; also true where that cannot be known. */
export function hasRuleFiles(dir: string): boolean {
  try {
    return ruleFileNames(dir).length > 0;
  } catch (error) {
    return codeOf(error) !== "ENOENT";
  }
}

function isRuleFile(name: string): boolean {
  return name.endsWith(".json") && !name.startsWith(".");
}

/** A file in a format that is not read, or with an ending of ours in other letters. */
const LOOKS_LIKE = /\.(json|ya?ml|jsonc|json5|ndjson|jsonl|toml)$/i;

/** Entries that a person may take for rule files: `a.yaml`, `a.JSON`, a folder. Empty where the folder cannot be read. */
export function doubtfulNames(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith(".") && !isRuleFile(entry.name))
      .filter((entry) => entry.isDirectory() || LOOKS_LIKE.test(entry.name))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .toSorted();
  } catch {
    return [];
  }
}

/** Entries of `dir` that hold rules which are not read, with why. A folder counts when it has a file that looks like rules. */
export function ignoredEntries(dir: string): readonly { readonly name: string; readonly message: string }[] {
  return doubtfulNames(dir).flatMap((name) => {
    if (!name.endsWith("/")) return [{ name, message: "this file is ignored: rules are in files that end in .json" }];
    const folder = join(dir, name);
    if (rulesIn(folder) === 0 && doubtfulNames(folder).every((inner) => inner.endsWith("/"))) return [];
    return [{ name, message: "this folder is ignored: rule files are in the rules folder itself" }];
  });
}

function rulesIn(dir: string): number {
  try {
    return ruleFileNames(dir).length;
  } catch {
    return 0;
  }
}
