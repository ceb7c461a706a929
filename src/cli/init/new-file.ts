/** Files that a person edits later: written where there is none, and never over one. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { AgentError, codeOf, messageOf, UsageError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";

/** "kept": something of that name is there, be it a file, a folder or a link, and stays as it is. */
export type Outcome = "written" | "kept";

export type NewFile = {
  readonly path: string;
  /** The path as the user would write it. */
  readonly shownAs: string;
  readonly text: string;
  /** Only the owner may read it. */
  readonly secret?: boolean;
};

export function writeNew({ path, shownAs, text, secret = false }: NewFile): Outcome {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: "wx", mode: secret ? 0o600 : 0o644 });
    return "written";
  } catch (error) {
    const folder = dirname(shownAs);
    const isTaken = codeOf(error) === "ENOTDIR" || (codeOf(error) === "EEXIST" && isFolderTaken(error));
    const tryHint = `ls -ld ${shellWord(folder)}`;
    if (isTaken) throw new UsageError(`Cannot write to "${folder}": it is a file, not a folder`, { tryHint });
    if (codeOf(error) === "EEXIST") return "kept";
    throw new AgentError(`Cannot write "${shownAs}": ${messageOf(error)}`, { cause: error, tryHint });
  }
}

/** `mkdir` has the same code where a file is in the place of the folder. */
function isFolderTaken(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "mkdir";
}
