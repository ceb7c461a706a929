/** Why the file of a SQLite database cannot be read: which file or permission is missing, and what to type. */
import { accessSync, closeSync, constants, existsSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, messageOf } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";

export type Unreadable = {
  readonly reason: string;
  readonly tryHint: string;
  /** `missing` may come, `denied` may be granted, `unfit` is something else than a file and never becomes a database. */
  readonly kind: "missing" | "denied" | "unfit" | "unreadable";
};

/** The problem that shows before SQLite opens the file, or null. Call it first: opening a named pipe would never return. */
export function fileProblem(path: string): Unreadable | null {
  const stats = statOf(path);
  const folder = shellWord(existingFolder(path));
  const look = `ls -ld ${shellWord(path)}`;
  if (stats === "ENOENT" || stats === "ENOTDIR")
    return { kind: "missing", reason: "there is no such file", tryHint: `ls -ld ${folder}` };
  if (stats === "EACCES")
    return { kind: "denied", reason: `${us()} has no permission to look into ${folder}`, tryHint: `ls -ld ${folder}` };
  if (typeof stats === "string") return { kind: "unreadable", reason: stats, tryHint: look };
  if (stats.isDirectory()) return { kind: "unfit", reason: "it is a folder", tryHint: `ls -l ${shellWord(path)}` };
  if (!stats.isFile()) return { kind: "unfit", reason: "it is not a regular file", tryHint: look };
  if (may(path, constants.R_OK)) return null;
  return { kind: "denied", reason: `${us()} has no permission to read it`, tryHint: look };
}

/** What is wrong with a file that SQLite could not read. */
export function readProblem(path: string, error: unknown): Unreadable {
  const code = codeOf(error) ?? "";
  const kind = "unreadable";
  const check = `sqlite3 ${shellWord(path)} "PRAGMA integrity_check"`;
  const known = fileProblem(path);
  if (known !== null) return known;
  if (code === "SQLITE_NOTADB")
    return {
      kind,
      reason: "it is not a SQLite database, or it is encrypted",
      tryHint: `head -c 16 ${shellWord(path)} | od -c`,
    };
  if (/^SQLITE_(?:READONLY|CANTOPEN)/.test(code))
    return besideProblem(path) ?? { kind, reason: messageOf(error), tryHint: check };
  return { kind, reason: messageOf(error), tryHint: check };
}

/** The log and the journal are files beside the database, which SQLite must be able to read, create or roll back. */
function besideProblem(path: string): Unreadable | null {
  const folder = dirname(path);
  const tryHint = `ls -la ${shellWord(folder)}`;
  const beside = ["-wal", "-shm", "-journal"].map((end) => `${path}${end}`).filter((file) => existsSync(file));
  const unread = beside.find((file) => !may(file, constants.R_OK));
  if (unread !== undefined) return { kind: "denied", reason: `${us()} has no permission to read "${unread}"`, tryHint };
  if (isWal(path) && !may(folder, constants.W_OK)) {
    const reason = `it is in WAL mode, and ${us()} has no permission to write into its folder "${folder}", where SQLite creates "${path}-shm"`;
    return { kind: "denied", reason, tryHint };
  }
  if (!beside.includes(`${path}-journal`)) return null;
  return {
    kind: "unreadable",
    reason: `its writer was interrupted, and only a program that may write can roll back "${path}-journal"`,
    tryHint: `sqlite3 ${shellWord(path)} "PRAGMA quick_check"`,
  };
}

function statOf(path: string): Stats | string {
  try {
    return statSync(path);
  } catch (error) {
    return codeOf(error) ?? messageOf(error);
  }
}

/** The folder of the path, or the nearest one above it that is there. */
function existingFolder(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(folder) || folder === dirname(folder)) return folder;
  }
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** The file format's read version, byte 19 of the header, is 2 in WAL mode. */
function isWal(path: string): boolean {
  const header = Buffer.alloc(20);
  const file = openSync(path, "r");
  try {
    return readSync(file, header) === header.length && header[19] === 2;
  } finally {
    closeSync(file);
  }
}

function us(): string {
  const uid = process.getuid?.();
  return uid === undefined ? "the agent's user" : `the agent's user (uid ${uid})`;
}
