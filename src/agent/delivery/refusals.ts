/** Batches that the store does not take, until they are written down: that needs the database, which may be full just then. */
import type { Batch } from "../../buffer/buffer.ts";
import { isDividable, type Outbox } from "../../buffer/outbox.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Gzip } from "../../core/bytes/gzip.ts";
import { AgentError, messageOf, TooLargeError } from "../../core/errors.ts";
import type { Log } from "../../core/log/log.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import { anyNumber, atLeast, storedJson } from "../../core/outside/stored-json.ts";
import type { Stage } from "../../core/stage.ts";
import { likenessOf, RefusedAlike } from "./alike.ts";
import type { Foreign } from "./collisions.ts";
import { replanned } from "./replan.ts";

export type RefusalParts = {
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly gzip: Gzip;
  readonly log: Log;
  readonly now: () => number;
};

const ROW = atLeast({ like: text(/^/, "a text"), inARow: anyNumber });
const metaOf = (stage: Stage) => `refuses_${stage}`;

/** Why the store should not be asked again at once. `denied`: a person must act. */
export type StoreTrouble = {
  readonly kind: "failed" | "denied";
  readonly message: string;
  readonly tryHint: string | null;
};

/** What becomes of batches that were written down. */
export type Outcomes = {
  /** It is not promised any more, or by other batches. */
  readonly settled: (batch: Batch) => void;
  /** It is sent again, behind the others. */
  readonly again: (batch: Batch) => void;
};

export class Refusals {
  readonly #parts: RefusalParts;
  readonly #refused: { readonly batch: Batch; readonly error: unknown }[] = [];
  /** A bucket may have a quota of its own, so each stage is judged by itself. */
  readonly #alike = new Map<Stage, RefusedAlike>();
  /** Their keys are taken by other objects. */
  readonly #conflicts: { readonly batch: Batch; readonly foreign: Foreign }[] = [];
  #trouble: StoreTrouble | null = null;
  /** Since the start. */
  parked = 0;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  add(batch: Batch, error: unknown): void {
    this.#refused.push({ batch, error });
  }

  /** An object of the stage was stored. */
  stored(stage: Stage): void {
    this.#alikeOf(stage).stored();
  }

  #alikeOf(stage: Stage): RefusedAlike {
    const known = this.#alike.get(stage);
    if (known !== undefined) return known;
    const made = new RefusedAlike(storedJson(ROW, this.#parts.buffer.meta(metaOf(stage)) ?? "null"));
    this.#alike.set(stage, made);
    return made;
  }

  conflict(batch: Batch, foreign: Foreign): void {
    this.#conflicts.push({ batch, foreign });
  }

  /** Why the store should not be asked again at once; null: there is no reason. */
  takeTrouble(): StoreTrouble | null {
    const trouble = this.#trouble;
    this.#trouble = null;
    return trouble;
  }

  /** Throws the database's error, and then the next call does the rest. */
  write({ settled, again }: Outcomes): void {
    for (let next = this.#conflicts[0]; next !== undefined; next = this.#conflicts[0]) {
      this.#replan(next.batch, next.foreign);
      settled(next.batch);
      this.#conflicts.shift();
    }
    for (let next = this.#refused[0]; next !== undefined; next = this.#refused[0]) {
      const { batch, error } = next;
      if (this.#isOfStore(batch, error)) again(batch);
      else {
        this.#refuse(batch, messageOf(error));
        settled(batch);
      }
      this.#refused.shift();
    }
    const { buffer } = this.#parts;
    for (const [stage, alike] of this.#alike) {
      if (!alike.hasChanged) continue;
      buffer.setMeta(metaOf(stage), JSON.stringify(alike.row));
      alike.hasChanged = false;
    }
  }

  /** Whether to wait for the store instead of giving up the object. */
  #isOfStore(batch: Batch, error: unknown): boolean {
    if (error instanceof TooLargeError) return false;
    const reason = messageOf(error);
    const alike = this.#alikeOf(batch.stage);
    alike.refused(likenessOf(reason));
    if (!alike.isOfStore) {
      // What cannot be divided is not parked before the bucket has taken something else.
      return !isDividable(batch) && !alike.hasStored;
    }
    const message = `${reason}. Every object of ${batch.stage} is refused with this answer`;
    const tryHint = error instanceof AgentError ? (error.tryHint ?? null) : null;
    this.#trouble = { kind: "denied", message, tryHint };
    return true;
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
    if (isAgain) {
      const trouble = `objects of others are under every new key, again and again: ${found}`;
      this.#trouble = { kind: "failed", message: trouble, tryHint: null };
    }
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
