/** A few MiB set aside, so that on a full disk there is room for deletes and bookkeeping: SQLite needs some to free any. */
import { closeSync, existsSync, fsyncSync, openSync, statSync, unlinkSync, writeSync } from "node:fs";
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

export function releaseReserve(dataDir: string): void {
  try {
    unlinkSync(join(dataDir, RESERVE_FILE));
  } catch {
    // Not there: then it was released before, and there is nothing more to give.
  }
}
