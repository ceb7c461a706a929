/**
 * Cuts a stream of chunks into lines without copying those that lie within one chunk. A line longer than the limit is
 * counted to its end but only its beginning is kept, so that a stream without a newline costs no memory.
 */
import { CARRIAGE_RETURN, LINE_FEED } from "../../core/ascii.ts";
import { MALFORMED_KEPT_BYTES } from "../../core/reading.ts";

const BOM = [0xef, 0xbb, 0xbf] as const;
const FIRST_CARRY = 4 * 1024;

/** The same memory twice: four bytes at a time are compared through `view`. */
type Piece = { readonly bytes: Buffer; readonly view: DataView };

const EMPTY = pieceOf(Buffer.alloc(0));

/** After `next()` returned true, the line is `bytes[from, to)`, without its newline; valid until the next call. */
export class LineSplitter {
  bytes: Buffer = EMPTY.bytes;
  view: DataView = EMPTY.view;
  from = 0;
  to = 0;
  /** The length of the whole line; more than `to - from` where it was too long to keep. */
  length = 0;
  readonly #maxLineBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #chunk = EMPTY;
  #at = 0;
  #waiting = 0;
  #ended = false;
  #first = true;
  /** The beginning of a line whose end is in a later chunk. */
  #carry = EMPTY;
  #kept = 0;
  #carried = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Bytes that were pushed and not yet read as lines. */
  get waitingBytes(): number {
    return this.#waiting + this.#chunk.bytes.length - this.#at;
  }

  /** The last chunk was pushed and the last line was read. */
  get done(): boolean {
    return this.#ended && this.waitingBytes === 0 && this.#carried === 0;
  }

  get tooLong(): boolean {
    return this.length > this.#maxLineBytes;
  }

  /** Takes over the chunk: it is not copied. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** The rest without a newline is a line too. */
  end(): void {
    this.#ended = true;
  }

  next(): boolean {
    for (;;) {
      if (this.#at === this.#chunk.bytes.length && !this.#nextChunk()) {
        if (!this.#ended || this.#carried === 0) return false;
        this.#emitCarry();
        return true;
      }
      const chunk = this.#chunk;
      const from = this.#at;
      const newline = chunk.bytes.indexOf(LINE_FEED, from);
      if (newline < 0) {
        this.#keep(from, chunk.bytes.length);
        this.#at = chunk.bytes.length;
        continue;
      }
      this.#at = newline + 1;
      if (this.#carried === 0) this.#emit(chunk, from, newline, newline - from);
      else {
        this.#keep(from, newline);
        this.#emitCarry();
      }
      return true;
    }
  }

  #nextChunk(): boolean {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) {
      this.#chunk = EMPTY;
      this.#at = 0;
      return false;
    }
    this.#waiting -= chunk.length;
    this.#chunk = pieceOf(chunk);
    this.#at = 0;
    return true;
  }

  #keep(from: number, to: number): void {
    this.#carried += to - from;
    // One byte over the limit may still be the `\r` of `\r\n`.
    const room = (this.#carried > this.#maxLineBytes + 1 ? MALFORMED_KEPT_BYTES : this.#carried) - this.#kept;
    const taken = Math.min(room, to - from);
    if (taken <= 0) return;
    const { bytes } = this.#carry;
    if (this.#kept + taken > bytes.length) {
      const grown = Buffer.alloc(Math.max(FIRST_CARRY, bytes.length * 2, this.#kept + taken));
      bytes.copy(grown, 0, 0, this.#kept);
      this.#carry = pieceOf(grown);
    }
    this.#chunk.bytes.copy(this.#carry.bytes, this.#kept, from, from + taken);
    this.#kept += taken;
  }

  #emitCarry(): void {
    const length = this.#carried;
    const kept = this.#kept;
    this.#carried = 0;
    this.#kept = 0;
    this.#emit(this.#carry, 0, kept, length);
  }

  #emit({ bytes, view }: Piece, from: number, to: number, length: number): void {
    const whole = length === to - from;
    const end = whole && to > from && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    const skipped = this.#first && BOM.every((code, i) => from + i < end && bytes[from + i] === code) ? BOM.length : 0;
    this.#first = false;
    this.bytes = bytes;
    this.view = view;
    this.from = from + skipped;
    this.to = end;
    this.length = length - (to - end) - skipped;
  }
}

function pieceOf({ buffer, byteOffset, byteLength }: Uint8Array): Piece {
  return { bytes: Buffer.from(buffer, byteOffset, byteLength), view: new DataView(buffer, byteOffset, byteLength) };
}
