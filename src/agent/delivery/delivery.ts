/**
 * Delivery: batches that the outbox promised go to the store as fast as it takes them; its answer settles them. One failing
 * object does not delay the others, but the state of the link does. While the link is down, one put at a time tests it and
 * nothing new is promised, so that a long outage makes a few large batches instead of many small ones.
 */
import type { Batch } from "../../buffer/buffer.ts";
import { free } from "../../core/bytes/bytes.ts";
import { DeniedError, messageOf, refusalOf, TransientError, withoutStop } from "../../core/errors.ts";
import type { Log } from "../../core/log/log.ts";
import { type Link, type LinkEvent, newLink, nextLink, waitMs } from "../../uplink/link-state.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import type { RateCounter } from "../rates.ts";
import { areSiblings, BatchBodies, type BodyParts, type Prepared } from "./batch-bodies.ts";
import { Collisions } from "./collisions.ts";
import { type Outcomes, type RefusalParts, Refusals } from "./refusals.ts";

export type DeliveryParts = BodyParts &
  RefusalParts & {
    readonly store: ObjectStore;
    readonly log: Log;
    readonly now: () => number;
    readonly running: () => number;
    readonly random: () => number;
    readonly nodeId: string;
    readonly agentVersion: string;
    readonly puts: number;
    readonly backoffMaxMs: number;
    readonly rates: Pick<RateCounter, "delivered" | "failed">;
  };

/** Batches read from the outbox at once after a restart or an outage. */
const QUEUE_BATCHES = 512;

const SETTLE_BATCHES = 64;
const SETTLE_MS = 500;

