/** Windows that are due become batches: one transaction writes rows, key and accumulators. */

import { type Batch, rangeOf } from "../buffer/buffer.ts";
import { epochOfWindow } from "../buffer/conflicts.ts";
import { CorruptRowError } from "../buffer/corruption.ts";
import { LATE } from "../buffer/late-readings.ts";
import { lossesOf } from "../buffer/ledger/losses.ts";
import type { Outbox } from "../buffer/outbox.ts";
import { outsideTrouble } from "../buffer/outside-error.ts";
import { SCHEMA_VERSION } from "../buffer/schema.ts";
import type { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import type { WindowLedger } from "../buffer/window-record.ts";
import type { Gzip } from "../core/bytes/gzip.ts";
import type { HeapWatch } from "../core/bytes/heap-watch.ts";
import type { Log } from "../core/log/log.ts";
import { chunksOf, intersect, type SeqRange, subtractRanges, totalSize } from "../core/seq-range.ts";
import type { ExpiredWindow, KeptWindow, OpenWindow, Windows } from "../stages/aggregate.ts";
import { packWindow, unpackWindow, windowRows } from "../stages/window-row.ts";
import { windowKey } from "../uplink/object-key.ts";

export type WindowParts = {
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly ledger: WindowLedger;
  readonly windows: Windows;
  readonly nodeId: string;
  readonly agentVersion: string;
  /** The bytes that one transaction may write: the disk may be small, or nearly full. */
  readonly chunkBytes: () => number;
  /** Up to this seq every reading was delivered to its own stages. */
  readonly deliveredThrough: () => number;
  readonly gzip: Gzip;
  readonly heap: HeapWatch;
  readonly log: Log;
};

export type IssueHow = {
  /** Every window that holds anything new, due or not. */
  readonly all: boolean;
  /** The store is down. */
  readonly isDown: boolean;
  /** The buffer is at its limit: delivered readings must not wait for their windows. */
  readonly mustFlush: boolean;
};

/** Windows in one transaction: limits how long a commit waits for them, and their memory. */
const WINDOWS_AT_ONCE = 16;
/** Of one sensor in one window: its row in the body, and its accumulator. */
const BYTES_A_SENSOR = 700;
/** A row of a window leaves as much garbage as this many readings. */
const READINGS_A_ROW = 15;
/** Accumulators are a third as large at the fastest level. */
const STATES_LEVEL = 1;
/** So many readings that are in no window are worth a transaction of their own. */
const WINDOWLESS_ROWS = 1_000;
/** Readings that are read back in one piece. */
const STEP_ROWS = 10_000;
/**
 * A window with dropped readings is rebuilt from those that are left; where its readings are spread over more than this, it
 * would hold up the agent, and the window counts the dropped ones too.
 */
const REBUILT_ROWS_MOST = 500_000;

/**
 * Issues the windows that are due (`all`: every window that holds anything new), at most WINDOWS_AT_ONCE. Durable on return. While the
 * store is down windows wait for late readings instead of for the store, as long as memory holds them; `mustFlush`: only those
 * that hold back delivered readings go out.
 */
export function issueWindows(
  parts: WindowParts,
  nowMs: number,
  { all, isDown, mustFlush }: IssueHow,
): readonly Batch[] {
  const { buffer, ledger, windows, heap } = parts;
  const waits = isDown && !windows.isOverfull;
  if (waits && !mustFlush) return [];
  const inTime = waits ? [] : dueWindows(parts, nowMs, all);
  const ready = mustFlush ? [...new Set([...inTime, ...deliveredOnly(parts, nowMs)])] : inTime;
  const due = firstOf(ready, parts.chunkBytes() / BYTES_A_SENSOR);
  if (due.length === 0) return [];
  // A restart reads again from the first reading that is in no window: behind it none may be left that was not counted.
  countLate(parts, nowMs);
  // A disk that is almost full may have room for some of them; their delivery makes room for the others.
  for (let some = due; ; some = some.slice(0, some.length / 2)) {
    try {
      const batches = buffer.transact(() => {
        const written = some.map((window) => writeDown(parts, window, nowMs));
        ledger.noteIssued(Math.max(...some.map(({ lastSeq }) => lastSeq)));
        ledger.advance(windows.dirtyFrom(some, windows.addedThrough + 1), windows.watermarkMs);
        return written;
      });
      windows.issued(some);
      heap.count(batches.reduce((sum, { count }) => sum + count, 0) * READINGS_A_ROW);
      return batches;
    } catch (error) {
      if (outsideTrouble(error) !== "full" || some.length === 1) throw error;
    }
  }
}

/** Windows whose readings were all delivered, due or not. Their readings are never dropped, so no later revision lacks them. */
function deliveredOnly(parts: WindowParts, nowMs: number): readonly OpenWindow[] {
  const through = parts.deliveredThrough();
  return dueWindows(parts, nowMs, true).filter(({ lastSeq }) => lastSeq <= through);
}

/** `Windows.due`, where those with dropped readings are rebuilt first. */
function dueWindows(parts: WindowParts, nowMs: number, all: boolean): readonly OpenWindow[] {
  const due = parts.windows.due(nowMs, all);
  const tainted = due.filter(({ isTainted }) => isTainted);
  for (const window of tainted) rebuildWindow(parts, window);
  return tainted.length === 0 ? due : parts.windows.due(nowMs, all);
}

/** As many windows as one transaction may hold, but at least one. */
function firstOf(due: readonly OpenWindow[], sensors: number): readonly OpenWindow[] {
  let held = 0;
  const over = due.findIndex((window, i) => {
    held += window.sensors.size;
    return i > 0 && held > sensors;
  });
  return due.slice(0, Math.min(WINDOWS_AT_ONCE, over < 0 ? due.length : over));
}

function writeDown(parts: WindowParts, window: OpenWindow, nowMs: number): Batch {
  const { buffer, ledger, windows } = parts;
  const { catalogue } = buffer;
  const epoch = epochOfWindow(buffer.db, window.startMs, buffer.epoch);
  const batch = planWindow({ ...parts, epoch, measureNames: catalogue.measureNames }, window, nowMs);
  if (batch === null) throw new CorruptRowError("Cannot issue a window: a batch of its revision is promised already");
  const count = window.sensors.size;
  const states = Bun.gzipSync(packWindow(window), { level: STATES_LEVEL });
  const { addedThrough: throughSeq } = windows;
  ledger.record({ startMs: window.startMs, revision: window.revision + 1, throughSeq }, { count, states }, nowMs);
  return batch;
}

/** The batch of a window's next revision, or null where one of its key is promised already. Inside the caller's transaction. */
export function planWindow(
  parts: Pick<WindowParts, "outbox" | "nodeId" | "agentVersion" | "gzip"> & {
    readonly windows: Pick<Windows, "settings">;
    readonly epoch: string;
    readonly measureNames: readonly string[];
  },
  window: Pick<OpenWindow, "startMs" | "revision" | "sensors">,
  nowMs: number,
): Batch | null {
  const { outbox, windows, nodeId, agentVersion, gzip, epoch, measureNames } = parts;
  const { lengthMs } = windows.settings;
  const revision = window.revision + 1;
  const facts = { epoch, nodeId, agentVersion, lengthMs, revision };
  const { text, count } = windowRows(window, measureNames, facts);
  const key = windowKey({ windowStartMs: window.startMs, node: nodeId, epoch, revision, count });
  return outbox.planBody({ stage: "aggregated", key, count, body: gzip.compress(text, count) }, nowMs);
}

/**
 * After a restart: rebuilds the windows that were not issued from the readings that the buffer kept, a little more at each step:
 * there may be millions. Before the last step nothing may be added to the windows, or be issued. Throws CorruptRowError
 * when a reading is missing that was not counted as lost: a damaged page can hide readings without an error.
 */
export function* rebuildWindows({ buffer, ledger, windows, heap }: WindowParts, nowMs: number): Generator<void> {
  windows.watermarkMs = ledger.watermarkMs;
  windows.beginBehind(ledger.from - 1);
  const dropped = droppedOf(buffer);
  for (const step of chunksOf({ first: ledger.from, last: buffer.lastSeq }, STEP_ROWS)) {
    let rows = 0;
    for (const { block, firstSeq } of buffer.read(step)) {
      windows.add(block, firstSeq, nowMs);
      rows += block.count;
    }
    // What the policy `drop-oldest` deleted is missing, and counted as lost.
    if (rows < totalSize(subtractRanges([step], dropped))) {
      throw new CorruptRowError(`Cannot read readings ${step.first} to ${step.last}: ${rows} are there`);
    }
    heap.look();
    yield;
  }
  windows.isBehind = false;
  if (ledger.late.isMarked) return;
  // An older agent was at work, which counted late readings without a mark: these, too.
  ledger.late.mark(windows.late());
  windows.lateCounted();
}

/** Counts what is in no window, so that it holds back nothing: late readings, and those without a sensor. Durable on return. */
export function settleWindowless(parts: WindowParts, nowMs: number): void {
  const { ledger, windows } = parts;
  // Stopped in its start: the next one reads all of them again.
  if (windows.isBehind) return;
  countLate(parts, nowMs);
  const from = windows.dirtyFrom([], windows.addedThrough + 1);
  if (from - ledger.from >= WINDOWLESS_ROWS) ledger.advance(from, windows.watermarkMs);
}

/** Counts the readings that came after their window was deleted. Durable on return. */
function countLate({ ledger, windows, log }: WindowParts, nowMs: number): void {
  const late = windows.late();
  if (late.length === 0) return;
  ledger.late.count(late, nowMs);
  windows.lateCounted();
  const count = late.reduce((sum, of) => sum + of.count, 0);
  log.error(LATE, "Readings came after their windows were deleted: no aggregate includes them", { count });
}

/**
 * Promises every reading that a window went out with: it is in an aggregate, and should be in the other stages. Returns whether
 * there were any, of which delivery does not know yet.
 */
export function planIssued({ outbox, ledger }: WindowParts, batchRows: number, nowMs: number): boolean {
  const before = outbox.plannedThrough;
  for (let left = ledger.issuedThrough - outbox.plannedThrough; left > 0; ) {
    if (outbox.plan(Math.min(left, batchRows), nowMs).length === 0) break;
    left = ledger.issuedThrough - outbox.plannedThrough;
  }
  return outbox.plannedThrough > before;
}

/** A window as the buffer kept it; null where it never went out. */
export function recallWindow(ledger: WindowLedger, startMs: number): KeptWindow | ExpiredWindow | null {
  const kept = ledger.recall(startMs);
  if (kept === null) return null;
  if (kept.expired) return { expiredThroughSeq: kept.throughSeq };
  const sensors = kept.states === null ? [] : unpackWindow(kept.states);
  if (sensors === null) throw new CorruptRowError("Cannot read a window: no commit can have written this row");
  return { revision: kept.revision, throughSeq: kept.throughSeq, sensors };
}

/** Takes the readings that were dropped out of a window. */
function rebuildWindow({ buffer, windows, heap }: WindowParts, window: OpenWindow): void {
  const span = { first: window.dirtyFromSeq, last: window.lastSeq };
  const left = subtractRanges([span], droppedOf(buffer));
  if (totalSize(left) > REBUILT_ROWS_MOST) {
    window.isTainted = false;
    return;
  }
  const steps = left.flatMap((range) => [...chunksOf(range, STEP_ROWS)]);
  windows.rebuild(window, readingsOf(buffer, steps));
  heap.count(totalSize(left));
}

function* readingsOf(buffer: SqliteBuffer, ranges: readonly SeqRange[]) {
  for (const range of ranges) {
    for (const stored of buffer.read(range)) yield { ...stored, range: intersect(range, rangeOf(stored)) };
  }
}

/** What the policy `drop-oldest` deleted. */
function droppedOf({ db }: SqliteBuffer): SeqRange[] {
  return lossesOf({ db, version: SCHEMA_VERSION }).flatMap(({ range, epoch = null }) =>
    range !== null && epoch === null ? [range] : [],
  );
}
