/**
 * One file of a rules folder for an editor: its text with a version, and its replacement. A replacement is whole or does not
 * happen, also when the process is killed or the disk is full: written under a hidden name in the same folder (which no agent
 * reads), synced, then renamed, then the folder is synced. Nothing outside the folder is read or written, and no link is followed.
 */

import { createHash, randomBytes } from "node:crypto";
import { lstatSync, readdirSync, renameSync, rmSync, type Stats } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { AgentError, codeOf, messageOf, type WayOut } from "../../core/errors.ts";
import { fileBytes } from "../../core/outside/file-text.ts";
import { shellWord } from "../../core/shell-word.ts";
import { RULE_LIMITS } from "../rule-set.ts";
import { ruleFileNames } from "./folder-names.ts";

/** `shownAs`: the folder as the user named it. */
export type FolderAt = { readonly dir: string; readonly shownAs: string };

/** `version`: changes whenever the bytes of the file do. */
export type FileText = { readonly text: string; readonly version: string };

/**
 * `name`: not the name of a rule file. `missing`: there is no such file. `changed`: it is not what the editor began with;
 * `current` is what is there now, null where it was deleted. `refused`: the system did not allow it. `full`: no room.
 */
export type EditReason = "name" | "missing" | "changed" | "refused" | "full";

export class RuleEditError extends AgentError {
  override readonly name = "RuleEditError";
  readonly reason: EditReason;
  readonly current: FileText | null;
  constructor(reason: EditReason, message: string, options: WayOut & { readonly current?: FileText | null } = {}) {
    super(message, options);
    this.reason = reason;
    this.current = options.current ?? null;
  }
}

