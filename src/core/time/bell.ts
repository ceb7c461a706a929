/** Waiting that somebody can end early: a loop sleeps on its bell, whoever has news for it rings. */
export class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  /** Ends the wait, or the next one if nobody waits now. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /**
   * Resolves after `ms` (null: only when rung), or when timers and I/O had their turn where it was rung since the last
   * wait: two loops that ring for each other would otherwise keep signals and answers of the store out for ever.
   */
  async wait(ms: number | null): Promise<void> {
    if (this.#rung) await breathe();
    else {
      await new Promise<void>((resolve) => {
        // setTimeout takes at most 2^31 ms; a longer wait just ends early and is asked for again.
        const timer = ms === null ? null : setTimeout(resolve, Math.min(Math.max(0, ms), 2 ** 31 - 1));
        this.#wake = () => {
          if (timer !== null) clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = null;
    this.#rung = false;
  }
}

/** Lets timers and I/O have their turn. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
