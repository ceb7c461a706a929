/** Which rules a command looks at: the folder that was named, else `./rules`, else those in the binary (null). */

import { existsSync, readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf, messageOf, UsageError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import { DEFAULT_RULES_DIR } from "../../rules/files/folder-names.ts";

/** The folder as the user wrote it. Throws a UsageError for a folder that cannot be read; its files are another matter. `command` takes a folder behind it. */
export function rulesFolder(named: string | null, cwd: string, command: string): string | null {
  const dir = named ?? (existsSync(resolve(cwd, DEFAULT_RULES_DIR)) ? DEFAULT_RULES_DIR : null);
  const problem = dir === null ? null : folderProblem(dir, cwd);
  if (dir === null || problem === null) return dir;
  throw new UsageError(problem.message, {
    tryHint: problem.isFile ? `${command} ${shellWord(dirname(dir))}` : command.replace(/ --rules$/, ""),
  });
}

/** Why a folder of rules cannot be read, or null. */
export function folderProblem(dir: string, cwd: string): { readonly message: string; readonly isFile: boolean } | null {
  try {
    readdirSync(resolve(cwd, dir));
    return null;
  } catch (error) {
    const code = codeOf(error);
    const reasons: Record<string, string> = {
      ENOENT: "there is no such folder",
      ENOTDIR: "it is a file, not a folder",
    };
    const reason = reasons[code ?? ""] ?? messageOf(error);
    return { message: `Cannot read the rules folder "${dir}": ${reason}`, isFile: code === "ENOTDIR" };
  }
}
