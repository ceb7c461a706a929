/** What a source of files says of itself: in its cursor, which status shows without loading it, and in its problems. */
import { number, text } from "../../core/outside/scalar-shapes.ts";
import { optional } from "../../core/outside/shape.ts";
import { atLeast, storedJson } from "../../core/outside/stored-json.ts";
import type { Problem } from "../../core/problem.ts";
import { shellWord } from "../../core/shell-word.ts";
import { formatBytes } from "../../core/time/duration.ts";
import type { Following } from "./following.ts";
import type { FileTrouble } from "./trouble.ts";
import type { FileUri } from "./uri.ts";

/** A cursor has at most 4 KiB. */
const PATH_SHOWN = 500;
const TROUBLES_SHOWN = 3;

const COUNT = number({ min: 0, max: Number.MAX_SAFE_INTEGER, whole: true });
const CURSOR = atLeast({
  files: COUNT,
  /** Files, and their bytes, that were not read to their end. */
  unread: COUNT,
  behind: COUNT,
  oldest: optional(text(/^/, "a path")),
  copies: COUNT,
  /** Whose last line has no end yet. */
  open: COUNT,
  /** The first one of them. */
  openPath: optional(text(/^/, "a path")),
  troubles: COUNT,
});

export function cursorOf(following: Following): string {
  const unread = [...following.files.values()].filter((file) => file.isUnread && file.behind > 0);
  const oldest = following.next();
  const open = [...following.files.values()].filter((file) => !file.isPacked && !file.isUnread && file.behind > 0);
  return JSON.stringify({
    files: following.files.size,
    unread: unread.length + following.newcomers.waiting,
    behind: unread.reduce((sum, { behind }) => sum + behind, 0),
    ...(oldest !== null && oldest.behind > 0 && { oldest: oldest.path.slice(0, PATH_SHOWN) }),
    copies: following.newcomers.copies,
    open: open.length,
    ...(open[0] !== undefined && { openPath: open[0].path.slice(0, PATH_SHOWN) }),
    troubles: following.troubles().length,
  });
}

/** What the cursor alone says, for `status`. */
export function notesOfFiles(cursor: string): readonly string[] {
  const read = storedJson(CURSOR, cursor);
  if (read === null) return [];
  const { files, unread, behind, oldest, copies, open, openPath, troubles } = read;
  const left =
    unread === 0
      ? ""
      : `, ${unread} of them not read to the end (${formatBytes(behind)}${oldest === undefined ? "" : `, the oldest ${oldest}`})`;
  const notes = [`${files} ${files === 1 ? "file" : "files"}${left}`];
  const such = openPath === undefined ? "" : open === 1 ? ` (${openPath})` : `, such as ${openPath},`;
  if (open > 0) notes.push(`the last line of ${open}${such} has no newline yet and is not taken`);
  if (copies > 0) notes.push(`${copies} ${copies === 1 ? "copy" : "copies"} of them not read`);
  if (troubles > 0) notes.push(`${troubles} cannot be read`);
  return notes;
}

/** With `once`, of a file that was written to a moment ago. */
export function leftNotice(path: string): string {
  return `The last line of "${path}" has no newline yet and may be a half: it is left for the next run ("settle" says how long after the last write it is taken without one)`;
}

/** `wereThere`: some files were, at some time. `once`: it does not try again. */
export function problemsOf(
  uri: string,
  { at, wereThere, once }: { readonly at: FileUri; readonly wereThere: boolean; readonly once: boolean },
  following: Following,
): Problem[] {
  const problems: Problem[] = [];
  const troubles = following.troubles(!once);
  if (troubles.length > 0) problems.push(unreadProblem(uri, troubles, once));
  if (following.tree.isFull) {
    const message = `"${uri}" matches too many files: those beyond 100,000 are not read`;
    problems.push({ code: "source_files_full", message, try: "agent config show" });
  }
  if (!wereThere && following.files.size + following.newcomers.waiting + troubles.length === 0) {
    const message = `No file is there that matches "${at.glob}"`;
    problems.push({ code: "source_no_files", message, try: `ls -l ${shellWord(folderIn(at.glob))}` });
  }
  return problems;
}

function unreadProblem(uri: string, troubles: readonly FileTrouble[], once: boolean): Problem {
  const shown = troubles.slice(0, TROUBLES_SHOWN).map(({ path, reason }) => `"${path}": ${reason}`);
  const more = troubles.length > TROUBLES_SHOWN ? `; and ${troubles.length - TROUBLES_SHOWN} more` : "";
  return {
    code: "source_files_unread",
    message: `Files of "${uri}" are not read: ${shown.join("; ")}${more}${once ? "" : ". The agent tries again"}`,
    try: troubles[0]?.try ?? "agent status",
  };
}

/** The folder before the first sign of the glob. */
export function folderIn(glob: string): string {
  const before = glob.replace(/[*?[{\\].*$/s, "");
  const folder = before.slice(0, before.lastIndexOf("/") + 1);
  return folder === "" ? "." : folder;
}
