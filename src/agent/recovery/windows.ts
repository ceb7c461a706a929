/** The windows of a corrupt buffer that were not issued: rebuilt from its readings, and issued under its epoch. */
import { Retention } from "../../buffer/disk/retention.ts";
import { areLateMarked, LATE } from "../../buffer/late-readings.ts";
import type { DamagedBuffer, SalvagedBatch } from "../../buffer/salvage/damaged-buffer.ts";
import { chunksOf, type SeqRange, subtractRanges, totalSize } from "../../core/seq-range.ts";
import { breathe } from "../../core/time/bell.ts";
import { VERSION } from "../../core/version.ts";
import { type ExpiredWindow, type KeptWindow, Windows } from "../../stages/aggregate.ts";
import { unpackWindow } from "../../stages/window-row.ts";
import { parseKey } from "../../uplink/object-key.ts";
import { planWindow } from "../issue-windows.ts";
import type { SalvageParts } from "./readings.ts";

const STEP_ROWS = 10_000;

/**
 * `unissuable`: windows that cannot be issued again, because their last revision cannot be read. `missing`: readings that
 * cannot be read and may have been in a window that was not issued. Must not run in a transaction.
 */
export async function recoverWindows(
  parts: SalvageParts,
  batches: readonly SalvagedBatch[],
  span: SeqRange,
  nowMs: number,
): Promise<{ readonly unissuable: number; readonly missing: number }> {
  const { damaged, buffer, windowSettings: settings } = parts;
  const revisions = revisionsOf(batches, parts.epoch);
  const unissuable = new Set<number>();
  const recall = (startMs: number): KeptWindow | ExpiredWindow | null => {
    const kept = keptWindow(damaged, startMs, settings.lengthMs, revisions.get(startMs) ?? -1);
    if (kept !== "unreadable") return kept;
    unissuable.add(startMs);
    return { expiredThroughSeq: Number.POSITIVE_INFINITY };
  };
  const windows = new Windows(settings, damaged.catalogue, recall);
  const watermark = Number(damaged.meta("watermark") ?? Number.NaN);
  if (Number.isSafeInteger(watermark)) windows.watermarkMs = watermark;
  // Readings in an issued window are skipped: the window records up to which seq it has them.
  const notOut = { first: Math.max(span.first, damaged.number("windows_from") ?? 1), last: span.last };
  const dropped = damaged
    .losses()
    .flatMap(({ range, epoch }) => (range !== null && epoch === undefined ? [range] : []));
  let missing = totalSize(subtractRanges([notOut], dropped));
  for (const step of chunksOf(notOut, STEP_ROWS)) {
    await breathe();
    parts.heap.look();
    parts.stop.throwIfAborted();
    for (const { block, firstSeq } of damaged.read(step)) {
      windows.add(block, firstSeq, nowMs);
      missing -= block.count;
    }
  }
  const { measureNames } = damaged.catalogue;
  // A death may have left some that were not counted; an older agent counted without marks.
  const late = areLateMarked(damaged.losses(), damaged) ? windows.late().reduce((sum, { count }) => sum + count, 0) : 0;
  buffer.transact(() => {
    const loss = { reason: LATE, count: late, range: null, epoch: parts.epoch, sinceMs: nowMs, untilMs: nowMs };
    if (late > 0) new Retention(buffer).recordLoss(loss);
    for (const window of windows.due(nowMs, true)) {
      const batch = planWindow({ ...parts, agentVersion: VERSION, windows, measureNames }, window, nowMs);
      if (batch === null) unissuable.add(window.startMs);
    }
  });
  return { unissuable: unissuable.size, missing };
}

/** The highest revision of each window whose key can be read: the window's own record may not know it. */
function revisionsOf(batches: readonly SalvagedBatch[], epoch: string): ReadonlyMap<number, number> {
  const revisions = new Map<number, number>();
  for (const { stage, key } of batches) {
    const parsed = stage === "aggregated" ? parseKey("aggregated", key) : null;
    if (parsed?.kind !== "window" || parsed.epoch !== epoch) continue;
    const before = revisions.get(parsed.windowStartMs) ?? -1;
    revisions.set(parsed.windowStartMs, Math.max(before, parsed.revision));
  }
  return revisions;
}

/**
 * Makes a revision whose body cannot be read again from its accumulators, under the same key: the store knows whether it has
 * that one. False when the accumulators are of another revision, or cannot be read either.
 */
export function planAgain(parts: SalvageParts, key: string, nowMs: number): boolean {
  const { damaged, windowSettings: settings } = parts;
  const parsed = parseKey("aggregated", key);
  if (parsed?.kind !== "window" || parsed.epoch !== parts.epoch) return false;
  const { windowStartMs: startMs, revision } = parsed;
  const kept = keptWindow(damaged, startMs, settings.lengthMs, revision);
  if (kept === null || kept === "unreadable" || "expiredThroughSeq" in kept || kept.revision !== revision) return false;
  const sensors = new Map(kept.sensors.map(({ sensorId, state }) => [sensorId, state]));
  const { measureNames } = damaged.catalogue;
  const of = { ...parts, agentVersion: VERSION, windows: { settings }, measureNames };
  return parts.buffer.transact(() => planWindow(of, { startMs, revision: revision - 1, sensors }, nowMs)) !== null;
}

function keptWindow(damaged: DamagedBuffer, startMs: number, lengthMs: number, revision: number) {
  const kept = damaged.window(startMs);
  if (kept === "unreadable") return kept;
  if (kept === null) return revision >= 0 ? "unreadable" : null;
  if (kept.length !== lengthMs) return { revision: Math.max(-1, revision, kept.revision), throughSeq: 0, sensors: [] };
  if (Math.max(-1, kept.revision) < revision) return "unreadable";
  // It went out in an earlier epoch only.
  if (kept.revision < 0) return { revision: -1, throughSeq: kept.throughSeq, sensors: [] };
  if (kept.states === null) return { expiredThroughSeq: kept.throughSeq };
  const sensors = unpackWindow(kept.states);
  if (sensors === null) return "unreadable";
  return { revision: kept.revision, throughSeq: kept.throughSeq, sensors };
}
