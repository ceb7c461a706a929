/**
 * The running agent: two loops over one buffer. Intake turns the pipeline; the other plans, issues windows and pumps the
 * delivery. The outside world never ends them; a stop does, or sources that have ended with everything delivered. The order
 * of stopping: take no more, commit the readings that wait, settle the answered puts, close.
 */
import { isCorruption } from "../buffer/corruption.ts";
import { outsideTrouble } from "../buffer/outside-error.ts";
import { Bell, breathe } from "../core/time/bell.ts";
import type { Pulse } from "./buffer-inputs.ts";
import type { Parts } from "./parts.ts";
import { markShared } from "./recovery/copied.ts";

export type AgentEnd = {
  /** Every source ended and everything was delivered; otherwise it was stopped. */
  readonly finished: boolean;
  readonly accepted: number;
  /**
   * The caller must open the buffer again: it reported damage (`damage` says which), it was deleted and has been restored, or
   * another agent is at work with a copy of it.
   */
  readonly reopen: "damaged" | "put-back" | "copied" | null;
  readonly damage: unknown;
};

/** Turns run for about this long before the event loop gets its turn: answers of the store and signals do not wait longer. */
const SLICE_MS = 8;
const UPKEEP_MS = 2_000;
const REPORT_MS = 1_000;
/** A database that is busy or full is tried again after this. */
const RETRY_MS = 500;
/** Delivery looks at least this often: windows become due by the clock. */
const LOOK_MS = 250;
/** Ranges promised ahead of the puts: the next readings to deliver stay in memory, and a long outage makes large batches. */
const RANGES_AHEAD = 2;
/** A source with a backlog waits for delivery at most this long at a time: a slow store slows it, but never stops it. */
const HOLD_MS = 1_000;
/** Puts on their way get this long to end after they are cancelled. */
const ABORT_MS = 250;

export class Agent {
  readonly #parts: Parts;
  readonly #pulse: Pulse | null;
  /** The intake came round since the last beat. */
  #intakeTurned = false;
  readonly #intakeBell = new Bell();
  readonly #deliveryBell = new Bell();
  #stopping = false;
  #drained = false;
  #intakeEnded = false;
  #lastUpkeep = Number.NEGATIVE_INFINITY;
  #lastReport = Number.NEGATIVE_INFINITY;
  #lastWindows = 0;
  #accepted = 0;
  /** Why the buffer must be opened again. */
  #reopen: AgentEnd["reopen"] = null;
  #damage: unknown = null;

