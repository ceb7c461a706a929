/**
 * The buffer's upkeep, a little at a time: lets go of what was delivered and kept long enough, watches the limit and the
 * disk, and says what is wrong. A disk that has no more room is a limit like the other, only that it moves. Called by the
 * agent's loops: after every commit (`look`), every few seconds (`run`), and when a write met a full disk (`relieve`).
 */

import type { Retention } from "../buffer/disk/retention.ts";
import type { DiskRoom } from "../buffer/disk/room.ts";
import type { WindowLedger } from "../buffer/window-record.ts";
import type { Log } from "../core/log/log.ts";
import { MS_PER_DAY, MS_PER_HOUR } from "../core/time/duration.ts";
import type { Problem } from "./live.ts";

export type UpkeepParts = {
  readonly retention: Retention;
  readonly room: DiskRoom;
  readonly ledger: WindowLedger;
  readonly log: Log;
  readonly keepMs: number;
  readonly windowKeepMs: number;
  readonly limitBytes: number;
  readonly whenFull: "block" | "drop-oldest";
  /** Readings since the last call that came too late for a window that was let go (`Windows.takeExpired`). */
  readonly takeExpired: () => number;
};

/** Processing time that one call may spend on deleting. */
const BUDGET_MS = 40;
/** At the limit, room is made down to this share of it, so that not every commit has to ask. */
const LOW_WATER = 0.95;
const DROP_ROWS = 20_000;
/** Looks through all batches of windows: not every few seconds. */
const FORGET_MS = 600_000;
/** An accumulator, or the line of a batch, is as much as some readings. */
const READINGS_A_LINE = 8;
/** At the limit, windows that went out are kept for late readings for a day, then for an hour; less only where the disk is full. */
const WINDOWS_KEPT_MS = [MS_PER_DAY, MS_PER_HOUR];
/** A limit that is reached and left again within this time is how a small buffer works, and nothing to tell anyone. */
const TELL_MS = 2_000;
/** After a write met a full disk the reserve is set aside again; where that did not help, later and later. */
const REHOLD_MS = { first: 500, most: 30_000 };

type Limit = { readonly bytes: number; readonly of: "buffer" | "disk" };
type Told = { isTold: boolean; changedAtMs: number | null };

