/** How far a writer may write: each line on stdin is a number, and the highest one counts until stdin ends. */
export class WriterLimit {
  #allowed = 0;
  #isEnded = false;
  #wake: () => void = () => undefined;
  /** Resolves when stdin has ended. */
  readonly ended: Promise<void>;

  constructor() {
    this.ended = this.#read();
  }

  get allowed(): number {
    return this.#allowed;
  }

  /** Waits until more than `written` may be written; false: no more will be. */
  async allowsMoreThan(written: number): Promise<boolean> {
    while (written >= this.#allowed && !this.#isEnded) await new Promise<void>((resolve) => (this.#wake = resolve));
    return written < this.#allowed;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of Bun.stdin.stream()) {
      for (const line of decoder.decode(bytes).split("\n")) this.#allowed = Math.max(this.#allowed, Number(line));
      this.#wake();
    }
    this.#isEnded = true;
    this.#wake();
  }
}
