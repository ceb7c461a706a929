/** The body of a request, gathered as its bytes come, and never more of it than the route takes. */

export type BodyProblem = { readonly status: 400 | 413; readonly problem: string };
/** Null: more must come. */
export type BodyProgress = Uint8Array | BodyProblem | null;

/** A line with the size of a chunk, or a trailer. */
const LINE_BYTES = 256;
const TRAILERS_MOST = 16;
const SIZE = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/;

export interface BodyReader {
  take(bytes: Uint8Array): BodyProgress;
}

export function bodyReader(framing: number | "chunked", maxBytes: number): BodyReader {
  return framing === "chunked" ? new ChunkedBody(maxBytes) : new SizedBody(framing);
}

export function tooLarge(maxBytes: number): BodyProblem {
  const limit = maxBytes === 0 ? "this path takes no body" : `this path takes ${maxBytes} bytes at most`;
  return { status: 413, problem: `the body is too large: ${limit}` };
}

class SizedBody implements BodyReader {
  readonly #body: Uint8Array;
  #filled = 0;

  constructor(length: number) {
    this.#body = new Uint8Array(length);
  }

  take(bytes: Uint8Array): BodyProgress {
    const part = bytes.subarray(0, this.#body.length - this.#filled);
    this.#body.set(part, this.#filled);
    this.#filled += part.length;
    return this.#filled === this.#body.length ? this.#body : null;
  }
}

class ChunkedBody implements BodyReader {
  readonly #maxBytes: number;
  /** Grows by doubling: many small chunks cost no more than few large ones. */
  #body = new Uint8Array(0);
  #filled = 0;
  /** Of all chunks that were announced. */
  #bytes = 0;
  /** Of the chunk in progress; null: the line with its size comes next. */
  #left: number | null = null;
  /** The part of a line that has come. */
  #line = "";
  #state: "size" | "data" | "data-end" | "trailer" = "size";
  #trailers = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(bytes: Uint8Array): BodyProgress {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#state === "data") {
        rest = this.#data(rest);
        continue;
      }
      const end = rest.indexOf(0x0a);
      const text = Buffer.from(end < 0 ? rest : rest.subarray(0, end + 1)).toString("latin1", 0, LINE_BYTES + 1);
      this.#line += text;
      if (this.#line.length > LINE_BYTES) return { status: 400, problem: "a line of the chunked body is too long" };
      if (end < 0) return null;
      rest = rest.subarray(end + 1);
      const line = this.#line;
      this.#line = "";
      if (!line.endsWith("\r\n")) return { status: 400, problem: "the chunked body is malformed" };
      const outcome = this.#lineEnds(line.slice(0, -2));
      if (outcome !== null) return outcome;
    }
    return null;
  }

  #data(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, this.#left ?? 0);
    this.#makeRoom(this.#filled + part.length);
    this.#body.set(part, this.#filled);
    this.#filled += part.length;
    this.#left = (this.#left ?? 0) - part.length;
    if (this.#left === 0) this.#state = "data-end";
    return bytes.subarray(part.length);
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#body.length) return;
    const larger = new Uint8Array(Math.min(this.#maxBytes, Math.max(bytes, 2 * this.#body.length, 4_096)));
    larger.set(this.#body);
    this.#body = larger;
  }

  #lineEnds(line: string): BodyProgress {
    if (this.#state === "data-end") {
      this.#state = "size";
      return line === "" ? null : { status: 400, problem: "a chunk is longer than its size" };
    }
    if (this.#state === "trailer") {
      if (line === "") return this.#body.subarray(0, this.#filled);
      return ++this.#trailers > TRAILERS_MOST ? { status: 400, problem: "too many trailers" } : null;
    }
    const size = SIZE.exec(line)?.[1];
    if (size === undefined) return { status: 400, problem: "the size of a chunk is malformed" };
    this.#left = Number.parseInt(size, 16);
    this.#bytes += this.#left;
    if (this.#bytes > this.#maxBytes) return tooLarge(this.#maxBytes);
    this.#state = this.#left === 0 ? "trailer" : "data";
    return null;
  }
}
