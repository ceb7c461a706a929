/**
 * The records of one file, from its bytes in order: the format that reads them, and the prints of what was read.
 *
 * A print is a hash: of a file's first bytes, and of those before the position. A number of an inode is given to other files, a name
 * too, and a file that was truncated has other bytes where the position is.
 */
import type { ReadingBlock } from "../../core/reading.ts";
import type { RecordFormat } from "../format.ts";

/** A hash of the bytes `[end - length, end)`. */
export type Print = { readonly end: number; readonly length: number; readonly hash: string };

/** Of a file that was read up to somewhere behind both. */
export type FilePrints = { readonly head: Print; readonly tail: Print };

/** Enough to tell records apart that have the same fields. */
export const PRINT_BYTES = 1_024;

/** `bytes` are the ones before `end`. */
export function printOf(bytes: Uint8Array, end: number): Print {
  const kept = bytes.subarray(Math.max(0, bytes.length - PRINT_BYTES));
  return { end, length: kept.length, hash: Bun.hash.xxHash64(kept).toString(36) };
}

export const NO_PRINT: Print = printOf(new Uint8Array(0), 0);

/** `bytesOf` gives the bytes `[from, to)`, or fewer where the file ends before. */
export function matches({ end, length, hash }: Print, bytesOf: (from: number, to: number) => Uint8Array): boolean {
  const bytes = bytesOf(end - length, end);
  return bytes.length === length && Bun.hash.xxHash64(bytes).toString(36) === hash;
}

/** Up to where a file was read. */
export type FilePosition = FilePrints & { readonly position: number; readonly state: string | null };

export const AT_BEGINNING: FilePosition = { position: 0, state: null, head: NO_PRINT, tail: NO_PRINT };

export class FileRecords {
  readonly #format: RecordFormat;
  #head: Print;
  #tail: Print;
  /** Its first bytes, while `#head` is not all that it can be. */
  #first: Uint8Array | null = null;
  /** What was pushed last, with the bytes before it that its print needs. */
  #chunk: Uint8Array = new Uint8Array(0);
  #pushed: number;

  /** `format` was made with `from`: it continues there. */
  constructor(format: RecordFormat, from: FilePosition) {
    this.#format = format;
    this.#head = from.head;
    this.#tail = from.tail;
    this.#pushed = from.position;
  }

  /** The offset of the next byte that `push` takes. */
  get pushed(): number {
    return this.#pushed;
  }

  /** The bytes before that which it holds: up to `PRINT_BYTES`. */
  get before(): Uint8Array {
    return this.#chunk.subarray(Math.max(0, this.#chunk.length - PRINT_BYTES));
  }

  /**
   * Takes over a chunk that is not written to again: its first `known` bytes were pushed before, or are before the position that it began
   * at.
   */
  push(chunk: Uint8Array, known: number): void {
    this.#sealTail();
    this.#chunk = chunk;
    if (this.#head.length < PRINT_BYTES && this.#pushed === known) this.#first = chunk.subarray(0, PRINT_BYTES);
    this.#pushed += chunk.length - known;
    this.#format.push(chunk.subarray(known));
  }

  /** No more bytes come. */
  end(): void {
    this.#format.end();
  }

  /** See `RecordFormat.read`. */
  read(block: ReadingBlock, nowMs: number): void {
    this.#format.read(block, nowMs);
  }

  get done(): boolean {
    return this.#format.done;
  }

  get position(): number {
    return this.#format.position;
  }

  /** When it is to be read again, although nothing more is pushed; null: not at all. */
  get dueAtMs(): number | null {
    return this.#format.dueAtMs ?? null;
  }

  /** Where a later reader continues. */
  at(): FilePosition {
    this.#sealTail();
    const { position, state } = this.#format;
    const first = this.#first?.subarray(0, position);
    if (first !== undefined && first.length > this.#head.length) this.#head = printOf(first, first.length);
    return { position, state, head: this.#head, tail: this.#tail };
  }

  /** The tail is that of the position where the bytes before it are in the last chunk; else it is an older one. */
  #sealTail(): void {
    const { position } = this.#format;
    const from = this.#pushed - this.#chunk.length;
    if (position > this.#tail.end && position > from && position <= this.#pushed)
      this.#tail = printOf(this.#chunk.subarray(0, position - from), position);
  }
}