export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #bodies: BatchBodies;
  readonly #collisions: Collisions;
  #link: Link;
  /** When the link came up or went down, by the clock of the wall. */
  linkSinceMs: number;
  /** Batches not begun, oldest first. `#known`: these, those on their way, and those that wait to be settled. */
  #queue: Batch[] = [];
  #ready: Prepared[] = [];
  readonly #known = new Set<number>();
  readonly #delivered: Batch[] = [];
  readonly #refusals: Refusals;
  readonly #outcomes: Outcomes = { settled: (batch) => this.#forget(batch), again: (batch) => this.#queue.push(batch) };
  #inFlight = 0;
  #settledAtMs = 0;
  #mayHaveMore = true;
  /** Called after every answer of the store. */
  onProgress: () => void = () => undefined;
  readonly #abort = new AbortController();
  /** Objects stored since the start, and their bytes: for progress and metrics. */
  objects = 0;
  bytes = 0;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#bodies = new BatchBodies(parts);
    this.#collisions = new Collisions(parts);
    this.#refusals = new Refusals(parts);
    this.#link = newLink(parts.running());
    this.linkSinceMs = parts.now();
  }

  get link(): Link {
    return this.#link;
  }

  /** Batches that the store refused for good since the start. */
  get parked(): number {
    return this.#refusals.parked;
  }

  get isDown(): boolean {
    return this.#link.state === "down";
  }

  /** Nothing is queued, on its way or unsettled, and the outbox holds nothing that was not read. */
  get isIdle(): boolean {
    return this.#known.size === 0 && !this.#mayHaveMore;
  }

  /** Batches that were just promised: they join the queue; beyond its limit they are read from the outbox later. */
  accept(batches: readonly Batch[]): void {
    if (this.#mayHaveMore || this.#queue.length + batches.length > 4 * QUEUE_BATCHES) {
      this.#mayHaveMore ||= batches.length > 0;
    } else for (const batch of batches) this.#enqueue(batch);
  }

  /**
   * Whether more may be promised: all but `ahead` ranges are on their way. While the outbox holds promises that were not read
   * yet, as after a restart, those come first: a backlog is promised as it is carried, not all at once.
   */
  wantsMore(ahead: number): boolean {
    if (this.isDown) return false;
    if (this.#queue.length === 0 && this.#mayHaveMore) this.#refill();
    return !this.#mayHaveMore && this.queuedRanges < ahead;
  }

  /** Ranges of readings whose puts have not all begun. */
  get queuedRanges(): number {
    const ranges = new Set<number>();
    for (const batch of this.#queue) if (batch.range !== null) ranges.add(batch.range.first);
    return ranges.size;
  }

  /** The outbox changed by itself: batches that have not begun are read again. */
  forgetAll(): void {
    for (const batch of [...this.#queue, ...this.#ready.map((prepared) => prepared.batch)])
      this.#known.delete(batch.id);
    this.#queue = [];
    this.#ready = [];
    this.#mayHaveMore = true;
  }

  /** Starts as many puts as may be on their way now. Returns when to call again at the latest; null: on progress. */
  pump(nowMs: number): number | null {
    this.#collisions.write(nowMs);
    this.#refusals.write(this.#outcomes);
    const trouble = this.#refusals.takeTrouble();
    if (trouble !== null) this.#linkEvent({ ...trouble, retryAfterMs: null });
    if (this.#isSettlingDue(nowMs)) this.settle(nowMs);
    if (this.isDown) {
      const wait = waitMs(this.#link, this.#parts.running(), this.#parts.backoffMaxMs);
      if (wait > 0) return this.#inFlight > 0 ? null : nowMs + wait;
    }
    const limit = this.isDown ? 1 : this.#parts.puts;
    while (this.#inFlight < limit) {
      const next = this.#next();
      if (next === null) break;
      void this.#put(next);
    }
    return null;
  }

  /** Writes down which batches the store has. If the process dies first, the puts are repeated and found there. */
  settle(nowMs: number): void {
    if (this.#delivered.length === 0) return;
    const settled = this.#delivered.splice(0);
    try {
      this.#parts.outbox.delivered(settled, nowMs);
    } catch (error) {
      this.#delivered.unshift(...settled);
      throw error;
    }
    for (const batch of settled) {
      this.#known.delete(batch.id);
      this.#collisions.settled(batch);
    }
    this.#settledAtMs = nowMs;
    if (this.#mayHaveMore) return;
    const oldest = Math.min(...[...this.#queue, ...this.#ready.map((r) => r.batch)].map(firstSeqOf));
    this.#parts.buffer.recent.release(Math.min(oldest - 1, this.#parts.outbox.plannedThrough));
  }

  /** A settlement costs a transaction and a sync: many puts share one, but none waits long for it. */
  #isSettlingDue(nowMs: number): boolean {
    const isLast = this.#inFlight === 0 && this.#queue.length === 0 && this.#ready.length === 0;
    return isLast || this.#delivered.length >= SETTLE_BATCHES || Math.abs(nowMs - this.#settledAtMs) >= SETTLE_MS;
  }

  /** Cancels the puts that are on their way (their batches stay promised); each calls `onProgress` as it ends. */
  abort(): void {
    this.#abort.abort();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  #enqueue(batch: Batch): void {
    if (this.#known.has(batch.id)) return;
    this.#known.add(batch.id);
    this.#queue.push(batch);
  }

  #next(): Prepared | null {
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    if (this.#queue.length === 0 && this.#mayHaveMore) this.#refill();
    const batch = this.#queue.shift();
    if (batch === undefined) return null;
    this.#ready = this.#prepare(batch);
    return this.#ready.shift() ?? null;
  }

  #refill(): void {
    const open = this.#parts.outbox.open(QUEUE_BATCHES + this.#known.size);
    for (const batch of open) this.#enqueue(batch);
    this.#mayHaveMore = open.length >= QUEUE_BATCHES;
  }

  #prepare(batch: Batch): Prepared[] {
    const siblings = this.#queue.filter((other) => areSiblings(batch, other));
    if (siblings.length > 0) this.#queue = this.#queue.filter((other) => !areSiblings(batch, other));
    try {
      return this.#bodies.of(batch, siblings);
    } catch (error) {
      // No longer queued or on their way: they are read from the outbox again when the database can be read.
      for (const { id } of [batch, ...siblings]) this.#known.delete(id);
      this.#mayHaveMore = true;
      throw error;
    }
  }

  async #put(prepared: Prepared): Promise<void> {
    const { batch, body } = prepared;
    const { store, rates, now } = this.#parts;
    this.#inFlight++;
    try {
      const { signal } = this.#abort;
      const answer = await store.put({ stage: batch.stage, key: batch.key }, body, this.#metadata(batch), signal);
      const foreign = await this.#collisions.judge(prepared, answer, signal);
      if (answer === "stored") this.#refusals.stored(batch.stage);
      if (foreign !== null) this.#refusals.conflict(batch, foreign);
      else {
        this.#delivered.push(batch);
        this.objects++;
        this.bytes += body.length;
        rates.delivered(batch.stage, { rows: batch.count, bytes: body.length }, prepared.times, now());
      }
      free(body);
      this.#linkEvent({ kind: "stored" });
    } catch (error) {
      this.#failed(prepared, error);
    } finally {
      this.#inFlight--;
      this.onProgress();
    }
  }

  #failed(prepared: Prepared, error: unknown): void {
    if (this.#abort.signal.aborted) return;
    if (error instanceof DeniedError || error instanceof TransientError) {
      this.#collisions.tried(prepared.batch);
      // Back to the front: this keeps the order, and the body need not be made twice.
      this.#ready.unshift(prepared);
      const retryAfterMs = error instanceof TransientError ? (error.retryAfterMs ?? null) : null;
      const [kind, message] =
        error instanceof DeniedError
          ? (["denied", refusalOf(error)] as const)
          : (["failed", messageOf(error)] as const);
      this.#parts.rates.failed(kind === "denied" ? "denied" : "unreachable");
      this.#linkEvent({ kind, message, tryHint: error.tryHint ?? null, retryAfterMs });
      return;
    }
    this.#parts.rates.failed("refused");
    // The next pump writes it down: an error of a full disk could not be caught here.
    this.#refusals.add(prepared.batch, error);
  }

  #forget({ id }: Batch): void {
    this.#known.delete(id);
    this.#mayHaveMore = true;
  }

  /** The link waits in running time, which no set clock moves; what people see is by the clock of the wall. */
  #linkEvent(event: LinkEvent): void {
    const { log, random, backoffMaxMs, store, running, now } = this.#parts;
    const { link, say } = nextLink(this.#link, event, running(), { random, ceilingMs: backoffMaxMs });
    this.#link = link;
    if (say !== null) this.linkSinceMs = now();
    if (say === "down" && event.kind !== "stored") {
      log.warn(
        "uplink_down",
        `Cannot deliver to "${store.uri}": ${withoutStop(event.message)}. Readings are kept; trying again`,
      );
    } else if (say === "up") log.info("uplink_up", `Delivering to "${store.uri}" again`);
  }

  #metadata(batch: Batch) {
    const { nodeId, agentVersion, buffer } = this.#parts;
    const rulesVersion = buffer.meta("rules_version") ?? "";
    return { node: nodeId, stage: batch.stage, count: batch.count, agentVersion, rulesVersion };
  }
}

function firstSeqOf(batch: Batch): number {
  return batch.range?.first ?? Number.POSITIVE_INFINITY;
}
