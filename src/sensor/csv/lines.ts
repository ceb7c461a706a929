/**
 * The lines of a CSV file, which can be given back: the end of a cell in quotes may be in a later line, or not there yet. Every line
 * knows its place in the file.
 */
import { CARRIAGE_RETURN } from "../../core/ascii.ts";
import type { Line } from "../lines/line.ts";
import { LineSplitter } from "../lines/splitter.ts";
import { type Utf16, Utf16Stream } from "./utf16.ts";

const BOM = [0xef, 0xbb, 0xbf] as const;
const NUL = 0;

/** A line of its own memory, without byte-order mark and padding. */
export type CsvLine = {
  readonly bytes: Buffer;
  /** The length of the whole; more than `bytes` has where it was too long to keep. */
  readonly length: number;
  readonly tooLong: boolean;
  /** Where it begins, and where the next one begins. */
  readonly from: number;
  readonly to: number;
  /** What ended it: for a cell that holds the newline. */
  readonly ending: "\n" | "\r\n";
};

export class CsvLines {
  readonly #splitter: LineSplitter;
  readonly #start: number;
  /** Lines that were given back, the next one first. */
  #returned: CsvLine[] = [];
  #returnedBytes = 0;
  #from = 0;
  #utf16: Utf16Stream | null = null;

  /** `start`: the offset of the first byte that is pushed. */
  constructor(maxLineBytes: number, start: number) {
    this.#splitter = new LineSplitter(maxLineBytes);
    this.#start = start;
    this.#from = start;
  }

  /** Before the first chunk: all of them are UTF-16. */
  decodeAs(encoding: Utf16): void {
    this.#utf16 = new Utf16Stream(encoding);
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(this.#utf16 === null ? chunk : this.#utf16.decode(chunk));
  }

  end(): void {
    if (this.#utf16 !== null) this.#splitter.push(this.#utf16.end());
    this.#splitter.end();
  }

  /** Where the splitter is, in the file. */
  get #offset(): number {
    const { readBytes } = this.#splitter;
    return this.#start + (this.#utf16 === null ? readBytes : this.#utf16.offsetOf(readBytes));
  }

  /** No more lines come but those that were given back. */
  get ended(): boolean {
    return this.#splitter.done;
  }

  get done(): boolean {
    return this.#returned.length === 0 && this.#splitter.done;
  }

  get waitingBytes(): number {
    return this.#splitter.waitingBytes + this.#returnedBytes;
  }

  /** Where the line begins that is read next. */
  get position(): number {
    return this.#returned[0]?.from ?? this.#offset;
  }

  /** The next line as it is in a chunk: without copying. Null where there is none, or where lines were given back. */
  nextInPlace(): Line | null {
    if (this.#returned.length > 0) return null;
    this.#from = this.#offset;
    return this.#splitter.next() ? this.#splitter : null;
  }

  /** The next line, or null where there is none now. */
  next(): CsvLine | null {
    const returned = this.#returned.shift();
    if (returned !== undefined) {
      this.#returnedBytes -= returned.bytes.length;
      return returned;
    }
    return this.nextInPlace() === null ? null : this.keep();
  }

  /** The line that `nextInPlace` found, as one that can be kept. */
  keep(): CsvLine {
    const { bytes, from, to, length, tooLong } = this.#splitter;
    const hasReturn = bytes[to] === CARRIAGE_RETURN && to < bytes.length && length === to - from;
    return this.#trimmed({
      bytes: Buffer.from(bytes.subarray(from, to)),
      length,
      tooLong,
      from: this.#from,
      to: this.#offset,
      ending: hasReturn ? "\r\n" : "\n",
    });
  }

  /** Gives lines back: they are the next ones, in this order. */
  giveBack(lines: readonly CsvLine[]): void {
    this.#returned = [...lines, ...this.#returned];
    for (const { bytes } of lines) this.#returnedBytes += bytes.length;
  }

  /** Runs of NULs that were left out since the last call. */
  takePaddings(): number {
    const { paddings } = this.#splitter;
    this.#splitter.paddings = 0;
    return paddings;
  }

  /** A line that NULs cut in two, as a loss of power leaves it, is two lines. */
  #trimmed(line: CsvLine): CsvLine {
    const { bytes } = line;
    const start = line.from === 0 || bytes[0] === BOM[0] ? afterMark(bytes) : 0;
    const nul = bytes.indexOf(NUL);
    if (nul < 0 || line.length > bytes.length) return start === 0 ? line : part(line, start, bytes.length);
    let rest = nul;
    while (bytes[rest] === NUL) rest++;
    this.#splitter.paddings++;
    if (rest === bytes.length) return part(line, start, nul);
    const between = line.from + rest;
    this.giveBack([this.#trimmed({ ...part(line, rest, bytes.length), from: between })]);
    return { ...part(line, start, nul), to: between };
  }
}

function afterMark(bytes: Buffer): number {
  return BOM.every((code, i) => bytes[i] === code) ? BOM.length : 0;
}

function part(line: CsvLine, from: number, to: number): CsvLine {
  const cut = line.bytes.length - (to - from);
  return { ...line, bytes: line.bytes.subarray(from, to), length: line.length - cut };
}

/** Several lines as they were received. */
export function joined(lines: readonly CsvLine[]): Buffer {
  const last = lines.length - 1;
  return Buffer.concat(lines.flatMap(({ bytes, ending }, i) => (i < last ? [bytes, Buffer.from(ending)] : [bytes])));
}

/** The lines of a piece of the file that was read before. */
export function linesOf(piece: Uint8Array, start: number, encoding: Utf16 | null): CsvLine[] {
  const lines = new CsvLines(piece.length * 2 + 1, start);
  if (encoding !== null) lines.decodeAs(encoding);
  lines.push(piece);
  lines.end();
  const all: CsvLine[] = [];
  for (let line = lines.next(); line !== null; line = lines.next()) all.push(line);
  return all;
}
