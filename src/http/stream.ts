/** The client of a reply that is sent bit by bit: what waits for it is bounded, and it is cut off where it takes nothing. */
import type { HttpLimits } from "./limits.ts";
import { chunk, type Framing, LAST_CHUNK } from "./reply.ts";
import type { StreamClient } from "./route.ts";

export type StreamParts = {
  readonly framing: Framing;
  readonly length: number | undefined;
  readonly limits: HttpLimits;
  /** Bytes that the system took; negative: the connection is gone. */
  readonly write: (bytes: Uint8Array) => number;
  /** Ends the connection at once. */
  readonly cut: (isSlow: boolean) => void;
  /** All was sent and taken. */
  readonly done: () => void;
};

export class Stream implements StreamClient {
  readonly #parts: StreamParts;
  readonly #left = new AbortController();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #sent = 0;
  #isEnding = false;
  #stalled: Timer | null = null;
  #drains: (() => void)[] = [];

  /** `head` is the first that is sent. */
  constructor(parts: StreamParts, head: Uint8Array) {
    this.#parts = parts;
    this.#push(head);
  }

  get gone(): AbortSignal {
    return this.#left.signal;
  }

  send(data: Uint8Array | string): boolean {
    const { limits, framing, cut } = this.#parts;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (this.gone.aborted) return false;
    if (this.#waitingBytes >= limits.streamMostBytes) {
      cut(true);
      return false;
    }
    this.#sent += bytes.length;
    // A chunk of no bytes would be the last one.
    if (bytes.length > 0) this.#push(framing === "chunked" ? chunk(bytes) : bytes);
    return this.#waitingBytes < limits.streamRoomBytes;
  }

  drained(): Promise<void> {
    if (this.#waitingBytes === 0 || this.gone.aborted) return Promise.resolve();
    return new Promise((done) => this.#drains.push(done));
  }

  /** The sender has sent everything. */
  end(): void {
    if (this.gone.aborted) return;
    const { framing, length, cut } = this.#parts;
    // The client must not take a part for the whole.
    if (framing === "length" && this.#sent !== length) {
      cut(false);
      return;
    }
    this.#isEnding = true;
    if (framing === "chunked") this.#push(LAST_CHUNK);
    else this.flush();
  }

  /** The connection has room again. */
  flush(): void {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const written = this.#parts.write(first);
      if (written < 0) {
        this.#parts.cut(false);
        return;
      }
      this.#waitingBytes -= written;
      if (written > 0) this.#stopClock();
      if (written < first.length) {
        this.#waiting[0] = first.subarray(written);
        this.#startClock();
        return;
      }
      this.#waiting.shift();
    }
    this.#stopClock();
    for (const done of this.#drains.splice(0)) done();
    if (this.#isEnding) this.#parts.done();
  }

  /** The connection has ended, or ends. */
  leave(): void {
    this.#stopClock();
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#left.abort();
    for (const done of this.#drains.splice(0)) done();
  }

  #push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    // While something waits, the system said that it has no room.
    if (this.#waiting.length === 1) this.flush();
  }

  #startClock(): void {
    if (this.#stalled !== null) return;
    this.#stalled = setTimeout(() => this.#parts.cut(true), this.#parts.limits.stallMs);
    this.#stalled.unref();
  }

  #stopClock(): void {
    if (this.#stalled !== null) clearTimeout(this.#stalled);
    this.#stalled = null;
  }
}
