/** So many at once, and the next ones in the order in which they came. */
export class Slots {
  readonly #most: number;
  readonly #taken = new Set<() => void>();
  readonly #waiting = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Calls `begin` now, or when there is a slot. What is returned gives the slot back, or the place among those that wait; again: nothing. */
  take(begin: () => void): () => void {
    const one = () => begin();
    this.#waiting.add(one);
    this.#next();
    return () => {
      this.#waiting.delete(one);
      this.#taken.delete(one);
      this.#next();
    };
  }

  #next(): void {
    for (const one of this.#waiting) {
      if (this.#taken.size >= this.#most) return;
      this.#waiting.delete(one);
      this.#taken.add(one);
      one();
    }
  }
}
