/** Room set aside, so that on a full disk there is some for deletes and bookkeeping: SQLite needs some to free any. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, statSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";

const RESERVE_FILE = "reserve";
const CHUNK_BYTES = 256 * 1024;

/** Keeps a reserve of exactly this size. False where there is no room for it now; then there is none. */
export function holdReserve(dataDir: string, bytes: number): boolean {
  if (reservedBytes(dataDir) === bytes) return true;
  let file: number | null = null;
  try {
    file = openSync(join(dataDir, RESERVE_FILE), "a", 0o600);
    if (fstatSync(file).size > bytes) ftruncateSync(file, bytes);
    // Real bytes: a sparse file would reserve nothing.
    const chunk = new Uint8Array(CHUNK_BYTES).fill(0x5a);
    for (let size = fstatSync(file).size; size < bytes; )
      size += writeSync(file, chunk, 0, Math.min(CHUNK_BYTES, bytes - size));
    fsyncSync(file);
    return true;
  } catch {
    releaseReserve(dataDir);
    return false;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/** The size of the reserve, 0 where there is none. */
export function reservedBytes(dataDir: string): number {
  return statSync(join(dataDir, RESERVE_FILE), { throwIfNoEntry: false })?.size ?? 0;
}

export function releaseReserve(dataDir: string): void {
  try {
    unlinkSync(join(dataDir, RESERVE_FILE));
  } catch {
    // Not there: it was released before.
  }
}
