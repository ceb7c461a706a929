/** Why a data dir cannot be used, as a person would say it: the system's own words name neither the owner nor the disk. */
import { accessSync, constants, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { codeOf, messageOf } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import { outsideTrouble } from "../outside-error.ts";

export type DataDirTrouble = {
  /** A clause: `it belongs to root, mode 0700; this is uid 1000`. */
  readonly why: string;
  /** A command that shows it. */
  readonly try: string;
  readonly isFull: boolean;
};

/** Less is no room for any file of a buffer. */
const LEAST_BYTES = 16 * 1_024;
const FILES = ["buffer.db", "buffer.db-wal", "buffer.db-shm", "lock.db"];
const { R_OK, W_OK, X_OK } = constants;

/** `error`: what a use of the data dir threw; its own words are the answer where nothing else can be seen. */
export function troubleOf(dataDir: string, error: unknown): DataDirTrouble {
  const path = resolve(dataDir);
  const why = whyClosed(path, R_OK | W_OK | X_OK);
  if (why !== null) return { why, try: `ls -ld ${shellWord(dirname(path))} ${shellWord(path)}`, isFull: false };
  const full = whyFull(path);
  if (full !== null) return { ...full, isFull: true };
  const isFull = outsideTrouble(error) === "full";
  return { why: isFull ? "its disk is full" : messageOf(error), try: `df -h ${shellWord(path)}`, isFull };
}

/** Why no agent of this user can work in a data dir now; null: nothing keeps it from that. */
export function whyUnusable(dataDir: string): string | null {
  const path = resolve(dataDir);
  return whyClosed(path, R_OK | W_OK | X_OK) ?? whyFull(path)?.why ?? null;
}

/** Why this user cannot read what is in a data dir; null: nothing keeps it from that. */
export function whyUnreadable(dataDir: string): string | null {
  return whyClosed(resolve(dataDir), R_OK | X_OK);
}

function whyClosed(path: string, needed: number): string | null {
  return whyNot(path, path, needed) ?? firstOf(FILES, (name) => whyNot(join(path, name), path, needed & ~X_OK));
}

/** Null also where there is no such file, and it can be made. */
function whyNot(path: string, dataDir: string, needed: number): string | null {
  try {
    if (path === dataDir && !statSync(path).isDirectory()) return "it is not a folder";
    statSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOTDIR") return "it is not a folder";
    if (codeOf(error) !== "ENOENT") return isDenied(error) ? whyOfFolders(dirname(path)) : sayOf(error, path, dataDir);
    // It is made when it is needed, in the nearest folder that is there.
    return path === dataDir && dirname(path) !== path ? whyNot(dirname(path), dataDir, needed) : null;
  }
  try {
    accessSync(path, needed);
    return null;
  } catch (error) {
    return sayOf(error, path, dataDir);
  }
}

/** The folder on the way that may not be looked into. */
function whyOfFolders(path: string): string | null {
  const above = dirname(path) === path ? null : whyOfFolders(dirname(path));
  if (above !== null) return above;
  try {
    accessSync(path, X_OK);
    return null;
  } catch (error) {
    return sayOf(error, path, "");
  }
}

function sayOf(error: unknown, path: string, dataDir: string): string {
  const it = path === dataDir ? "it" : `"${path}"`;
  if (codeOf(error) === "EROFS") return "its file system is mounted for reading only";
  if (!isDenied(error)) return messageOf(error);
  const user = process.getuid?.();
  try {
    const { uid, mode } = statSync(path);
    const octal = (mode & 0o7777).toString(8).padStart(4, "0");
    return `${it} belongs to ${nameOf(uid)}, mode ${octal}${user === undefined ? "" : `; this is ${nameOf(user)}`}`;
  } catch {
    return messageOf(error);
  }
}

const isDenied = (error: unknown) => codeOf(error) === "EACCES" || codeOf(error) === "EPERM";

/** `root`, or `alice (uid 1000)`; without a name where the system has none. */
function nameOf(uid: number): string {
  if (uid === 0) return "root";
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    const name = lines.map((line) => line.split(":")).find((fields) => fields[2] === String(uid))?.[0];
    return name === undefined ? `uid ${uid}` : `${name} (uid ${uid})`;
  } catch {
    return `uid ${uid}`;
  }
}

function whyFull(path: string): Pick<DataDirTrouble, "why" | "try"> | null {
  try {
    const { bavail, bsize, ffree, files } = statfsSync(nearest(path));
    if (bavail * bsize < LEAST_BYTES) return { why: "its disk is full", try: `df -h ${shellWord(path)}` };
    // Some file systems have no fixed number of files, and say 0 of 0.
    if (files > 0 && ffree === 0) {
      return { why: "its disk has no inode left: it can hold no more files", try: `df -i ${shellWord(path)}` };
    }
  } catch {
    // A file system that does not say.
  }
  return null;
}

function nearest(path: string): string {
  try {
    statSync(path);
    return path;
  } catch {
    return dirname(path) === path ? path : nearest(dirname(path));
  }
}

function firstOf<T>(items: readonly T[], find: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}
