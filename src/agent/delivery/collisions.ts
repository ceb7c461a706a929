/**
 * Keys that are taken already when a batch is sent. After a lost answer or a restart that is usual: the object is ours. What
 * may not be looked at counts as delivered, because sending it again would double its rows; where no earlier try of this batch
 * explains it, that is counted and reported.
 */
import type { Batch } from "../../buffer/buffer.ts";
import type { Outbox } from "../../buffer/outbox.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Log } from "../../core/log/log.ts";
import type { ObjectStore, PutAnswer } from "../../uplink/object-store.ts";
import type { Prepared } from "./batch-bodies.ts";
import { rememberUnseen, SHOWN_MS, unseenObjects, unseenProblems } from "./collision-problems.ts";
import { type Examined, examine } from "./examine.ts";

export type Foreign = Examined & { readonly is: "foreign" };
type Unseen = Examined & { readonly is: "unseen" };

export type CollisionParts = {
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly store: ObjectStore;
  readonly log: Log;
};

export class Collisions {
  readonly #parts: CollisionParts;
  /** Batches with a higher id were promised since this was made. */
  readonly #before: number;
  /** Batches that were sent and may be there: no answer came, or one that does not say. */
  readonly #tried = new Set<number>();
  #unwritten: { readonly place: string; readonly look: Unseen }[] = [];

  constructor(parts: CollisionParts) {
    this.#parts = parts;
    this.#before = parts.outbox.lastId();
  }

  /** A put of it has failed: the store may have the object all the same. */
  tried({ id }: Batch): void {
    this.#tried.add(id);
  }

  settled({ id }: Batch): void {
    this.#tried.delete(id);
  }

  /** Null: the batch counts as delivered. Throws as `ObjectStore.look` does. */
  async judge({ batch, body }: Prepared, answer: PutAnswer, signal: AbortSignal): Promise<Foreign | null> {
    if (answer === "stored") return null;
    const { store } = this.#parts;
    const isExplained = answer === "perhaps-own" || this.#tried.has(batch.id) || batch.id <= this.#before;
    const examined = await examine(store, batch, body, signal);
    if (examined.is === "foreign") return examined;
    if (examined.is === "unseen" && !isExplained) {
      this.#unwritten.push({ place: `${store.place(batch.stage)}/${batch.key}`, look: examined });
    }
    return null;
  }

  /** Writes down what could not be seen. Throws the database's error, and then the next call does it. */
  write(nowMs: number): void {
    const [first] = this.#unwritten;
    if (first === undefined) return;
    const { buffer, log } = this.#parts;
    const known = unseenObjects(buffer);
    const { because, missing, tryHint } = first.look;
    const count = (known?.count ?? 0) + this.#unwritten.length;
    rememberUnseen(buffer, { count, key: known?.key ?? first.place, because, missing, try: tryHint, atMs: nowMs });
    this.#unwritten = [];
    const isNews = known === null || Math.abs(nowMs - known.atMs) >= SHOWN_MS;
    const [problem] = unseenProblems(buffer, nowMs);
    if (isNews && problem !== undefined) log.warn(problem.code, problem.message, { try: problem.try });
  }
}
