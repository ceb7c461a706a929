/**
 * A file that is not packed. Every read begins a little before the position and is compared with what was read there, so that a file
 * that was truncated and written again is noticed in the same read, whatever its size is by then.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type FileStats, statsOf } from "./file-stats.ts";
import type { FilePosition, FileRecords } from "./records.ts";
import { matches, PRINT_BYTES } from "./records.ts";

const CHUNK_BYTES = 256 * 1024;

/** `end`: up to the last byte that is there now. `changed`: what was read is not there any more. */
export type Pushed = "chunk" | "end" | "changed";

export class PlainFile {
  readonly #fd: number;

  /** Throws the system's error. Never waits for the writer of a named pipe. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  }

  get stats(): FileStats {
    return statsOf(fstatSync(this.#fd, { bigint: true }));
  }

  /** No name leads to it any more. */
  get isDeleted(): boolean {
    return fstatSync(this.#fd).nlink === 0;
  }

  /** Whether it begins as what was read up to `at`. */
  holds({ position, head, tail }: FilePosition): boolean {
    if (this.stats.size < position) return false;
    const bytesOf = (from: number, to: number) => this.bytes(from, to);
    return matches(head, bytesOf) && matches(tail, bytesOf);
  }

  /** The bytes `[from, to)`, or fewer where the file ends before. */
  bytes(from: number, to: number): Uint8Array {
    const buffer = Buffer.allocUnsafe(Math.max(0, to - from));
    return buffer.subarray(0, this.#read(buffer, from));
  }

  /** The next chunk, up to `limit`. Also where that is no byte, what was read before is compared. */
  pushTo(records: FileRecords, limit: number): Pushed {
    const { pushed, before } = records;
    const known = Math.min(PRINT_BYTES, pushed);
    const wanted = Math.min(CHUNK_BYTES, limit - pushed);
    if (wanted < 0) return "changed";
    const buffer = Buffer.allocUnsafeSlow(known + wanted);
    const length = this.#read(buffer, pushed - known);
    // Where it has just begun, `holds` has compared.
    if (length < known || !sameEnd(buffer.subarray(0, known), before)) return "changed";
    if (length === known) return "end";
    records.push(buffer.subarray(0, length), known);
    return "chunk";
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(buffer: Buffer, from: number): number {
    let length = 0;
    while (length < buffer.length) {
      const got = readSync(this.#fd, buffer, length, buffer.length - length, from + length);
      if (got === 0) break;
      length += got;
    }
    return length;
  }
}

function sameEnd(one: Uint8Array, other: Uint8Array): boolean {
  const length = Math.min(one.length, other.length);
  return Buffer.compare(one.subarray(one.length - length), other.subarray(other.length - length)) === 0;
}
