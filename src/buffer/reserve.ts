/** A few MiB set aside, so that on a full disk there is room for deletes and bookkeeping: SQLite needs some to free any. */
import { closeSync, existsSync, fsyncSync, openSync, statfsSync, statSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";

const RESERVE_BYTES = 4 * 1024 * 1024;
const RESERVE_FILE = "reserve";

/** Makes sure of the reserve. False where there is no room for it now; nothing is left behind then. */
export function holdReserve(dataDir: string): boolean {
  const path = join(dataDir, RESERVE_FILE);
  if (existsSync(path) && statSync(path).size === RESERVE_BYTES) return true;
  let file: number | null = null;
  try {
    file = openSync(path, "w", 0o600);
    // Real bytes: a sparse file would reserve nothing.
    const chunk = new Uint8Array(256 * 1024).fill(0x5a);
    for (let written = 0; written < RESERVE_BYTES; written += chunk.length) writeSync(file, chunk);
    fsyncSync(file);
    return true;
  } catch {
    releaseReserve(dataDir);
    return false;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/**
 * Whether there is room for the reserve and as much again: where there is less, whatever is taken next would only use the
 * reserve up. Asked before the reserve is written, so that a full disk is not written to over and over.
 */
export function hasRoomForReserve(dataDir: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dataDir);
    return bavail * bsize >= 2 * RESERVE_BYTES;
  } catch {
    // A file system that does not tell: then the next write does.
    return true;
  }
}

export function releaseReserve(dataDir: string): void {
  try {
    unlinkSync(join(dataDir, RESERVE_FILE));
  } catch {
    // Not there: then it was released before, and there is nothing more to give.
  }
}
