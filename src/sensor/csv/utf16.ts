/** UTF-16, as Excel's "Unicode text": it becomes UTF-8 before it is cut into lines, and every place in it is still one of the file. */

export type Utf16 = "utf-16le" | "utf-16be";

/** What the mark at the start of a file says; null: it has none. */
export function utf16Of(begin: Uint8Array): Utf16 | null {
  const [first, second] = begin;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : null;
}

export class Utf16Stream {
  readonly #decoder: TextDecoder;
  /** What was made and is not counted yet, and how much of the first piece is. */
  readonly #pieces: Buffer[] = [];
  #counted = 0;
  /** Bytes that were counted, and the units of UTF-16 in them. */
  #bytes = 0;
  #units = 0;

  constructor(encoding: Utf16) {
    this.#decoder = new TextDecoder(encoding, { ignoreBOM: true });
  }

  /** The chunk as UTF-8. */
  decode(chunk: Uint8Array): Buffer {
    return this.#keep(this.#decoder.decode(chunk, { stream: true }));
  }

  /** What is left, after the last chunk. */
  end(): Buffer {
    return this.#keep(this.#decoder.decode());
  }

  #keep(text: string): Buffer {
    const piece = Buffer.from(text);
    if (piece.length > 0) this.#pieces.push(piece);
    return piece;
  }

  /** How many bytes of the file so many bytes of UTF-8 are. Asked in ascending order. */
  offsetOf(bytes: number): number {
    for (let piece = this.#pieces[0]; this.#bytes < bytes && piece !== undefined; piece = this.#pieces[0]) {
      const to = Math.min(piece.length, this.#counted + bytes - this.#bytes);
      for (let at = this.#counted; at < to; at++) this.#units += unitsOf(piece[at] ?? 0);
      this.#bytes += to - this.#counted;
      this.#counted = to;
      if (to < piece.length) break;
      this.#pieces.shift();
      this.#counted = 0;
    }
    return this.#units * 2;
  }
}

/** Of the character that a byte of UTF-8 begins; none for a byte within one. */
function unitsOf(byte: number): number {
  if ((byte & 0xc0) === 0x80) return 0;
  return byte >= 0xf0 ? 2 : 1;
}
