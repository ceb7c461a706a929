/** The demo's rules are files of its own, since its page edits them: copies of those in `./rules`, else of those in the binary. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { DEFAULT_RULES_DIR, hasRuleFiles, ruleFileNames } from "../rules/files/folder-names.ts";
import { writeShippedRules } from "./init/shipped-rules.ts";

/** `shown`: the folder as the user reads it. */
export function writeDemoRules(shown: string, cwd: string): void {
  const path = resolve(cwd, shown);
  const given = resolve(cwd, DEFAULT_RULES_DIR);
  if (!hasRuleFiles(given)) {
    writeShippedRules(path, shown);
    return;
  }
  mkdirSync(path, { recursive: true });
  for (const name of ruleFileNames(given)) copyFileSync(join(given, name), join(path, name));
}
