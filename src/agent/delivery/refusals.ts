/** Batches that the store does not take, until they are written down: that needs the database, which may be full just then. */
import type { Batch } from "../../buffer/buffer.ts";
import type { Outbox } from "../../buffer/outbox.ts";
import type { Log } from "../../core/log/log.ts";
import type { Foreign } from "./collisions.ts";

type Parts = { readonly outbox: Outbox; readonly log: Log; readonly now: () => number };

export class Refusals {
  readonly #parts: Parts;
  readonly #refused: { readonly batch: Batch; readonly reason: string }[] = [];
  /** Their keys are taken by other objects. */
  readonly #conflicts: { readonly batch: Batch; readonly foreign: Foreign }[] = [];
  /** Since the start. */
  parked = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  add(batch: Batch, reason: string): void {
    this.#refused.push({ batch, reason });
  }

  conflict(batch: Batch, foreign: Foreign): void {
    this.#conflicts.push({ batch, foreign });
  }

  /** `settled` is called with each batch that is written down. Throws the database's error, and then the next call does the rest. */
  write(settled: (batch: Batch) => void): void {
    for (let next = this.#conflicts[0]; next !== undefined; next = this.#conflicts[0]) {
      this.#park(next.batch, next.foreign);
      settled(next.batch);
      this.#conflicts.shift();
    }
    for (let next = this.#refused[0]; next !== undefined; next = this.#refused[0]) {
      this.#refuse(next.batch, next.reason);
      settled(next.batch);
      this.#refused.shift();
    }
  }

  #park(batch: Batch, { found }: Foreign): void {
    const { outbox, log, now } = this.#parts;
    const reason = `another object is under its key: ${found}`;
    outbox.park(batch, reason, now());
    this.parked++;
    log.error("object_conflict", `Cannot deliver ${batch.stage}/${batch.key}: ${reason}`, { count: batch.count });
  }

  #refuse(batch: Batch, reason: string): void {
    const { outbox, log, now } = this.#parts;
    const outcome = outbox.refused(batch, reason, now());
    if (outcome === "parked") {
      this.parked++;
      log.error("batch_parked", `Cannot deliver ${batch.stage}/${batch.key}: ${reason}`, { count: batch.count });
    } else log.warn("batch_halved", `Cannot deliver ${batch.stage}/${batch.key} whole: ${reason}`);
  }
}
