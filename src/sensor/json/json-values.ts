/**
 * The JSON values of a body, one after the other, as lines that a decoder reads: the items of an array, or values with any white space
 * between them (NDJSON, a pretty-printed object). Only their ends are looked for; whether a value is JSON, its decoder says. So one bad
 * item of an array costs no other.
 */
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
} from "../../core/ascii.ts";
import type { Line } from "../lines/line.ts";

const BOM = 0xef;
/** RFC 7464 puts it before each value. */
const RECORD_SEPARATOR = 0x1e;

export class JsonValues implements Line {
  readonly bytes: Buffer;
  readonly view: DataView;
  from = 0;
  to = 0;
  length = 0;
  paddings = 0;
  readonly #maxBytes: number;
  readonly #keepsArrays: boolean;
  readonly #isText: boolean;
  #at = 0;
  #inArray = false;

  /** `keepsArrays`: an array is one value, not many. `isText`: a value that is neither an object nor an array is a line. */
  constructor(
    bytes: Buffer,
    options: { readonly maxBytes: number; readonly keepsArrays: boolean; readonly isText?: boolean },
  ) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxBytes = options.maxBytes;
    this.#keepsArrays = options.keepsArrays;
    this.#isText = options.isText === true;
    if (bytes[0] === BOM && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
    this.#skip();
  }

  get done(): boolean {
    return this.#at >= this.bytes.length;
  }

  get tooLong(): boolean {
    return this.length > this.#maxBytes;
  }

  /** How far it came, to continue there with another body of the same bytes. */
  get position(): number {
    return this.#at;
  }

  get state(): string | null {
    return this.#inArray ? "array" : null;
  }

  resume(position: number, state: string | null): void {
    this.#at = position;
    this.#inArray = state === "array";
  }

  /** After true, the value is `bytes[from, to)`. */
  next(): boolean {
    if (this.done) return false;
    const from = this.#at;
    this.from = from;
    this.to = this.#end(from);
    this.length = this.to - from;
    this.#at = this.to;
    this.#skip();
    return true;
  }

  trim(): void {}

  /** To the next value, or the end: over white space and separators, into an array and out of it. */
  #skip(): void {
    const { bytes } = this;
    for (; this.#at < bytes.length; this.#at++) {
      const code = bytes[this.#at]!;
      if (code <= SPACE || code === RECORD_SEPARATOR) continue;
      if (this.#inArray) {
        if (code === COMMA) continue;
        if (code !== CLOSE_BRACKET) return;
        this.#inArray = false;
      } else if (code !== OPEN_BRACKET || this.#keepsArrays) return;
      else this.#inArray = true;
    }
  }

  /** The position after the value that begins at `from`; of one that has no end, the end of the body. */
  #end(from: number): number {
    const { bytes } = this;
    const first = bytes[from];
    if (first === QUOTE && !this.#isText) return this.#textEnd(from);
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return this.#wordEnd(from);
    let depth = 0;
    for (let at = from; at < bytes.length; at++) {
      const code = bytes[at]!;
      if (code === QUOTE) at = this.#textEnd(at) - 1;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
      else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return at + 1;
    }
    return bytes.length;
  }

  #wordEnd(from: number): number {
    const { bytes } = this;
    let at = from + 1;
    for (; at < bytes.length; at++) {
      const code = bytes[at]!;
      if (code === LINE_FEED || (this.#inArray && (code === COMMA || code === CLOSE_BRACKET))) break;
    }
    while (at > from + 1 && bytes[at - 1]! <= SPACE) at--;
    return at;
  }

  #textEnd(from: number): number {
    const { bytes } = this;
    for (let at = bytes.indexOf(QUOTE, from + 1); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
      let first = at;
      while (bytes[first - 1] === BACKSLASH) first--;
      if ((at - first) % 2 === 0) return at + 1;
    }
    return bytes.length;
  }
}
