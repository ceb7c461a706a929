/**
 * Cuts a stream of chunks into lines without copying those that lie within one chunk. A line longer than the limit is
 * counted to its end but only its beginning is kept, so that a stream without a newline costs no memory.
 */
import { MALFORMED_KEPT_BYTES } from "../../core/reading.ts";

const NEWLINE = 10;
const RETURN = 13;
const BOM = [0xef, 0xbb, 0xbf] as const;
const EMPTY = Buffer.alloc(0);
const FIRST_CARRY = 4 * 1024;

/** After `next()` said true, the line is `bytes[from, to)`, without its newline; good until the next call. */
export class LineSplitter {
  bytes: Buffer = EMPTY;
  /** Over the same memory as `bytes`: four bytes at a time are compared through it. */
  view: DataView<ArrayBufferLike> = new DataView(EMPTY.buffer, 0, 0);
  from = 0;
  to = 0;
  /** The line's true length; more than `to - from` where it was too long to keep. */
  length = 0;
  readonly #maxLineBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #chunk: Buffer = EMPTY;
  #chunkView = this.view;
  #at = 0;
  #waiting = 0;
  #ended = false;
  #first = true;
  /** The beginning of a line whose end is in a later chunk. */
  #carry: Buffer = EMPTY;
  #carryView = this.view;
  #kept = 0;
  #carried = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Bytes that were pushed and not yet cut. */
  get waitingBytes(): number {
    return this.#waiting + this.#chunk.length - this.#at;
  }

  /** The last chunk was pushed and the last line was cut. */
  get done(): boolean {
    return this.#ended && this.waitingBytes === 0 && this.#carried === 0;
  }

  get tooLong(): boolean {
    return this.length > this.#maxLineBytes;
  }

  /** The chunk is ours from now on: it is not copied. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** What is left without a newline is a line too. */
  end(): void {
    this.#ended = true;
  }

  next(): boolean {
    for (;;) {
      if (this.#at === this.#chunk.length && !this.#nextChunk()) {
        if (!this.#ended || this.#carried === 0) return false;
        this.#emitCarry();
        return true;
      }
      const chunk = this.#chunk;
      const from = this.#at;
      const newline = chunk.indexOf(NEWLINE, from);
      if (newline < 0) {
        this.#keep(from, chunk.length);
        this.#at = chunk.length;
        continue;
      }
      this.#at = newline + 1;
      if (this.#carried === 0) this.#emit(chunk, this.#chunkView, from, newline, newline - from);
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
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#chunkView = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#at = 0;
    return true;
  }

  #keep(from: number, to: number): void {
    this.#carried += to - from;
    // One byte over the limit may still be the `\r` of `\r\n`.
    const room = (this.#carried > this.#maxLineBytes + 1 ? MALFORMED_KEPT_BYTES : this.#carried) - this.#kept;
    const taken = Math.min(room, to - from);
    if (taken <= 0) return;
    if (this.#kept + taken > this.#carry.length) {
      const grown = Buffer.alloc(Math.max(FIRST_CARRY, this.#carry.length * 2, this.#kept + taken));
      this.#carry.copy(grown, 0, 0, this.#kept);
      this.#carry = grown;
      this.#carryView = new DataView(grown.buffer, grown.byteOffset, grown.byteLength);
    }
    this.#chunk.copy(this.#carry, this.#kept, from, from + taken);
    this.#kept += taken;
  }

  #emitCarry(): void {
    const { length, kept } = { length: this.#carried, kept: this.#kept };
    this.#carried = 0;
    this.#kept = 0;
    this.#emit(this.#carry, this.#carryView, 0, kept, length);
  }

  #emit(bytes: Buffer, view: DataView, from: number, to: number, length: number): void {
    const whole = length === to - from;
    const end = whole && to > from && bytes[to - 1] === RETURN ? to - 1 : to;
    const skipped = this.#first && BOM.every((code, i) => from + i < end && bytes[from + i] === code) ? BOM.length : 0;
    this.#first = false;
    this.bytes = bytes;
    this.view = view;
    this.from = from + skipped;
    this.to = end;
    this.length = length - (to - end) - skipped;
  }
}
