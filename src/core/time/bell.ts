/** A wait that can be ended early: a loop sleeps on its bell, and another part of the program rings it when there is work. */
export class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  /** Ends the wait, or the next one if there is none now. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /**
   * Resolves after `ms` (null: only when rung). If it was rung since the last wait, it resolves once timers and I/O had their
   * turn: two loops that ring for each other would otherwise block signals and responses of the store for ever.
   */
  async wait(ms: number | null): Promise<void> {
    if (this.#rung) await breathe();
    else {
      await new Promise<void>((resolve) => {
        // setTimeout takes at most 2^31 ms; a longer wait ends early, and the loop waits again.
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

/** Lets timers and I/O run. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