/** A new file's name works on every system; an old one may be any that the folder has. */
const NEW_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json$/;
const NAME_BYTES = 255;
const TEMPORARY = /^\.agent-edit-[0-9a-f]{16}\.tmp$/;
/** What a killed save left is deleted by a save that comes this much later. */
const ABANDONED_MS = 10 * 60_000;
const NEW_MODE = 0o644;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function textVersion(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Throws RuleEditError for a name that cannot be that of a visible `*.json` file of a folder, or `isNew`, of a new one. */
export function checkName(name: string, isNew: boolean): void {
  const isPlain = name.endsWith(".json") && !name.startsWith(".") && Buffer.byteLength(name) <= NAME_BYTES;
  if (!isPlain || /[/\\\u0000-\u001f\u007f]/.test(name)) throw wrongName(name);
  if (isNew && !NEW_NAME.test(name)) throw wrongName(name);
}

/** The file's text; null where there is none. Throws RuleEditError for a link, another kind of file, one that is too large. */
export function readRuleFile(name: string, folder: FolderAt): FileText | null {
  const path = join(folder.dir, name);
  const stats = lookAt(name, folder);
  if (stats === null) return null;
  try {
    const bytes = fileBytes(path, RULE_LIMITS.fileBytes);
    return { text: UTF8.decode(bytes), version: textVersion(bytes) };
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    const why = cause instanceof TypeError ? "it is not UTF-8" : messageOf(cause);
    throw new RuleEditError("refused", `Cannot read ${join(folder.shownAs, name)}: ${why}`, { cause });
  }
}

export type RuleFileEdit = {
  readonly name: string;
  readonly text: string;
  /** Of the text that the editor began with; null: there was no such file. */
  readonly version: string | null;
};

/**
 * On return the file has this text, durably, under the mode and owner that it had. Throws RuleEditError, with the file as it
 * was, where it is no longer what the editor began with, or cannot be written.
 */
export async function replaceRuleFile({ name, text, version }: RuleFileEdit, folder: FolderAt): Promise<void> {
  checkName(name, version === null);
  const before = unchanged(name, version, folder);
  const temporary = join(folder.dir, `.agent-edit-${randomBytes(8).toString("hex")}.tmp`);
  try {
    clearAbandoned(folder.dir);
    await writeWhole(temporary, text, before);
    // No turn of the process between this look and the rename.
    unchanged(name, version, folder);
    renameSync(temporary, join(folder.dir, name));
    await syncFolder(folder.dir);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cause instanceof RuleEditError ? cause : whyNotWritten(cause, name, folder);
  }
}

/** The state of the file as it is; throws where it is not of that version. */
function unchanged(name: string, version: string | null, folder: FolderAt): Stats | null {
  const stats = lookAt(name, folder);
  const current = stats === null ? null : readRuleFile(name, folder);
  if ((current?.version ?? null) === version) return stats;
  const file = join(folder.shownAs, name);
  const what =
    current === null ? "was deleted" : version === null ? "is there already" : "changed since the editor read it";
  throw new RuleEditError("changed", `Cannot save ${file}: it ${what}`, {
    current,
    advice: current === null ? "Save it as a new file" : "Look at what is there now, then save again",
  });
}

/** A name that only an old file can have counts where the folder lists it, letter by letter. */
function lookAt(name: string, { dir, shownAs }: FolderAt): Stats | null {
  if (!NEW_NAME.test(name) && !namesIn({ dir, shownAs }).includes(name)) return null;
  const file = join(shownAs, name);
  let stats: Stats | undefined;
  try {
    stats = lstatSync(join(dir, name), { throwIfNoEntry: false });
  } catch (cause) {
    throw new RuleEditError("refused", `Cannot look at ${file}: ${messageOf(cause)}`, { cause });
  }
  if (stats === undefined) return null;
  if (stats.isSymbolicLink()) {
    const message = `Cannot edit ${file} here: it is a symbolic link, and no link is followed`;
    throw new RuleEditError("refused", message, { advice: "Edit the file that it points to" });
  }
  if (!stats.isFile()) throw new RuleEditError("refused", `Cannot edit ${file}: it is not a plain file`);
  return stats;
}

async function writeWhole(path: string, text: string, before: Stats | null): Promise<void> {
  // "wx": never into a file that is there, and never through a link.
  const file = await open(path, "wx", before === null ? NEW_MODE : 0o600);
  try {
    await file.writeFile(text);
    if (before !== null) {
      // Only root may give a file to another user; any other user who saves it owns it.
      await file.chown(before.uid, before.gid).catch(() => undefined);
      await file.chmod(before.mode & 0o7777);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(dir: string): Promise<void> {
  try {
    const folder = await open(dir, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // Windows opens no folder, and some file systems sync none: the rename itself has happened.
  }
}

function clearAbandoned(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (!TEMPORARY.test(name)) continue;
    const stats = lstatSync(join(dir, name), { throwIfNoEntry: false });
    if (stats?.isFile() && Date.now() - stats.mtimeMs > ABANDONED_MS) rmSync(join(dir, name), { force: true });
  }
}

function namesIn({ dir, shownAs }: FolderAt): readonly string[] {
  try {
    return ruleFileNames(dir);
  } catch (cause) {
    throw new RuleEditError("refused", `Cannot read the rules folder ${shownAs}: ${messageOf(cause)}`, {
      cause,
      tryHint: `ls -ld ${shellWord(shownAs)}`,
    });
  }
}

function wrongName(name: string): RuleEditError {
  const shown = JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
  return new RuleEditError("name", `Cannot use ${shown} as the name of a rule file`, {
    advice:
      "A name is letters, digits, . _ and -, begins with a letter or a digit, and ends in .json, without a folder",
  });
}

/** In the words of the system, which people search for. */
const WHY: Readonly<Record<string, readonly [EditReason, string]>> = {
  ENOSPC: ["full", "there is no room on the disk"],
  EDQUOT: ["full", "the user's quota on the disk is used up"],
  EROFS: ["refused", "the folder is on a file system that is read-only"],
  EACCES: ["refused", "the agent's user may not write to the folder"],
  EPERM: ["refused", "the system does not allow the agent's user to write to the folder"],
};

function whyNotWritten(cause: unknown, name: string, { shownAs }: FolderAt): RuleEditError {
  const [reason, why] = WHY[codeOf(cause) ?? ""] ?? (["refused", messageOf(cause)] as const);
  const message = `Cannot save ${join(shownAs, name)}: ${why}; the file is as it was`;
  const tryHint = reason === "full" ? `df -h ${shellWord(shownAs)}` : `ls -ld ${shellWord(shownAs)}`;
  return new RuleEditError(reason, message, { cause, tryHint });
}
