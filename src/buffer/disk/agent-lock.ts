/**
 * One agent per data dir. The lock is SQLite's own exclusive lock on a small database beside the buffer, so that the
 * operating system releases it however the process ends, in a container too. A file beside it names the holder.
 */
import { Database } from "bun:sqlite";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../core/errors.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import type { Shape } from "../../core/outside/shape.ts";
import { anyNumber, atLeast, storedJson } from "../../core/outside/stored-json.ts";
import { privateDatabase } from "./private-files.ts";
import { WatchedFile } from "./watched-file.ts";

export type LockHolder = { readonly pid: number; readonly host: string; readonly sinceMs: number };
const HOLDER: Shape<LockHolder> = atLeast({ pid: anyNumber, host: text(/^/, "a text"), sinceMs: anyNumber });

const LOCK_FILE = "lock.db";
export const HOLDER_FILE = "lock.json";
/** Well below the second within which a waiting agent takes over. */
export const LOCK_POLL_MS = 100;

/** An unreferenced Database is closed by the garbage collector, and its lock goes with it. */
const held = new Set<Database>();

export type DataDirLock = {
  release(): void;
  /** Takes it again where its file was deleted: a lock on a deleted file locks no other process out. False: another process has it. */
  renew(): boolean;
  /** Its file is where it was. */
  isInPlace(): boolean;
};

/** Takes the lock, or returns null while another process has it. */
export function tryLock(dataDir: string, holder: LockHolder): DataDirLock | null {
  const first = takeLock(dataDir, holder);
  if (first === null) return null;
  let taken = first;
  const isInPlace = () => taken.file.isInPlace();
  return {
    release: () => taken.release(),
    isInPlace,
    renew: () => {
      if (isInPlace()) return true;
      const next = takeLock(dataDir, holder);
      if (next === null) return false;
      taken.release();
      taken = next;
      return true;
    },
  };
}

function takeLock(dataDir: string, holder: LockHolder): LockedFile | null {
  const taken = lockFile(join(dataDir, LOCK_FILE));
  if (taken === null) return null;
  try {
    writeFileSync(join(dataDir, HOLDER_FILE), `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  } catch {
    // A full disk: the lock is held, only its holder is not named.
  }
  return taken;
}

/** A file that this process has locked. The operating system releases the lock when the process ends, however it ends. */
export type LockedFile = { readonly file: WatchedFile; release(): void };

/** Null while another process has it. */
export function lockFile(path: string): LockedFile | null {
  const db = privateDatabase(path);
  try {
    db.run("PRAGMA busy_timeout = 0");
    // Nothing is ever written, so the journal need not be on disk: the lock can be taken on a full disk too.
    db.run("PRAGMA journal_mode = MEMORY");
    db.run("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (codeOf(error)?.startsWith("SQLITE_BUSY")) return null;
    throw error;
  }
  held.add(db);
  return {
    file: new WatchedFile(path),
    release: () => {
      if (!held.delete(db)) return;
      db.run("ROLLBACK");
      db.close();
    },
  };
}

/** The last holder of the lock, which may have ended. Null where there never was one, or its file cannot be read. */
export function lockHolder(dataDir: string): LockHolder | null {
  try {
    return storedJson(HOLDER, readFileSync(join(dataDir, HOLDER_FILE), "utf8"));
  } catch {
    return null;
  }
}

/** Whether a live process holds the lock; asks without taking it. */
export function isLocked(dataDir: string): boolean {
  return isFileLocked(join(dataDir, LOCK_FILE));
}

export function isFileLocked(path: string): boolean {
  if (!existsSync(path)) return false;
  const db = new Database(path, { readonly: true });
  try {
    db.run("PRAGMA busy_timeout = 0");
    db.query("SELECT count(*) FROM sqlite_master").get();
    return false;
  } catch (error) {
    return codeOf(error)?.startsWith("SQLITE_BUSY") ?? false;
  } finally {
    db.close();
  }
}
