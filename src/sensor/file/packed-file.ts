/**
 * A file of gzip. It is read twice: first to its end, so that no record of a file that is cut off or damaged is taken, then for its
 * records. Both passes are in pieces and take no memory.
 */
import { closeSync, constants, createReadStream, fstatSync, openSync } from "node:fs";
import type { Gunzip } from "node:zlib";
import { TransientError } from "../../core/errors.ts";
import { statsOf } from "./file-stats.ts";
import type { Pushed } from "./plain-file.ts";
import type { FileRecords } from "./records.ts";
import { PRINT_BYTES, type Print, printOf } from "./records.ts";

const CHUNK_BYTES = 256 * 1024;
/** So much is unpacked ahead. */
const QUEUE_BYTES = 1024 * 1024;

export type Unpacked = {
  /** Of the whole text. */
  readonly length: number;
  /** Of its first bytes. */
  readonly first: Uint8Array;
  /** The bytes before each of the offsets that were asked for, where the text is that long, and before its end. */
  readonly before: ReadonlyMap<number, Uint8Array>;
  /** The ranges that were asked for. */
  readonly ranges: ReadonlyMap<string, Uint8Array>;
};

/** What to look for. */
export type UnpackedParts = {
  readonly ends: readonly number[];
  readonly ranges: readonly (readonly [from: number, to: number])[];
};

export const rangeName = (from: number, to: number): string => `${from}-${to}`;

/** The file at `path` whose inode is that of `key`, and whose size and time are `mark`. */
export type PackedPlace = { readonly path: string; readonly key: string; readonly mark: string };

/** Unpacks all of it. Throws where it is cut off, damaged, or cannot be read. */
export async function examinePacked(place: PackedPlace, { ends, ranges }: UnpackedParts): Promise<Unpacked> {
  const before = new Map<number, Uint8Array>();
  const found = ranges.map(([from, to]) => ({ from, to, bytes: Buffer.alloc(to - from) }));
  let length = 0;
  let first = new Uint8Array(0);
  let last: Uint8Array = new Uint8Array(0);
  for await (const chunk of (await unpack(place)) as AsyncIterable<Buffer>) {
    const start = length;
    length += chunk.length;
    if (first.length < PRINT_BYTES) first = Buffer.concat([first, chunk]).subarray(0, PRINT_BYTES);
    const known = Buffer.concat([last, chunk]);
    const knownFrom = length - known.length;
    for (const end of ends) {
      if (end > start && end <= length)
        before.set(end, Buffer.from(known.subarray(Math.max(0, end - PRINT_BYTES - knownFrom), end - knownFrom)));
    }
    for (const { from, to, bytes } of found) {
      const [begin, end] = [Math.max(from, start), Math.min(to, length)];
      if (begin < end) chunk.copy(bytes, begin - from, begin - start, end - start);
    }
    last = Buffer.from(known.subarray(Math.max(0, known.length - PRINT_BYTES)));
  }
  before.set(length, last);
  return { length, first, before, ranges: new Map(found.map(({ from, to, bytes }) => [rangeName(from, to), bytes])) };
}

/** Whether the text begins as what was read up to `end`; only for an `end` that was asked for. */
export function unpackedHolds({ first, before }: Unpacked, { head, tail }: { head: Print; tail: Print }): boolean {
  const isHead = first.length >= head.length && printOf(first.subarray(0, head.length), head.end).hash === head.hash;
  const bytes = tail.end === 0 ? new Uint8Array(0) : before.get(tail.end);
  if (!isHead || bytes === undefined || bytes.length < tail.length) return false;
  return printOf(bytes.subarray(bytes.length - tail.length), tail.end).hash === tail.hash;
}

/** The second pass: gives the text to the records. */
export class PackedFeed {
  readonly #queue: Buffer[] = [];
  readonly #ready: () => void;
  #stream: Gunzip | null = null;
  #queued = 0;
  #state: "open" | "ended" | "failed" = "open";
  /** Offset of the next byte that comes. */
  #at = 0;
  #before: Uint8Array = new Uint8Array(0);

  /** `ready` is called when there is more. */
  constructor(place: PackedPlace, ready: () => void) {
    this.#ready = ready;
    void this.#open(place);
  }

  pushTo(records: FileRecords): Pushed | "wait" {
    for (let chunk = this.#queue.shift(); chunk !== undefined; chunk = this.#queue.shift()) {
      this.#queued -= chunk.length;
      if (this.#queued < QUEUE_BYTES) this.#stream?.resume();
      const start = this.#at;
      this.#at += chunk.length;
      const known = Buffer.concat([this.#before, chunk]);
      this.#before = Buffer.from(known.subarray(Math.max(0, known.length - PRINT_BYTES)));
      const skipped = Math.max(0, records.pushed - start);
      if (skipped >= chunk.length) continue;
      const from = known.length - chunk.length + skipped;
      const begin = Math.max(0, from - PRINT_BYTES);
      records.push(known.subarray(begin), from - begin);
      return "chunk";
    }
    if (this.#state === "failed") return "changed";
    return this.#state === "ended" ? "end" : "wait";
  }

  close(): void {
    this.#state = "ended";
    this.#queue.length = 0;
    this.#stream?.destroy();
  }

  async #open(place: PackedPlace): Promise<void> {
    try {
      const stream = await unpack(place);
      if (this.#state !== "open") stream.destroy();
      this.#stream = stream;
      stream.on("data", (chunk: Buffer) => {
        this.#queue.push(chunk);
        this.#queued += chunk.length;
        if (this.#queued >= QUEUE_BYTES) stream.pause();
        this.#ready();
      });
      stream.on("end", () => this.#finish("ended"));
      stream.on("error", () => this.#finish("failed"));
    } catch {
      this.#finish("failed");
    }
  }

  #finish(state: "ended" | "failed"): void {
    if (this.#state === "open") this.#state = state;
    this.#ready();
  }
}

async function unpack({ path, key, mark }: PackedPlace): Promise<Gunzip> {
  const { createGunzip } = await import("node:zlib");
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const stats = statsOf(fstatSync(fd, { bigint: true }));
  if (stats.key !== key || stats.mark !== mark) {
    closeSync(fd);
    throw new TransientError(`"${path}" has changed`);
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const packed = createReadStream("", { fd, highWaterMark: 64 * 1024 });
  packed.on("error", (error) => gunzip.destroy(error));
  gunzip.on("close", () => packed.destroy());
  packed.pipe(gunzip);
  return gunzip;
}
