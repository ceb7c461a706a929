/**
 * The buffer's upkeep, a little at a time: deletes readings that were delivered and kept long enough, watches the limit and
 * the disk, and reports problems. A full disk is a limit too, only that it moves. The agent's loops call it after every
 * commit (`look`), every few seconds (`run`), and when a write met a full disk (`relieve`).
 */

import type { Retention } from "../buffer/disk/retention.ts";
import type { DiskRoom } from "../buffer/disk/room.ts";
import type { WindowLedger } from "../buffer/window-record.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import type { SeqRange } from "../core/seq-range.ts";
import type { BufferInputs } from "./buffer-inputs.ts";
import { planIssued, settleWindowless, type WindowParts } from "./issue-windows.ts";

export type UpkeepParts = {
  readonly retention: Retention;
  readonly room: DiskRoom;
  readonly ledger: WindowLedger;
  readonly log: Log;
  readonly keepMs: number;
  readonly windowKeepMs: number;
  readonly limitBytes: number;
  readonly whenFull: "block" | "drop-oldest";
  /** Counts the readings that came after their window was deleted; they, and those without a sensor, wait for no window. */
  readonly settleWindowless: (nowMs: number) => void;
  /** Promises the readings that a window went out with: they are not dropped. Returns whether there were any. */
  readonly planIssued: () => boolean;
  /** Readings were dropped, undelivered (`Windows.dropped`). */
  readonly forgetDropped: (range: SeqRange) => void;
};

/** Processing time that one call may spend on deleting. */
const BUDGET_MS = 40;
/** At the limit, room is made down to this share of it, so that not every commit has to do it. */
const LOW_WATER = 0.95;
const DROP_ROWS = 20_000;
/** Dropping holds up everything else for about this long; four times a second, it still drops more than sources bring. */
const DROP_MS = 150;
/** Delivered readings that windows or rules hold back go before others are dropped: up to this share of the limit is used meanwhile. */
const FLUSH_WATER = 1.1;
/** `forget` reads all batches of windows: too much for every few seconds. */
const FORGET_MS = 600_000;
/** An accumulator, or the row of a batch, counts as this many readings. */
const READINGS_A_LINE = 8;
/** A small buffer often reaches its limit and leaves it within this time: that is normal and not reported. */
const REPORT_AFTER_MS = 2_000;
/** After a write met a full disk, the reserve is set aside again after this time; longer each time that it did not help. */
const REHOLD_MS = { first: 500, most: 30_000 };

type Limit = { readonly bytes: number; readonly of: "buffer" | "disk" };
type LimitReport = { isReported: boolean; changedAtMs: number | null };

