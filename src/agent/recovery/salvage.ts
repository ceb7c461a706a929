/** From a corrupt buffer that was set aside to a new one: readings, windows, bodies, cursors, losses. */
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { Loss } from "../../buffer/buffer.ts";
import { type Conflict, recordConflict } from "../../buffer/conflicts.ts";
import { isWholeBody } from "../../buffer/corruption.ts";
import { Retention } from "../../buffer/disk/retention.ts";
import { type EarlierEpoch, earlierEpochs, firstSeqOf, type SeqOwner } from "../../buffer/earlier-epochs.ts";
import { newEpoch } from "../../buffer/epoch.ts";
import { Outbox } from "../../buffer/outbox.ts";
import { DamagedBuffer, type SalvagedBatch } from "../../buffer/salvage/damaged-buffer.ts";
import { asideDone, setAside } from "../../buffer/salvage/set-aside.ts";
import { salvageSourceState } from "../../buffer/salvage/source-state.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { Gzip } from "../../core/bytes/gzip.ts";
import type { Problem } from "../../core/problem.ts";
import { intersect, sizeOf } from "../../core/seq-range.ts";
import { shellWord } from "../../core/shell-word.ts";
import { isStage } from "../../core/stage.ts";
import { VERSION } from "../../core/version.ts";
import type { BufferInputs } from "../buffer-inputs.ts";
import { watchOwnHeap } from "../own-heap.ts";
import { type OldEpoch, oldEpochs, rememberCorrupt, rememberOldEpochs } from "./old-epochs.ts";
import { Promised } from "./promised.ts";
import { type Recovered, Recovery, type SalvageParts } from "./readings.ts";
import { planAgain, recoverWindows } from "./windows.ts";

const NO_CURSORS = "the cursors of the sources cannot be read: they start again, and may bring readings twice";
const OLD_CURSORS =
  "the cursors of the sources are older than the last reading: they start again there, and bring some readings twice";

/** Sets the buffer aside and fills a new one. A salvage that was interrupted starts again from the beginning. */
export async function salvageBuffer(inputs: BufferInputs, newBuffer: () => SqliteBuffer): Promise<SqliteBuffer> {
  const { settings, log, now } = inputs;
  const path = setAside(settings.dataDir, now());
  log.error(
    "buffer_corrupt",
    `The buffer is corrupt and was set aside as "${basename(path)}"; the agent salvages everything that it can read`,
  );
  const buffer = newBuffer();
  const fallback = { ingestedAtMs: now(), rulesVersion: "", timeQuality: "unsynced", agentVersion: VERSION } as const;
  let damaged: DamagedBuffer | null = null;
  try {
    damaged = DamagedBuffer.open(path, fallback);
    const nodeId = damaged?.meta("node_id") ?? null;
    if (settings.nodeId === null && nodeId !== null) buffer.takeOverNodeId(nodeId);
    if (settings.nodeId === null && nodeId === null) {
      const message = `Cannot read the node's id from the corrupt buffer: it is "${buffer.nodeId}" from now on`;
      log.warn("node_renamed", message, { try: "agent config show" });
    }
    const problem = await takeOver(inputs, buffer, damaged, path);
    rememberCorrupt(buffer, problem, now());
    asideDone(settings.dataDir);
    log.error(problem.code, problem.message);
    return buffer;
  } catch (error) {
    buffer.close();
    throw error;
  } finally {
    damaged?.close();
  }
}

async function takeOver(
  inputs: BufferInputs,
  buffer: SqliteBuffer,
  damaged: DamagedBuffer | null,
  path: string,
): Promise<Problem> {
  const { settings, now, store, stop } = inputs;
  const file = basename(path);
  const found = damaged?.batches() ?? { batches: [], complete: false };
  const earlier = damaged === null ? [] : earlierEpochs(damaged);
  const settled = (damaged?.conflicts() ?? []).map(asSettled);
  const promises = { ...found, batches: [...found.batches, ...settled] };
  const promised = new Promised(promises, damaged?.number("planned_through") ?? null, earlier);
  const epoch = epochOf(damaged, promised, found.batches.length, now());
  if (damaged === null || epoch === null) {
    const sinceMs = now();
    new Retention(buffer).recordLoss({ reason: "buffer_corrupt", count: 0, range: null, sinceMs, untilMs: sinceMs });
    return problemOf(file, ["nothing in it could be read, so the number of its readings is unknown", NO_CURSORS]);
  }
  const stages = new Set(settings.stages);
  const outbox = new Outbox(buffer, stages, () => "");
  const parts: SalvageParts = {
    damaged,
    buffer,
    outbox,
    store,
    stages,
    windowSettings: {
      lengthMs: settings.windowMs,
      graceMs: settings.windowGraceMs,
      holdMs: settings.windowHoldMs,
      futureMs: settings.futureMs,
      maxAccumulators: Number.POSITIVE_INFINITY,
    },
    epoch,
    // The node may have been renamed since.
    nodeId: damaged.meta("node_id") ?? buffer.nodeId,
    earlier,
    gzip: new Gzip(settings.gzipLevel, () => performance.now()),
    heap: watchOwnHeap(),
    units: inputs.units ?? new Map(),
    stop,
  };
  const { seq, certain, given } = damaged.lastSeq(bytesOf(path));
  const span = { first: damaged.firstSeq(), last: seq, certain };
  const recovered = await new Recovery(parts, now()).run(promised, span);
  const bodies = carryBodies(parts, found.batches, now());
  const windows = stages.has("aggregated")
    ? await recoverWindows(parts, found.batches, span, now())
    : { unissuable: 0, missing: 0 };
  const cursors = carryRest(buffer, damaged, { ...recovered, file, atMs: now(), from: firstSeqOf(earlier) });
  return problemOf(file, [
    `${recovered.kept} readings that may not have been delivered are sent under their own ids`,
    `${recovered.lost} readings are counted as lost`,
    ...(recovered.unknown > 0
      ? [`${recovered.unknown} of those can be read, but not whether they were delivered`]
      : []),
    ...(damaged.withoutExtra > 0
      ? [`up to ${damaged.withoutExtra} readings go out without the fields in "extra", which cannot be read`]
      : []),
    ...(certain ? [] : ["its end cannot be read, so it may have held more"]),
    ...(windows.unissuable + bodies > 0
      ? [`${windows.unissuable + bodies} aggregates or earlier objects cannot be read`]
      : []),
    ...(windows.missing > 0 ? [`${windows.missing} readings cannot be counted into their aggregates`] : []),
    ...(cursors ? [] : [NO_CURSORS]),
    // Every reading came from a source, so a lower count shows a page from before the last commit.
    ...(cursors && given !== null && given < seq ? [OLD_CURSORS] : []),
  ]);
}

