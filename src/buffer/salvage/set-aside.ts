/**
 * A corrupt buffer is set aside under another name, never deleted, and a new one takes its place. An intent is written
 * down first, so that the next process continues where one died: until the intent is deleted, the file under the new name is
 * the truth and the one under the usual name an unfinished copy.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { codeOf } from "../../core/errors.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import { atLeast, storedJson } from "../../core/outside/stored-json.ts";
import { BUFFER_FILE } from "../sqlite-buffer.ts";

const INTENT_FILE = "buffer.corrupt.json";
/** A file beside the buffer, in no other folder. */
const INTENT = atLeast({
  aside: text(/^/, "a file name", (name) => (name === basename(name) ? null : "must be the name of a file")),
});
const LOG_SUFFIXES = ["-wal", "-shm"] as const;

/** The name of the buffer that is being set aside and not wholly salvaged yet, or null. */
export function asideInProgress(dataDir: string): string | null {
  try {
    return storedJson(INTENT, readFileSync(join(dataDir, INTENT_FILE), "utf8"))?.aside ?? null;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** Sets the buffer aside, or continues it. On return there is no file of the usual name. Returns the path set aside. */
export function setAside(dataDir: string, nowMs: number): string {
  const begun = asideInProgress(dataDir);
  const aside = begun ?? freeName(dataDir, nowMs);
  writeDurably(join(dataDir, INTENT_FILE), JSON.stringify({ aside }));
  // Names may reach the disk in any order: each step is durable before the next begins.
  syncFolder(dataDir);
  const from = join(dataDir, BUFFER_FILE);
  const to = join(dataDir, aside);
  if (existsSync(to)) {
    // The database was renamed last: after that, the file of the usual name is an unfinished copy.
    for (const suffix of ["", ...LOG_SUFFIXES]) rmSync(from + suffix, { force: true });
  } else {
    // Its log is renamed first: SQLite would apply a log to the wrong database beside it.
    for (const suffix of LOG_SUFFIXES) {
      // A log that is aside is the real one: a reader (`agent status`) made the other meanwhile, and it is empty.
      if (begun !== null && existsSync(to + suffix)) rmSync(from + suffix, { force: true });
      else if (existsSync(from + suffix)) renameSync(from + suffix, to + suffix);
    }
    syncFolder(dataDir);
    renameSync(from, to);
  }
  syncFolder(dataDir);
  return to;
}

/** The new buffer holds everything that could be read, durably. */
export function asideDone(dataDir: string): void {
  syncFolder(dataDir);
  rmSync(join(dataDir, INTENT_FILE), { force: true });
  syncFolder(dataDir);
}

/** `buffer.corrupt-20261123T080000Z.db`, made unique where the clock has been there before. */
function freeName(dataDir: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  for (let n = 1; ; n++) {
    const name = `buffer.corrupt-${time}${n === 1 ? "" : `-${n}`}.db`;
    if (!existsSync(join(dataDir, name))) return name;
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(`${path}.new`, "w", 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
}

export function syncFolder(path: string): void {
  // Windows has no handle of a folder that can be synced, and needs none.
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
