/**
 * Whose trouble a refusal is. One bad row makes one half of a batch fail and the other not; a quota makes everything fail with
 * the same answer. So refusals are counted while nothing is stored in between.
 */

/**
 * Refusals alike in a row that are still taken for the objects': a batch, its halves and theirs. With the puts that are on their
 * way then, no store is asked more often before the agent waits.
 */
export const PROBES = 7;

export class RefusedAlike {
  #like: string | null;
  #inARow = 0;
  #isStore: boolean;
  #hasStored = false;

  /** `like`: the answer with which the store refused everything when the last life ended; null: it did not. */
  constructor(like: string | null) {
    this.#like = like;
    this.#isStore = like !== null;
  }

  /** The answer with which the store refuses everything; null: it does not. */
  get ofStore(): string | null {
    return this.#isStore ? this.#like : null;
  }

  /** Something was stored since this answer came for the first time: the store takes other objects. */
  get hasStored(): boolean {
    return this.#hasStored;
  }

  /** An object was refused. */
  refused(like: string): void {
    if (like !== this.#like) {
      this.#like = like;
      this.#inARow = 0;
      this.#isStore = false;
      this.#hasStored = false;
    }
    this.#inARow++;
    if (this.#inARow > PROBES) this.#isStore = true;
  }

  stored(): void {
    this.#inARow = 0;
    this.#isStore = false;
    this.#hasStored = true;
  }
}

/** An answer without what differs from object to object: quoted names, numbers and ids. */
export function likenessOf(reason: string): string {
  return reason
    .replace(/"[^"]*"/g, '""')
    .replace(/[\w-]*\d[\w.-]*/g, "#")
    .slice(0, 500);
}