  constructor(parts: Parts, pulse: Pulse | null = null) {
    this.#parts = parts;
    this.#pulse = pulse;
    parts.delivery.onProgress = () => this.#deliveryBell.ring();
    for (const tap of parts.pipeline.taps) {
      tap.source.onReady = () => {
        tap.ready = true;
        this.#intakeBell.ring();
      };
    }
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** Takes no more; commits and delivers everything that was taken, and then `run` ends as finished. */
  stopTaking(): void {
    this.#parts.pipeline.stopTaking();
    this.#intakeBell.ring();
  }

  /** Ends soon: commits the readings that wait, and delivers for `drainMs` at most. The next start delivers the rest. */
  stop(drainMs: number): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#parts.pipeline.stopTaking();
    if (drainMs > 0) setTimeout(() => this.#endDrain(), drainMs);
    else this.#drained = true;
    this.#intakeBell.ring();
    this.#deliveryBell.ring();
  }

  /** Another agent is at work with this epoch: `run` ends, and the buffer begins another one when it is opened again. */
  beginEpoch(): void {
    this.#guarded(() => markShared(this.#parts.buffer));
    this.#reopen ??= "copied";
    this.#intakeBell.ring();
    this.#deliveryBell.ring();
  }

  async run(): Promise<AgentEnd> {
    const intake = this.#intake();
    const delivery = this.#deliver();
    await intake;
    await delivery;
    await this.#abortPuts();
    this.#guarded(() => this.#parts.delivery.settle(this.#parts.now()));
    this.#guarded(() => this.#parts.rules.save());
    this.#guarded(() => this.#parts.report(this.#parts.now()));
    // The last chance: undelivered readings in deleted files would be lost with this process.
    if (this.#reopen === null) this.#watchFiles();
    // The program that deletes them may not have ended when they were put back.
    else if (this.#reopen === "put-back") this.#parts.premises.isSecured();
    const finished = !this.#stopping && this.#reopen === null;
    return {
      finished,
      accepted: this.#accepted,
      reopen: this.#stopping && this.#reopen !== "damaged" ? null : this.#reopen,
      damage: this.#damage,
    };
  }

  async #intake(): Promise<void> {
    const { pipeline, outbox, upkeep, now, running, batchRows } = this.#parts;
    for (;;) {
      this.#intakeTurned = true;
      if (this.#reopen !== null) break;
      // The reserve is for bookkeeping, not for readings: they wait until there is other room.
      if ((upkeep.isFull || this.#parts.troubles.isGone) && !this.#stopping) {
        this.#guarded(() => upkeep.look(running));
        if (upkeep.isFull || this.#parts.troubles.isGone) {
          await this.#intakeBell.wait(RETRY_MS);
          continue;
        }
      }
      const until = running() + SLICE_MS;
      let turn = null;
      let committed = 0;
      do {
        turn = this.#guarded(() => pipeline.turn(now(), running()));
        committed += turn?.committed ?? 0;
        this.#parts.heap.count(turn?.committed ?? 0);
        if (turn !== null && turn.committed > 0) this.#guarded(() => upkeep.look(running));
      } while (turn?.more && running() < until && !upkeep.isFull);
      this.#accepted += committed;
      if (this.#reopen !== null) break;
      if (turn?.finished) break;
      if (turn === null) {
        // Stopped while the disk is full: the readings that wait were never acknowledged, so the source still has them.
        if (this.#stopping) break;
        await this.#intakeBell.wait(RETRY_MS);
        continue;
      }
      // Only after a commit: delivery rings back, and the two bells would ring for ever.
      if (committed > 0 && outbox.unplanned >= batchRows) this.#deliveryBell.ring();
      if (!turn.more) await this.#intakeBell.wait(turn.wakeAtMs === null ? null : turn.wakeAtMs - running());
      else await this.#letDeliveryCatchUp();
    }
    this.#intakeEnded = true;
    this.#deliveryBell.ring();
  }

  /** Intake is faster than the store: waits a little, while the next readings to deliver are still in memory. */
  async #letDeliveryCatchUp(): Promise<void> {
    const { delivery, outbox, running, batchRows } = this.#parts;
    await breathe();
    const until = running() + HOLD_MS;
    const isAhead = () => !delivery.isDown && outbox.unplanned > batchRows && delivery.queuedRanges >= RANGES_AHEAD;
    while (isAhead() && running() < until && !this.#stopping) await this.#intakeBell.wait(until - running());
  }

  async #deliver(): Promise<void> {
    const { now } = this.#parts;
    for (;;) {
      const nowMs = now();
      const wakeAtMs = this.#guarded(() => this.#deliverOnce(nowMs));
      if (this.#reopen === null) this.#upkeepAndReport(nowMs);
      if (this.#reopen !== null) return this.#intakeBell.ring();
      if (this.#intakeEnded && (this.#drained || this.#guarded(() => this.#isDelivered()) === true)) return;
      if (this.#intakeTurned || this.#intakeEnded) {
        this.#intakeTurned = false;
        this.#pulse?.beat();
      }
      const waitMs = wakeAtMs === null ? LOOK_MS : Math.min(LOOK_MS, Math.max(0, wakeAtMs - nowMs));
      await this.#deliveryBell.wait(waitMs);
      this.#intakeBell.ring();
    }
  }

  /** One round: windows, plans, puts. Returns when the next one is due, or null. */
  #deliverOnce(nowMs: number): number | null {
    const { outbox, delivery, batchRows, batchMs } = this.#parts;
    if (this.#drained) return null;
    const ending = this.#intakeEnded && !this.#stopping;
    // A few times a second is often enough, and lets many windows share a transaction.
    // When readings of open windows fill the buffer, their windows are issued now, and again when more readings come.
    const { mustFlush } = this.#parts.upkeep;
    if (ending || mustFlush || Math.abs(nowMs - this.#lastWindows) >= LOOK_MS) {
      this.#lastWindows = nowMs;
      delivery.accept(this.#parts.issueWindows(nowMs, { all: ending, isDown: delivery.isDown && !ending, mustFlush }));
    }
    while (outbox.unplanned > 0 && delivery.wantsMore(RANGES_AHEAD)) {
      const waited = nowMs - (outbox.unplannedSinceMs() ?? nowMs);
      const isDue = outbox.unplanned >= batchRows || waited >= batchMs || waited < 0 || this.#intakeEnded;
      if (!isDue) break;
      delivery.accept(outbox.plan(batchRows, nowMs));
    }
    return delivery.pump(nowMs);
  }

  #isDelivered(): boolean {
    const { outbox, delivery } = this.#parts;
    if (outbox.unplanned > 0 || !delivery.isIdle) return false;
    // A drain after a stop leaves the open windows to the next start; the end of all sources does not.
    if (this.#stopping) return true;
    const last = this.#parts.issueWindows(this.#parts.now(), { all: true, isDown: false, mustFlush: false });
    delivery.accept(last);
    return last.length === 0;
  }

  #upkeepAndReport(nowMs: number): void {
    const runningMs = this.#parts.running();
    const { rules, upkeep } = this.#parts;
    if (!this.#stopping) this.#guarded(() => rules.watch(runningMs));
    if (upkeep.isFull || upkeep.mustFlush) this.#guarded(() => rules.save());
    if (runningMs - this.#lastUpkeep >= (upkeep.mustFlush ? LOOK_MS : UPKEEP_MS)) {
      this.#lastUpkeep = runningMs;
      if (!this.#watchFiles()) return;
      this.#guarded(() => this.#parts.answer());
      const done = this.#guarded(() => upkeep.run(nowMs, this.#parts.running));
      if (done?.replanned) {
        this.#parts.outbox.reload();
        this.#parts.delivery.forgetAll();
      }
    }
    if (runningMs - this.#lastReport >= REPORT_MS) {
      this.#lastReport = runningMs;
      this.#guarded(() => this.#parts.report(nowMs));
    }
  }

  #watchFiles(): boolean {
    const found = this.#parts.troubles.watch(this.#parts.premises);
    if (found === "put-back") this.#reopen = found;
    return found === "in-place";
  }

  async #abortPuts(): Promise<void> {
    const { delivery, running } = this.#parts;
    delivery.abort();
    const until = running() + ABORT_MS;
    while (delivery.inFlight > 0 && running() < until) await this.#deliveryBell.wait(until - running());
  }

  #endDrain(): void {
    this.#drained = true;
    this.#deliveryBell.ring();
  }

  /** Runs work on the buffer. Null: outside trouble with its files, which is waited out. Other errors are defects and thrown. */
  #guarded<T>(work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      if (isCorruption(error)) {
        this.#reopen = "damaged";
        this.#damage = error;
        return null;
      }
      const trouble = outsideTrouble(error);
      if (trouble === null) throw error;
      if (trouble === "full") this.#parts.upkeep.relieve(this.#parts.running);
      else this.#parts.troubles.met(trouble, error);
      return null;
    }
  }
}
