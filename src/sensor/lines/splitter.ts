/**
 * Cuts a stream of chunks into lines without copying those that are within one chunk. A line longer than the limit is
 * counted to its end but only its beginning is kept, so that a stream without a newline costs no memory.
 *
 * A loss of power leaves NULs in a file: at its end, before the next line, or after the half of a line that was written.
 * They do not belong to a line, however many they are: at its start (`next`), at its end, and before text that begins like an
 * object, which is then a line of its own (`trim`). Other NULs are as they came.
 */
import { CARRIAGE_RETURN, LINE_FEED, OPEN_BRACE } from "../../core/ascii.ts";
import { MALFORMED_KEPT_BYTES } from "../../core/reading.ts";

const BOM = [0xef, 0xbb, 0xbf] as const;
const FIRST_CARRY = 4 * 1024;
const NUL = 0;

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
  /** Runs of NULs that were left out; who counts them sets it to 0. */
  paddings = 0;
  readonly #maxLineBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #chunk = EMPTY;
  #at = 0;
  #waiting = 0;
  #pushed = 0;
  #ended = false;
  /** The beginning of a line whose end is in a later chunk. */
  #carry = EMPTY;
  #kept = 0;
  #carried = 0;
  /** NULs after what is carried: part of the line only when more of it follows. */
  #nuls = 0;
  /** The chunk before ended in NULs before a line. */
  #inPadding = false;
  /** Where, in the bytes of the line, the next line begins that `trim` found; 0: in none. */
  #rest = 0;
  #restTo = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Bytes that were pushed and not yet read as lines. */
  get waitingBytes(): number {
    return this.#waiting + this.#chunk.bytes.length - this.#at;
  }

  /** How many bytes were read as lines, or as what is between them. Right where `hasRest` is false. */
  get readBytes(): number {
    return this.#pushed - this.waitingBytes - this.#carried - this.#nuls;
  }

  /** The line that was read last was cut by `trim`: what `next` finds is the rest of it. */
  get hasRest(): boolean {
    return this.#rest > 0;
  }

  /** The last chunk was pushed and the last line was read. */
  get done(): boolean {
    return this.#ended && this.waitingBytes === 0 && this.#carried === 0 && this.#rest === 0 && this.paddings === 0;
  }

  get tooLong(): boolean {
    return this.length > this.#maxLineBytes;
  }

  /** Takes over the chunk: it is not copied. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    this.#pushed += chunk.length;
  }

  /** The rest without a newline is a line too. */
  end(): void {
    this.#ended = true;
  }

  next(): boolean {
    if (this.#rest > 0) {
      this.#emitRest();
      return true;
    }
    for (;;) {
      if (this.#at === this.#chunk.bytes.length && !this.#nextChunk()) {
        if (!this.#ended) return false;
        if (this.#carried > 0) this.#emitCarry();
        // Padding at the end of a stream is counted with a blank line.
        else if (this.paddings > 0) this.#emit(EMPTY, 0, 0, 0);
        else return false;
        return true;
      }
      const chunk = this.#chunk;
      const from = this.#at;
      if (chunk.bytes[from] === NUL && this.#carried === 0) {
        this.#skipNuls();
        continue;
      }
      const newline = chunk.bytes.indexOf(LINE_FEED, from);
      if (newline >= 0 && this.#carried === 0) {
        this.#at = newline + 1;
        this.#emit(chunk, from, newline, newline - from);
        return true;
      }
      const end = newline < 0 ? chunk.bytes.length : newline;
      this.#at = this.#keep(from, end);
      if (this.#at === end && newline < 0) continue;
      if (this.#at === end) this.#at++;
      this.#emitCarry();
      return true;
    }
  }

  /**
   * Cuts a byte-order mark and padding off the line, which could not be read with them. What begins after padding within it is
   * the next line. A stream of several files has a mark wherever one of them begins.
   */
  trim(): void {
    if (BOM.every((code, i) => this.bytes[this.from + i] === code) && this.from + BOM.length <= this.to) {
      this.from += BOM.length;
      this.length -= BOM.length;
    }
    const { bytes, from, to } = this;
    // Of a longer line the end is not known.
    if (this.length !== to - from) return;
    const padding = paddingIn(bytes, from, to);
    if (padding === null) return;
    this.paddings++;
    this.#rest = padding.to === to ? 0 : padding.to;
    this.#restTo = to;
    this.to = padding.from;
    this.length = padding.from - from;
  }

  #emitRest(): void {
    this.from = this.#rest;
    this.to = this.#restTo;
    this.length = this.to - this.from;
    this.#rest = 0;
  }

  #skipNuls(): void {
    if (!this.#inPadding) this.paddings++;
    this.#inPadding = true;
    const { bytes } = this.#chunk;
    while (this.#at < bytes.length && bytes[this.#at] === NUL) this.#at++;
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

  /** Adds to the carried line. Returns where it ends: `to`, or before that where padding ends and a new line begins. */
  #keep(from: number, to: number): number {
    const { bytes } = this.#chunk;
    let at = from;
    if (this.#nuls > 0) {
      while (at < to && bytes[at] === NUL) at++;
      this.#nuls += at - from;
      if (at === to || bytes[at] === OPEN_BRACE) return at;
      const kept = Math.max(this.#maxLineBytes + 2, MALFORMED_KEPT_BYTES);
      this.#store(Buffer.alloc(Math.min(this.#nuls, kept)), 0, this.#nuls);
      this.#nuls = 0;
    }
    const padding = paddingIn(bytes, at, to);
    this.#store(bytes, at, padding?.from ?? to);
    this.#nuls = padding === null ? 0 : padding.to - padding.from;
    return padding?.to ?? to;
  }

  #store(from: Buffer, start: number, end: number): void {
    this.#carried += end - start;
    // One byte over the limit may still be the `\r` of `\r\n`.
    const room = (this.#carried > this.#maxLineBytes + 1 ? MALFORMED_KEPT_BYTES : this.#carried) - this.#kept;
    const taken = Math.min(room, end - start);
    if (taken <= 0) return;
    const { bytes } = this.#carry;
    if (this.#kept + taken > bytes.length) {
      const grown = Buffer.alloc(Math.max(FIRST_CARRY, bytes.length * 2, this.#kept + taken));
      bytes.copy(grown, 0, 0, this.#kept);
      this.#carry = pieceOf(grown);
    }
    from.copy(this.#carry.bytes, this.#kept, start, start + taken);
    this.#kept += taken;
  }

  #emitCarry(): void {
    const length = this.#carried;
    const kept = this.#kept;
    this.#carried = 0;
    this.#kept = 0;
    if (this.#nuls > 0) this.paddings++;
    this.#nuls = 0;
    this.#emit(this.#carry, 0, kept, length);
  }

  #emit({ bytes, view }: Piece, from: number, to: number, length: number): void {
    const whole = length === to - from;
    const end = whole && to > from && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    this.#inPadding = false;
    this.bytes = bytes;
    this.view = view;
    this.from = from;
    this.to = end;
    this.length = length - (to - end);
  }
}

/** The first NULs within `bytes[from, to)` that are at its end, or before text that begins like an object. */
function paddingIn(bytes: Buffer, from: number, to: number): { readonly from: number; readonly to: number } | null {
  const line = bytes.subarray(from, to);
  for (let start = line.indexOf(NUL); start >= 0; ) {
    let end = start + 1;
    while (line[end] === NUL) end++;
    if (end === line.length || line[end] === OPEN_BRACE) return { from: from + start, to: from + end };
    start = line.indexOf(NUL, end);
  }
  return null;
}

function pieceOf({ buffer, byteOffset, byteLength }: Uint8Array): Piece {
  return { bytes: Buffer.from(buffer, byteOffset, byteLength), view: new DataView(buffer, byteOffset, byteLength) };
}