/** With the log: a young buffer may have everything there. */
function bytesOf(path: string): number {
  const sizes = [path, `${path}-wal`].map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

function problemOf(file: string, findings: readonly string[]): Problem {
  return {
    code: "buffer_was_corrupt",
    message: `The buffer was corrupt and was set aside as "${file}": ${findings.join("; ")}. Check the disk`,
    try: `sqlite3 ${shellWord(file)} .recover`,
  };
}

/** From the buffer itself, else from a key that it used; a buffer that promised nothing may have any. */
function epochOf(damaged: DamagedBuffer | null, promised: Promised, batches: number, nowMs: number): string | null {
  const epoch = damaged?.meta("epoch") ?? null;
  if (epoch !== null && /^[0-9a-hjkmnp-tv-z]{26}$/.test(epoch)) return epoch;
  if (promised.epoch !== null) return promised.epoch;
  const isUnused = promised.complete && batches === 0;
  return isUnused ? newEpoch(nowMs, crypto.getRandomValues(new Uint8Array(10))) : null;
}

/** The rows of a batch whose key was taken are promised under another epoch, in a batch with a body of its own. */
function asSettled({ stage, key, count, range }: Conflict, at: number): SalvagedBatch {
  return { id: -1 - at, stage, key, count, range, state: "delivered" };
}

/** Carries over unsettled batches with a body of their own: windows, and those of an earlier salvage. Returns how many are lost. */
function carryBodies(parts: SalvageParts, batches: readonly SalvagedBatch[], nowMs: number): number {
  const { damaged, buffer, outbox } = parts;
  let gone = 0;
  for (const { id, stage, key, count, range, state } of batches) {
    if (range !== null || state === "delivered" || !isStage(stage)) continue;
    const body = damaged.body(id);
    if (body !== null && count !== null && isWholeBody(body)) {
      if (buffer.transact(() => outbox.planBody({ stage, key, count, body }, nowMs)) === null) gone++;
      continue;
    }
    // The key of a range is enough to make it again, and `Recovery` did that.
    const isRange = stage !== "aggregated" && state === "unknown";
    if (!isRange && !(stage === "aggregated" && planAgain(parts, key, nowMs))) gone++;
  }
  return gone;
}

/** A loss of the buffer itself, under the epochs whose seqs it names. */
function partsOf(loss: Loss, of: SeqOwner, earlier: readonly EarlierEpoch[]): Loss[] {
  const { range } = loss;
  if (loss.epoch !== undefined || range === null) return [{ epoch: of.epoch, ...loss }];
  const spans = [...earlier, { ...of, first: firstSeqOf(earlier), last: range.last }];
  return spans.flatMap(({ epoch, first, last }) => {
    const own = intersect(range, { first, last });
    return sizeOf(own) === 0 ? [] : [{ ...loss, epoch, range: own, count: sizeOf(own) }];
  });
}

/** Carries over cursors and what sources keep beside them, rule sets, losses and earlier epochs. False when those cannot be read. */
function carryRest(buffer: SqliteBuffer, damaged: DamagedBuffer, old: OldEpoch & Partial<Recovered>): boolean {
  const cursors = damaged.cursors();
  const state = salvageSourceState(damaged.db);
  const { kept: _kept, unknown: _unknown, ...epoch } = old;
  buffer.transact(() => {
    const save = buffer.db.query("INSERT INTO source VALUES (?, ?, 0, 0) ON CONFLICT DO NOTHING");
    for (const { uri, cursor } of cursors ?? []) save.run(uri, cursor);
    const keep = buffer.db.query("INSERT INTO source_state VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
    for (const { uri, key, value } of state ?? []) keep.run(uri, key, value);
    for (const { version, canonical, since } of damaged.ruleSets()) buffer.rememberRules(version, canonical, since);
    for (const conflict of damaged.conflicts()) recordConflict(buffer.db, conflict);
    const retention = new Retention(buffer);
    const earlier = earlierEpochs(damaged);
    for (const loss of damaged.losses()) {
      for (const part of partsOf(loss, epoch, earlier)) retention.recordLoss(part);
    }
    const { file, atMs } = old;
    const before = earlier.map((one): OldEpoch => {
      return { ...one, accepted: one.last, from: one.first, certain: true, lost: 0, file, atMs, wasCopied: true };
    });
    rememberOldEpochs(buffer, [...oldEpochs(damaged), ...before, epoch]);
  });
  return cursors !== null && state !== null;
}
