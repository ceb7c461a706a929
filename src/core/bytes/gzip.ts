/**
 * How hard bodies are compressed. A node that keeps up has time to spare, and its bytes cost money: hard. A backlog is as
 * fast as the processor: fast. One that waits for a slow link is slow, and so hard again. No setting is needed.
 */
export const GZIP_LEVELS = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
export type GzipLevel = (typeof GZIP_LEVELS)[number];

/** Level 6 takes 2.0 µs of a row, level 1 takes 0.6 and makes two thirds more bytes (docs/decisions.md). */
const HARD: GzipLevel = 6;
const FAST: GzipLevel = 1;
/** Rows compressed hard, at most: 4,000 a second take 0.8 % of a core, and a batch of 20,000 readings is two rows for each. */
const HARD_ROWS_A_SECOND = 4_000;
const HARD_ROWS_AT_ONCE = 40_000;

export class Gzip {
  readonly #level: GzipLevel | "auto";
  readonly #running: () => number;
  #left = HARD_ROWS_AT_ONCE;
  #atMs: number;

  /** `running`: ms of a clock that never jumps. */
  constructor(level: GzipLevel | "auto", running: () => number) {
    this.#level = level;
    this.#running = running;
    this.#atMs = running();
  }

  /** A gzip member (RFC 1952) of `text`, which has `rows` rows. */
  compress(text: Uint8Array<ArrayBuffer> | string, rows: number): Uint8Array<ArrayBuffer> {
    return Bun.gzipSync(text, { level: this.#level === "auto" ? this.#levelFor(rows) : this.#level });
  }

  #levelFor(rows: number): GzipLevel {
    const nowMs = this.#running();
    const earned = ((nowMs - this.#atMs) * HARD_ROWS_A_SECOND) / 1_000;
    this.#atMs = nowMs;
    this.#left = Math.min(HARD_ROWS_AT_ONCE, this.#left + earned);
    if (this.#left < rows) return FAST;
    this.#left -= rows;
    return HARD;
  }
}
