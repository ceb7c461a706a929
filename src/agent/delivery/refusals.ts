/** Batches that the store does not take, until they are written down: that needs the database, which may be full just then. */
import type { Batch } from "../../buffer/buffer.ts";
import type { Outbox } from "../../buffer/outbox.ts";
import type { Gzip } from "../../core/bytes/gzip.ts";
import type { Log } from "../../core/log/log.ts";
import type { Foreign } from "./collisions.ts";
import { replanned } from "./replan.ts";

export type RefusalParts = {
  readonly outbox: Outbox;
  readonly gzip: Gzip;
  readonly log: Log;
  readonly now: () => number;
};

export class Refusals {
  readonly #parts: RefusalParts;
  readonly #refused: { readonly batch: Batch; readonly reason: string }[] = [];
  /** Their keys are taken by other objects. */
  readonly #conflicts: { readonly batch: Batch; readonly foreign: Foreign }[] = [];
  #trouble: string | null = null;
  /** Since the start. */
  parked = 0;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  add(batch: Batch, reason: string): void {
    this.#refused.push({ batch, reason });
  }

  conflict(batch: Batch, foreign: Foreign): void {
    this.#conflicts.push({ batch, foreign });
  }

  /** Why the store should not be asked again at once; null: there is no reason. */
  takeTrouble(): string | null {
    const trouble = this.#trouble;
    this.#trouble = null;
    return trouble;
  }

  /** `settled` is called with each batch that is written down. Throws the database's error, and then the next call does the rest. */
  write(settled: (batch: Batch) => void): void {
    for (let next = this.#conflicts[0]; next !== undefined; next = this.#conflicts[0]) {
      this.#replan(next.batch, next.foreign);
      settled(next.batch);
      this.#conflicts.shift();
    }
    for (let next = this.#refused[0]; next !== undefined; next = this.#refused[0]) {
      this.#refuse(next.batch, next.reason);
      settled(next.batch);
      this.#refused.shift();
    }
  }

  #replan(batch: Batch, { missing, found }: Foreign): void {
    const { outbox, gzip, log, now } = this.#parts;
    const nowMs = now();
    const made = replanned(batch, missing, { outbox, gzip, nowMs });
    const reason = `another object is under its key: ${found}`;
    if (made === null) {
      this.#park(batch, reason);
      return;
    }
    const { again, epoch, window, isAgain } = made;
    outbox.replan(batch, { again, epoch, window, found }, nowMs);
    if (isAgain) this.#trouble = `objects of others are under every new key, again and again: ${found}`;
    const message = `Cannot deliver ${batch.stage}/${batch.key}: ${reason}. Its rows are sent again under epoch ${epoch}`;
    log.error("object_conflict", message, { count: missing.length, try: "agent verify" });
  }

  #park(batch: Batch, reason: string): void {
    const { outbox, log, now } = this.#parts;
    outbox.park(batch, reason, now());
    this.parked++;
    log.error("batch_parked", `Cannot deliver ${batch.stage}/${batch.key}: ${reason}`, { count: batch.count });
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
