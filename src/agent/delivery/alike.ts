/**
 * Whose trouble a refusal is. One bad row makes one half of a batch fail and the other not; a quota makes everything fail with
 * the same answer. So the refusals of a bucket are counted while nothing is stored in it in between.
 */

/**
 * Refusals alike in a row that are still taken for the objects': a batch, its halves and theirs. With the puts that are on their
 * way then, no bucket is asked more often before the agent waits.
 */
export const PROBES = 7;

/** What outlives a restart, so that it divides nothing further. */
export type RefusalRun = { readonly like: string; readonly inARow: number };

export class RefusedAlike {
  #like: string | null;
  #inARow: number;
  #hasStored = false;
  /** `row` has changed since this was set to false. */
  hasChanged = false;

  constructor(row: RefusalRun | null) {
    this.#like = row?.like ?? null;
    this.#inARow = row?.inARow ?? 0;
  }

  /** Null: nothing was refused since something was stored. */
  get row(): RefusalRun | null {
    return this.#like === null || this.#inARow === 0 ? null : { like: this.#like, inARow: this.#inARow };
  }

  /** Every object is refused alike. */
  get isOfStore(): boolean {
    return this.#inARow > PROBES;
  }

  /** Something was stored since this answer came for the first time: the bucket takes other objects. */
  get hasStored(): boolean {
    return this.#hasStored;
  }

  /** An object was refused. */
  refused(like: string): void {
    if (like !== this.#like) {
      this.#like = like;
      this.#inARow = 0;
      this.#hasStored = false;
    }
    if (this.isOfStore) return;
    this.#inARow++;
    this.hasChanged = true;
  }

  stored(): void {
    this.#hasStored = true;
    if (this.#inARow === 0) return;
    this.#inARow = 0;
    this.hasChanged = true;
  }
}

/** An answer without what differs from object to object: quoted names, numbers and ids. */
export function likenessOf(reason: string): string {
  return reason
    .replace(/"[^"]*"/g, '""')
    .replace(/[\w-]*\d[\w.-]*/g, "#")
    .slice(0, 500);
}