export class Upkeep {
  readonly #parts: UpkeepParts;
  /** What the buffer is at the limit of, and nothing delivered is left to drop. */
  #over: Limit["of"] | null = null;
  #warned = false;
  #forgotAt = 0;
  #rehold = { waitMs: 0, notBeforeMs: Number.NEGATIVE_INFINITY };
  readonly #told: Record<Limit["of"], Told> = {
    buffer: { isTold: false, changedAtMs: null },
    disk: { isTold: false, changedAtMs: null },
  };

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    parts.room.hold();
    parts.room.limitGrowth();
  }

  /** A reading that no window could take any more is in every other stage, and counted here. */
  countExpired(nowMs: number): void {
    const { retention, takeExpired, log } = this.#parts;
    const count = takeExpired();
    if (count === 0) return;
    retention.recordLoss({ reason: "late_for_window", count, range: null, sinceMs: nowMs, untilMs: nowMs });
    log.error("late_for_window", "Readings came after their windows were let go: they are in no aggregate", { count });
  }

  /** `running` measures the budget. Returns whether anything was dropped undelivered. */
  run(nowMs: number, running: () => number): { readonly dropped: boolean } {
    const { room, ledger, keepMs, windowKeepMs } = this.#parts;
    const until = running() + BUDGET_MS;
    this.countExpired(nowMs);
    this.#prune(nowMs - keepMs, () => running() < until);
    ledger.expire(nowMs - windowKeepMs, this.#linesAtOnce());
    if (running() - this.#forgotAt >= FORGET_MS) {
      this.#forgotAt = running();
      while (ledger.forget(nowMs - windowKeepMs, this.#linesAtOnce()) > 0);
    }
    room.grow();
    let dropped = false;
    if (this.#isOver() || room.isShort) {
      const goOn = () => (this.#overLowWater() || room.isShort) && running() < until;
      this.#prune(Number.MAX_SAFE_INTEGER, goOn);
      // Nothing delivered is left but what late readings would need of their windows.
      while (goOn() && ledger.forget(nowMs, this.#linesAtOnce()) > 0);
      // A disk is a harder limit: rather than to stop for an hour, what comes late for a window is in no aggregate.
      const isHard = this.isStuck && this.#told.disk.isTold;
      for (const keptMs of isHard ? [...WINDOWS_KEPT_MS, 0] : WINDOWS_KEPT_MS) {
        while (goOn() && ledger.expire(nowMs - keptMs, this.#linesAtOnce()) > 0);
      }
      if (this.#isOver()) dropped = this.#atLimit(nowMs);
    }
    this.look(running);
    return { dropped };
  }

  /** After a commit, and while nothing may be taken: whether more may be, and makes room of what was delivered. */
  look(running: () => number): void {
    const { room } = this.#parts;
    const until = running() + BUDGET_MS;
    if (this.#isOver()) this.#prune(Number.MAX_SAFE_INTEGER, () => this.#overLowWater() && running() < until);
    if (!room.isShort) room.keepLogFoldable();
    else if (running() >= this.#rehold.notBeforeMs) room.hold();
    room.limitGrowth();
    const limit = this.#limit();
    this.#over = this.#usedBytes() > limit.bytes ? limit.of : null;
    this.#tell(running());
  }

  /** A write met a full disk: the reserve and what was delivered go, so that there is room to go on with. */
  relieve(running: () => number): void {
    const { room } = this.#parts;
    if (!room.isShort) {
      const isAgain = running() - this.#rehold.notBeforeMs < 2 * REHOLD_MS.most;
      const waitMs = isAgain ? Math.min(REHOLD_MS.most, 2 * this.#rehold.waitMs) : REHOLD_MS.first;
      this.#rehold = { waitMs, notBeforeMs: running() + waitMs };
    }
    room.giveUp();
    this.#tell(running());
    const until = running() + BUDGET_MS;
    try {
      this.#prune(Number.MAX_SAFE_INTEGER, () => running() < until);
    } catch {
      // Still no room, not even to delete: the loop comes back.
    }
  }

  /** Nothing may be taken now. With `drop-oldest` the buffer's own limit is no reason: room is made as it goes. */
  get isFull(): boolean {
    if (this.#parts.room.isShort || this.#over === "disk") return true;
    return this.#over === "buffer" && this.#parts.whenFull === "block";
  }

  /** It has been full for a while: what is delivered but still needed for open windows should not be needed any more. */
  get isStuck(): boolean {
    return this.isFull && (this.#told.disk.isTold || this.#told.buffer.isTold);
  }

  problems(): Problem[] {
    const problems: Problem[] = [];
    if (this.#told.buffer.isTold) {
      const message =
        "The buffer is at its limit (AGENT_BUFFER_MAX_BYTES) and holds nothing that was delivered: nothing more is taken";
      problems.push({ code: "buffer_full", message, try: "agent config show" });
    }
    if (this.#told.disk.isTold) {
      const what = this.isFull ? "nothing more is taken" : "the agent goes on in the little room that it has";
      const message = `The disk of the data dir is full: ${what}`;
      problems.push({ code: "disk_full", message, try: "df -h" });
    }
    return problems;
  }

  /** Says what lasts, once, and once that it is over. */
  #tell(runningMs: number): void {
    const { room, log, whenFull } = this.#parts;
    const isDisk = room.isShort || room.isTight || this.#over === "disk";
    const disk = changed(this.#told.disk, isDisk, runningMs, room.isShort || room.isTight);
    if (disk === "began") log.warn("disk_full", "The disk is full: nothing is taken but what there is room for");
    if (disk === "ended") log.info("disk_has_room", "The disk has room again");
    const buffer = changed(this.#told.buffer, this.#over === "buffer" && whenFull === "block", runningMs, false);
    if (buffer === "began") log.warn("buffer_full", "The buffer is at its limit: nothing more is taken");
    if (buffer === "ended") log.info("buffer_has_room", "The buffer has room again");
  }

  #limit(): Limit {
    const diskBytes = this.#parts.room.limitBytes();
    const { limitBytes } = this.#parts;
    return diskBytes < limitBytes ? { bytes: diskBytes, of: "disk" } : { bytes: limitBytes, of: "buffer" };
  }

  #usedBytes(): number {
    return this.#parts.retention.usage().usedBytes;
  }

  #isOver(): boolean {
    return this.#usedBytes() > this.#limit().bytes;
  }

  #prune(beforeMs: number, goOn: () => boolean): void {
    const { retention, room } = this.#parts;
    while (goOn() && retention.prune(beforeMs, room.chunkRows) > 0);
  }

  /** Accumulators or lines of batches that may go in one transaction. */
  #linesAtOnce(): number {
    return Math.ceil(this.#parts.room.chunkRows / READINGS_A_LINE);
  }

  #overLowWater(): boolean {
    return this.#usedBytes() > this.#limit().bytes * LOW_WATER;
  }

  #atLimit(nowMs: number): boolean {
    // Without a reserve no drop would let anything be taken.
    if (this.#parts.whenFull === "block" || this.#parts.room.isShort) return false;
    let dropped = false;
    while (this.#overLowWater()) {
      const loss = this.#parts.retention.dropOldest(DROP_ROWS, nowMs);
      if (loss === null) break;
      dropped = true;
      if (!this.#warned) {
        this.#parts.log.error("readings_dropped", "The buffer is at its limit: the oldest readings are dropped", {
          count: loss.count,
        });
      }
      this.#warned = true;
    }
    return dropped;
  }
}

/** Whether what is told has changed: when it has lasted, or (`now`) at once. */
function changed(told: Told, is: boolean, runningMs: number, now: boolean): "began" | "ended" | null {
  if (is === told.isTold) {
    told.changedAtMs = null;
    return null;
  }
  told.changedAtMs ??= runningMs;
  if (!(is && now) && runningMs - told.changedAtMs < TELL_MS) return null;
  told.isTold = is;
  told.changedAtMs = null;
  return is ? "began" : "ended";
}
