/**
 * Keeps the process small: the engine by itself collects when its heap has doubled, which on a small device is late. A
 * collection costs some ms, so it is made when memory has grown, and not again until it has grown anew.
 */
const FLOOR_BYTES = 90e6;
const GROWTH_BYTES = 14e6;

export class HeapWatch {
  readonly #rss: () => number;
  readonly #collect: () => void;
  /** Since the last collection; memory is given back a little after it, not at once. */
  #lowest = 0;

  /** `rss`: resident bytes of the process. */
  constructor(rss: () => number, collect: () => void) {
    this.#rss = rss;
    this.#collect = collect;
  }

  look(): void {
    const rss = this.#rss();
    this.#lowest = Math.min(this.#lowest, rss);
    if (rss <= Math.max(FLOOR_BYTES, this.#lowest + GROWTH_BYTES)) return;
    this.#collect();
    this.#lowest = this.#rss();
  }
}
