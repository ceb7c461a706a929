/**
 * The buffer's upkeep, a little at a time: lets go of what was delivered and kept long enough, watches the limit and the
 * disk, and says what is wrong. Called by the agent's loop every few seconds, and at once when a commit met a full disk.
 */
import { hasRoomForReserve, holdReserve, releaseReserve } from "../buffer/reserve.ts";
import type { Retention } from "../buffer/retention.ts";
import type { WindowLedger } from "../buffer/window-ledger.ts";
import type { Log } from "../core/log.ts";
import type { Problem } from "./live.ts";

export type UpkeepParts = {
  readonly dataDir: string;
  readonly retention: Retention;
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
/** At the limit, windows that went out are kept for late readings for a day, then for an hour, but never for less. */
const WINDOWS_KEPT_MS = [86_400_000, 3_600_000];

export class Upkeep {
  readonly #parts: UpkeepParts;
  /** The buffer is at its limit and may not drop: nothing is taken until delivery made room. */
  full = false;
  diskFull = false;
  #warned = false;
  #forgotAt = 0;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    holdReserve(parts.dataDir);
  }

  /** A reading that no window could take any more is in every other stage, and counted here. */
  countExpired(nowMs: number): void {
    const { retention, takeExpired, log } = this.#parts;
    const count = takeExpired();
    if (count === 0) return;
    const range = { firstSeq: null, lastSeq: null, sinceMs: nowMs, untilMs: nowMs };
    retention.recordLoss({ reason: "late_for_window", count, ...range });
    log.error("late_for_window", "Readings came after their windows were let go: they are in no aggregate", { count });
  }

  /** `runningMs` measures the budget. Returns whether anything was dropped undelivered. */
  run(nowMs: number, runningMs: () => number): { readonly dropped: boolean } {
    const { retention, ledger, keepMs, windowKeepMs, limitBytes } = this.#parts;
    const until = runningMs() + BUDGET_MS;
    this.countExpired(nowMs);
    while (runningMs() < until && retention.prune(nowMs - keepMs) > 0);
    ledger.expire(nowMs - windowKeepMs, 1_000);
    if (runningMs() - this.#forgotAt >= FORGET_MS) {
      this.#forgotAt = runningMs();
      ledger.forget(nowMs - windowKeepMs);
    }
    let dropped = false;
    if (retention.usage().usedBytes > limitBytes) {
      while (runningMs() < until && this.#overLowWater() && retention.prune(Number.MAX_SAFE_INTEGER) > 0);
      // Nothing delivered is left but what late readings would need of their windows.
      if (this.#overLowWater()) ledger.forget(nowMs);
      for (const keptMs of WINDOWS_KEPT_MS) {
        while (this.#overLowWater() && runningMs() < until && ledger.expire(nowMs - keptMs, 1_000) > 0);
      }
      if (retention.usage().usedBytes > limitBytes) dropped = this.#atLimit(nowMs);
    }
    const wasFull = this.full;
    this.full = this.#parts.whenFull === "block" && retention.usage().usedBytes > limitBytes;
    if (this.full && !wasFull) this.#parts.log.warn("buffer_full", "The buffer is at its limit: nothing more is taken");
    if (!this.full && wasFull) this.#parts.log.info("buffer_has_room", "The buffer has room again");
    return { dropped };
  }

  /** A write met a full disk: the reserve and everything delivered go, so that there is room to go on with. */
  relieve(): void {
    if (!this.diskFull) {
      this.#parts.log.warn("disk_full", "The disk is full: nothing more is taken until there is room");
    }
    this.diskFull = true;
    releaseReserve(this.#parts.dataDir);
    try {
      while (this.#parts.retention.prune(Number.MAX_SAFE_INTEGER) > 0);
    } catch {
      // Still no room, not even to delete: the loop comes back.
    }
  }

  /** Nothing may be taken now. */
  get isFull(): boolean {
    return this.full || this.diskFull;
  }

  /** Looks whether there is room again: for the reserve first. */
  relieved(): void {
    if (!this.diskFull) return;
    if (!hasRoomForReserve(this.#parts.dataDir) || !holdReserve(this.#parts.dataDir)) return;
    this.diskFull = false;
    this.#parts.log.info("disk_has_room", "The disk has room again");
  }

  problems(): Problem[] {
    const problems: Problem[] = [];
    if (this.full) {
      const message = "The buffer is at its limit and holds nothing that was delivered: nothing more is taken";
      problems.push({ code: "buffer_full", message, try: "raise AGENT_BUFFER_MAX_BYTES, or bring the uplink back" });
    }
    if (this.diskFull) {
      problems.push({
        code: "disk_full",
        message: "The disk of the data dir is full: nothing more is taken",
        try: "make room on the disk; the agent goes on by itself",
      });
    }
    return problems;
  }

  #overLowWater(): boolean {
    return this.#parts.retention.usage().usedBytes > this.#parts.limitBytes * LOW_WATER;
  }

  #atLimit(nowMs: number): boolean {
    if (this.#parts.whenFull === "block") return false;
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
