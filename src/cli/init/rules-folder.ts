/** The folder of rules of a new agent: all shipped rules, or what is there already. */
import { hasRuleFiles } from "../../rules/files/folder-names.ts";
import { SHIPPED_COUNT } from "../../rules/files/shipped.ts";
import type { Outcome } from "./new-file.ts";
import { writeShippedRules } from "./shipped-rules.ts";

export type FolderWritten = { readonly file: string; readonly outcome: Outcome; readonly about: string };

/** A folder with rules of its own is left alone: more rules would judge what they were not meant for. */
export function startRules(path: string, dir: string): FolderWritten {
  const file = `${dir}/`;
  if (hasRuleFiles(path)) return { file, outcome: "kept", about: "it had rule files, and is as it was" };
  const files = writeShippedRules(path, dir);
  return { file, outcome: "written", about: `the ${SHIPPED_COUNT} rules in the binary, in ${files.length} files` };
}
