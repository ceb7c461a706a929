/**
 * The text of a file that a person wrote, with a limit. Only a plain file is opened, and never waited for: a named pipe
 * without a writer would block the agent forever, and a link to a device such as /dev/zero has a size of 0 and no end.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";

/** Windows has no such flag, and no named pipes in its folders. */
const WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The file's text, a byte order mark included. Throws where there is no plain UTF-8 file of at most `limit` bytes. */
export function readFileText(path: string, limit: number): string {
  const bytes = fileBytes(path, limit);
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new Error("it is not UTF-8");
  }
}

/**
 * The text of a JSON file. NULs behind it are none of it: a loss of power leaves them where a file was longer. What JSON is
 * complete lacks nothing; a file of NULs alone stays one.
 */
export function readJsonFileText(path: string, limit: number): string {
  return readFileText(path, limit).replace(/(?<=[^\0])\0+$/, "");
}

/** The file's bytes, under the same conditions. */
export function fileBytes(path: string, limit: number): Uint8Array {
  refuseOther(statSync(path), limit);
  const file = openSync(path, WITHOUT_WAITING);
  try {
    const stats = fstatSync(file);
    // Once more: something else may have taken its place since the first look.
    refuseOther(stats, limit);
    let bytes = new Uint8Array(stats.size + 1);
    let length = 0;
    for (;;) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      if (read === 0) return bytes.subarray(0, length);
      length += read;
      if (length > limit) throw new Error(tooLarge(limit));
      // It grows while it is read.
      if (length === bytes.length) bytes = grown(bytes, Math.min(2 * length, limit + 1));
    }
  } finally {
    closeSync(file);
  }
}

function grown(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}

function refuseOther(stats: Stats, limit: number): void {
  if (!stats.isFile()) throw new Error(`it is ${kindOf(stats)}, not a file`);
  if (stats.size > limit) throw new Error(tooLarge(limit));
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a named pipe";
  return stats.isSocket() ? "a socket" : "a device";
}

function tooLarge(limit: number): string {
  return `it is larger than ${limit} bytes`;
}