export class Upkeep {
  readonly #parts: UpkeepParts;
  /** The limit that is exceeded, with no delivered readings left to delete. */
  #over: Limit["of"] | null = null;
  #warned = false;
  #forgotAt = 0;
  #rehold = { waitMs: 0, notBeforeMs: Number.NEGATIVE_INFINITY };
  readonly #reports: Record<Limit["of"], LimitReport> = {
    buffer: { isReported: false, changedAtMs: null },
    disk: { isReported: false, changedAtMs: null },
  };

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    parts.room.hold();
    parts.room.limitGrowth();
  }

  /** `running` measures the budget. Returns whether anything was dropped undelivered, or promised: delivery looks again. */
  run(nowMs: number, running: () => number): { readonly replanned: boolean } {
    const { room, ledger, keepMs, windowKeepMs, settleWindowless } = this.#parts;
    const until = running() + BUDGET_MS;
    settleWindowless(nowMs);
    this.#prune(nowMs - keepMs, () => running() < until);
    ledger.expire(nowMs - windowKeepMs, this.#linesAtOnce());
    if (running() - this.#forgotAt >= FORGET_MS) {
      this.#forgotAt = running();
      while (ledger.forget(nowMs - windowKeepMs, this.#linesAtOnce()) > 0);
    }
    room.grow();
    let replanned = false;
    if (this.#isOver() || room.isShort) {
      const mayContinue = () => (this.#overLowWater() || room.isShort) && running() < until;
      const isSpent = this.#deleteDelivered(mayContinue);
      if (isSpent && this.#isOver() && !this.#mayWait()) replanned = this.#atLimit(nowMs, running);
    }
    this.look(running);
    return { replanned };
  }

  /** After a commit, and while nothing may be taken: decides whether more may be, and deletes delivered readings to make room. */
  look(running: () => number): void {
    const { room } = this.#parts;
    const until = running() + BUDGET_MS;
    if (this.#isOver()) this.#deleteDelivered(() => this.#overLowWater() && running() < until);
    if (!room.isShort) room.keepLogFoldable();
    else if (running() >= this.#rehold.notBeforeMs) room.hold();
    room.limitGrowth();
    const limit = this.#limit();
    this.#over = this.#usedBytes() > limit.bytes ? limit.of : null;
    this.#report(running());
  }

  /** A write met a full disk: frees the reserve and deletes delivered readings, so that there is room to continue. */
  relieve(running: () => number): void {
    const { room } = this.#parts;
    if (!room.isShort) {
      const isAgain = running() - this.#rehold.notBeforeMs < 2 * REHOLD_MS.most;
      const waitMs = isAgain ? Math.min(REHOLD_MS.most, 2 * this.#rehold.waitMs) : REHOLD_MS.first;
      this.#rehold = { waitMs, notBeforeMs: running() + waitMs };
    }
    room.giveUp();
    this.#report(running());
    const until = running() + BUDGET_MS;
    try {
      this.#prune(Number.MAX_SAFE_INTEGER, () => running() < until);
    } catch {
      // Still no room, not even to delete: the loop tries again.
    }
  }

  /** Nothing may be taken now. With `drop-oldest` the buffer's own limit does not matter: old readings make room. */
  get isFull(): boolean {
    if (this.#parts.room.isShort || this.#over === "disk") return true;
    return this.#over === "buffer" && this.#parts.whenFull === "block";
  }

  /** Open windows and the memory of rules should no longer hold back delivered readings: or others would be dropped for them. */
  get mustFlush(): boolean {
    return this.#isStuck || (this.#parts.whenFull === "drop-oldest" && this.#over === "buffer");
  }

  /** It has been full for a while: open windows should no longer hold back delivered readings. */
  get #isStuck(): boolean {
    return this.isFull && (this.#reports.disk.isReported || this.#reports.buffer.isReported);
  }

  problems(): Problem[] {
    const problems: Problem[] = [];
    if (this.#reports.buffer.isReported) {
      const message =
        "The buffer is at its limit (AGENT_BUFFER_MAX_BYTES) and holds only undelivered readings: the agent takes no more";
      problems.push({ code: "buffer_full", message, try: "agent config show" });
    }
    if (this.#reports.disk.isReported) {
      const what = this.isFull ? "the agent takes no more readings" : "the agent continues in the room that it has";
      const message = `The disk of the data dir is full: ${what}. It recovers by itself when there is room`;
      problems.push({ code: "disk_full", message, try: "df -h" });
    }
    return problems;
  }

  /** Logs a limit that lasts, once, and its end, once. */
  #report(runningMs: number): void {
    const { room, log, whenFull } = this.#parts;
    const isDisk = room.isShort || room.isTight || this.#over === "disk";
    const disk = changed(this.#reports.disk, isDisk, runningMs, room.isShort || room.isTight);
    if (disk === "began")
      log.warn("disk_full", "The disk is full: the agent takes only as many readings as there is room for");
    if (disk === "ended") log.info("disk_has_room", "The disk has room again");
    const buffer = changed(this.#reports.buffer, this.#over === "buffer" && whenFull === "block", runningMs, false);
    if (buffer === "began") log.warn("buffer_full", "The buffer is at its limit: the agent takes no more readings");
    if (buffer === "ended") log.info("buffer_has_room", "The buffer has room again");
  }

  /** Before anything is dropped, what was delivered and is held back goes, as long as that does not need much more room. */
  #mayWait(): boolean {
    return this.#usedBytes() < this.#limit().bytes * FLUSH_WATER && this.#parts.retention.isHeldBack;
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

  #prune(beforeMs: number, mayContinue: () => boolean): void {
    const { retention, room } = this.#parts;
    while (mayContinue() && retention.prune(beforeMs, room.chunkRows) > 0);
  }

  /**
   * Deletes what was delivered, while it may: readings, batches of windows, then the accumulators that only late readings would
   * need. So none of these takes the room of a reading that was not delivered. Returns whether nothing of it is left.
   */
  #deleteDelivered(mayContinue: () => boolean): boolean {
    const { ledger } = this.#parts;
    this.#prune(Number.MAX_SAFE_INTEGER, mayContinue);
    while (mayContinue() && ledger.forget(Number.MAX_SAFE_INTEGER, this.#linesAtOnce()) > 0);
    while (mayContinue() && ledger.expire(Number.MAX_SAFE_INTEGER, this.#linesAtOnce()) > 0);
    return mayContinue();
  }

  /** Accumulators or rows of batches that one transaction may delete. */
  #linesAtOnce(): number {
    return Math.ceil(this.#parts.room.chunkRows / READINGS_A_LINE);
  }

  #overLowWater(): boolean {
    return this.#usedBytes() > this.#limit().bytes * LOW_WATER;
  }

  /** For about `DROP_MS`, and at least once: it is called again in a moment where that is not enough. */
  #atLimit(nowMs: number, running: () => number): boolean {
    // Without a reserve, dropping readings would not help.
    const { retention, room, whenFull } = this.#parts;
    if (whenFull === "block" || room.isShort) return false;
    let dropped = false;
    let planned = false;
    for (const until = running() + DROP_MS; this.#overLowWater() && !(dropped && running() >= until); ) {
      planned = this.#parts.planIssued() || planned;
      const loss = retention.dropOldest(DROP_ROWS, nowMs);
      if (loss === null) break;
      dropped = true;
      if (loss.range !== null) this.#parts.forgetDropped(loss.range);
      if (!this.#warned) {
        this.#parts.log.error("readings_dropped", "The buffer is at its limit: the agent drops the oldest readings", {
          count: loss.count,
        });
      }
      this.#warned = true;
    }
    return dropped || planned;
  }
}

/** Whether the reported state changes: after it has lasted, or (`now`) at once. */
function changed(report: LimitReport, is: boolean, runningMs: number, now: boolean): "began" | "ended" | null {
  if (is === report.isReported) {
    report.changedAtMs = null;
    return null;
  }
  report.changedAtMs ??= runningMs;
  if (!(is && now) && runningMs - report.changedAtMs < REPORT_AFTER_MS) return null;
  report.isReported = is;
  report.changedAtMs = null;
  return is ? "began" : "ended";
}

export function upkeepOf(
  { settings, log, now }: Pick<BufferInputs, "settings" | "log" | "now">,
  parts: { readonly retention: Retention; readonly room: DiskRoom; readonly windows: WindowParts },
): Upkeep {
  const { retention, room, windows } = parts;
  return new Upkeep({
    retention,
    room,
    ledger: windows.ledger,
    log,
    keepMs: settings.keep,
    windowKeepMs: settings.windowKeep,
    limitBytes: settings.bufferMaxBytes,
    whenFull: settings.bufferFull,
    settleWindowless: (nowMs) => settleWindowless(windows, nowMs),
    planIssued: () => planIssued(windows, settings.batchRows, now()),
    forgetDropped: (range) => windows.windows.dropped(range),
  });
}
