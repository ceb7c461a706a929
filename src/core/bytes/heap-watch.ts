/**
 * Keeps the process small: the engine by itself collects when its heap has doubled, which is late on a small device. Young
 * garbage costs a tenth of the whole heap to collect, and is collected at every look. The whole heap is collected when memory
 * has grown, and not again until it has grown again.
 */
const FLOOR_BYTES = 90e6;
const GROWTH_BYTES = 10e6;
/** Readings between two looks, counted when they are taken and when they are delivered. */
const LOOK_READINGS = 10_000;

export type Collector = { readonly all: () => void; readonly young: () => void };

export class HeapWatch {
  readonly #rss: () => number;
  readonly #collector: Collector;
  /** Since the last collection; memory is given back a little after it, not at once. */
  #lowest = 0;
  #unwatched = 0;

  /** `rss`: resident bytes of the process. */
  constructor(rss: () => number, collector: Collector) {
    this.#rss = rss;
    this.#collector = collector;
  }

  /** Counts readings that were processed, each of which leaves some garbage. */
  count(readings: number): void {
    this.#unwatched += readings;
    if (this.#unwatched < LOOK_READINGS) return;
    this.#unwatched = 0;
    this.look();
  }

  look(): void {
    const rss = this.#rss();
    this.#lowest = Math.min(this.#lowest, rss);
    if (rss <= FLOOR_BYTES) return;
    if (rss <= this.#lowest + GROWTH_BYTES) this.#collector.young();
    else {
      this.#collector.all();
      this.#lowest = this.#rss();
    }
  }
}
