/**
 * Opens the buffer, whatever state it is in: one that is corrupt is set aside, and a new one takes over what can be read.
 * A disk that is full or a file that is busy is waited for; only what can never work is an error.
 */

import { statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isCorruption, isWholeBody } from "../buffer/corruption.ts";
import { releaseReserve } from "../buffer/disk/reserve.ts";
import { Retention } from "../buffer/disk/retention.ts";
import { DiskRoom } from "../buffer/disk/room.ts";
import { newEpoch } from "../buffer/epoch.ts";
import { Outbox } from "../buffer/outbox.ts";
import { DamagedBuffer, type SalvagedBatch } from "../buffer/salvage/damaged-buffer.ts";
import { isLogDamaged } from "../buffer/salvage/log.ts";
import { asideDone, asideInProgress, setAside } from "../buffer/salvage/set-aside.ts";
import { BUFFER_FILE, SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { Gzip } from "../core/bytes/gzip.ts";
import { AgentError, codeOf, messageOf, UsageError } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import type { Settings } from "../core/settings/settings.ts";
import { shellWord } from "../core/shell-word.ts";
import { isStage } from "../core/stage.ts";
import { MS_PER_DAY } from "../core/time/duration.ts";
import { VERSION } from "../core/version.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import type { Problem } from "./live.ts";
import { watchOwnHeap } from "./own-heap.ts";
import { type Recovered, type RecoverParts, Recovery } from "./recover.ts";
import { Promised } from "./recover-promised.ts";
import { planAgain, type RecoverWindowParts, recoverWindows } from "./recover-windows.ts";

export type BufferInputs = {
  readonly settings: Settings;
  readonly log: Log;
  /** Asked what it has where the corrupt buffer cannot tell. */
  readonly store: ObjectStore;
  readonly stop: AbortSignal;
  readonly now: () => number;
};

/** The agent was told to stop before it had begun: nothing was taken, nothing is to be done. */
export class StoppedEarlyError extends AgentError {
  override readonly name = "StoppedEarlyError";
}

/** Committed readings kept in memory for delivery, in batches: those being sent, and those that fill up meanwhile. */
const RECENT_BATCHES = 4;
/** A full disk or a busy file is looked at again after this. */
const RETRY_MS = 500;
/** The problem is shown for this long; the file and the losses stay. */
const SHOWN_MS = MS_PER_DAY;
const NO_CURSORS = "where the sources stood cannot be read: they start again, and may bring readings twice";
const OLD_CURSORS =
  "what is known of the sources is older than the last reading: they start again there, and bring some twice";
const META_CORRUPT = "corrupt";
const META_OLD_EPOCHS = "old_epochs";

/** What is remembered of a buffer that was set aside: `verify` accounts for it under its own epoch. */
export type OldEpoch = Omit<Recovered, "kept" | "unknown"> & { readonly file: string; readonly atMs: number };

/**
 * `catalogue`: of the buffer that was open and turned out to be corrupt, or was put back; this one takes it over. Throws UsageError for
 * a file that this binary can never use.
 */
export async function openBuffer(
  inputs: BufferInputs,
  catalogue?: SensorCatalogue,
  wasCorrupt = false,
): Promise<SqliteBuffer> {
  const { dataDir } = inputs.settings;
  let isCorrupt = wasCorrupt;
  for (let told = false; ; told = true) {
    try {
      const path = join(dataDir, BUFFER_FILE);
      if (isCorrupt || asideInProgress(dataDir) !== null || isLogDamaged(`${path}-wal`)) {
        return await salvage(inputs, catalogue);
      }
      return newBuffer(inputs, catalogue);
    } catch (error) {
      if (inputs.stop.aborted) throw new StoppedEarlyError("Stopped before the buffer was open", { cause: error });
      if (isCorruption(error) && !isCorrupt) isCorrupt = true;
      else if (!isPassing(error)) throw unusable(error, dataDir);
      else {
        if (!told) inputs.log.warn("buffer_waits", `Cannot open the buffer yet: ${messageOf(error)}`);
        releaseReserve(dataDir);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** What `status` says of a buffer that was corrupt, for a day. */
export function corruptProblems(buffer: Pick<SqliteBuffer, "meta">, nowMs: number): Problem[] {
  const text = buffer.meta(META_CORRUPT);
  if (text === null) return [];
  const { atMs, ...problem } = JSON.parse(text) as Problem & { atMs: number };
  return Math.abs(nowMs - atMs) < SHOWN_MS ? [problem] : [];
}

function newBuffer({ settings, now }: BufferInputs, catalogue?: SensorCatalogue): SqliteBuffer {
  return new SqliteBuffer({
    dataDir: settings.dataDir,
    nodeId: settings.nodeId,
    nowMs: now(),
    chance: crypto.getRandomValues(new Uint8Array(10)),
    blockRows: settings.commitRows,
    recentRows: RECENT_BATCHES * settings.batchRows,
    ...(catalogue === undefined ? {} : { catalogue }),
  });
}

/** Full, busy, or a device that hiccups: what a later try can cure. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  return /^(SQLITE_(FULL|BUSY|LOCKED|IOERR)|ENOSPC|EDQUOT|EIO)/.test(code);
}

/** Work on a buffer that was opened; a disk that is full is waited for here too, with what giving up the reserve makes of room. */
export async function patiently<T>(inputs: BufferInputs, buffer: SqliteBuffer, work: () => T): Promise<T> {
  for (let told = false; ; told = true) {
    try {
      return work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (inputs.stop.aborted) throw new StoppedEarlyError("Stopped before the buffer could be used", { cause: error });
      if (!told) inputs.log.warn("buffer_waits", `Cannot use the buffer yet: ${messageOf(error)}`);
      new DiskRoom(inputs.settings.dataDir, buffer.db).giveUp();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function unusable(error: unknown, dataDir: string): unknown {
  const isPermission = /^(SQLITE_(CANTOPEN|READONLY|PERM)|EACCES|EPERM|EROFS)/.test(codeOf(error) ?? "");
  if (!isPermission) return error;
  return new UsageError(`Cannot write to data dir "${dataDir}": ${messageOf(error)}`, {
    cause: error,
    tryHint: `ls -ld ${shellWord(dirname(dataDir))} ${shellWord(dataDir)}`,
  });
}

/** Sets the buffer aside and fills a new one; taken up again from the start where it was broken off. */
async function salvage(inputs: BufferInputs, catalogue?: SensorCatalogue): Promise<SqliteBuffer> {
  const { settings, log, now } = inputs;
  const path = setAside(settings.dataDir, now());
  log.error(
    "buffer_corrupt",
    `The buffer is corrupt and was set aside as "${basename(path)}"; salvaging what can be read`,
  );
  const buffer = newBuffer(inputs, catalogue);
  const fallback = { ingestedAtMs: now(), rulesVersion: "", timeQuality: "unsynced", agentVersion: VERSION } as const;
  let damaged: DamagedBuffer | null = null;
  try {
    damaged = DamagedBuffer.open(path, fallback);
    const problem = await takeOver(inputs, buffer, damaged, path);
    buffer.setMeta(META_CORRUPT, JSON.stringify({ ...problem, atMs: now() }));
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
  const promised = new Promised(found, damaged?.number("planned_through") ?? null);
  const epoch = epochOf(damaged, promised, found.batches.length, now());
  if (damaged === null || epoch === null) {
    const sinceMs = now();
    new Retention(buffer).recordLoss({ reason: "buffer_corrupt", count: 0, range: null, sinceMs, untilMs: sinceMs });
    return problemOf(file, ["nothing of it could be read, so nobody can tell how many readings it held", NO_CURSORS]);
  }
  const stages = new Set(settings.stages);
  const outbox = new Outbox(buffer, stages, () => "");
  const { nodeId } = settings;
  const gzip = new Gzip(settings.gzipLevel, () => performance.now());
  const heap = watchOwnHeap();
  const parts: RecoverParts = { damaged, buffer, outbox, store, stages, nodeId, gzip, heap, stop };
  const { seq, certain, given } = damaged.lastSeq(bytesOf(path));
  const span = { first: damaged.firstSeq(), last: seq, certain };
  const recovered = await new Recovery(parts, epoch, now()).run(promised, span);
  const windowParts: RecoverWindowParts = {
    damaged,
    buffer,
    outbox,
    epoch,
    heap,
    stop,
    agentVersion: VERSION,
    nodeId: recovered.nodeId,
    gzip,
    settings: {
      lengthMs: settings.windowMs,
      graceMs: settings.windowGraceMs,
      holdMs: settings.windowHoldMs,
      futureMs: settings.futureMs,
      maxAccumulators: Number.POSITIVE_INFINITY,
    },
  };
  const bodies = carryBodies(windowParts, found.batches, now());
  const windows = stages.has("aggregated")
    ? await recoverWindows(windowParts, found.batches, span, now())
    : { untold: 0, missing: 0 };
  const cursors = carryRest(buffer, damaged, { ...recovered, file, atMs: now() });
  return problemOf(file, [
    `${recovered.kept} readings that may not have been delivered go out under their own ids`,
    `${recovered.lost} readings are counted as lost`,
    ...(recovered.unknown > 0
      ? [`${recovered.unknown} of those can be read, but not whether they were delivered`]
      : []),
    ...(certain ? [] : ["its end cannot be read, so there may have been more"]),
    ...(windows.untold + bodies > 0 ? [`${windows.untold + bodies} aggregates or earlier objects cannot be read`] : []),
    ...(windows.missing > 0 ? [`${windows.missing} readings cannot be counted into their aggregates`] : []),
    ...(cursors ? [] : [NO_CURSORS]),
    // Every reading came from a source: a page from before the last commit tells itself.
    ...(cursors && given !== null && given < seq ? [OLD_CURSORS] : []),
  ]);
}

/** With the log: of a young buffer everything may stand there. */
function bytesOf(path: string): number {
  const sizes = [path, `${path}-wal`].map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

function problemOf(file: string, told: readonly string[]): Problem {
  return {
    code: "buffer_was_corrupt",
    message: `The buffer was corrupt and was set aside as "${file}": ${told.join("; ")}. Check the disk`,
    try: `sqlite3 ${shellWord(file)} .recover`,
  };
}

/** From the buffer itself, else from a key that it gave; a buffer that promised nothing may have any. */
function epochOf(damaged: DamagedBuffer | null, promised: Promised, batches: number, nowMs: number): string | null {
  const epoch = damaged?.meta("epoch") ?? null;
  if (epoch !== null && /^[0-9a-hjkmnp-tv-z]{26}$/.test(epoch)) return epoch;
  if (promised.epoch !== null) return promised.epoch;
  const isUnused = promised.complete && batches === 0;
  return isUnused ? newEpoch(nowMs, crypto.getRandomValues(new Uint8Array(10))) : null;
}

/** Batches with a body of their own that are not known to be settled: windows, and what an earlier salvage made. Returns how many are gone. */
function carryBodies(parts: RecoverWindowParts, batches: readonly SalvagedBatch[], nowMs: number): number {
  const { damaged, buffer, outbox } = parts;
  let gone = 0;
  for (const { id, stage, key, count, range, state } of batches) {
    if (range !== null || state === "delivered" || !isStage(stage)) continue;
    const body = damaged.body(id);
    if (body !== null && count !== null && isWholeBody(body)) {
      buffer.transact(() => outbox.planBody(stage, key, count, body, nowMs));
      continue;
    }
    // A range's own key says all that it takes to make it again; that was done already.
    const isRange = stage !== "aggregated" && state === "unknown";
    if (!isRange && !(stage === "aggregated" && planAgain(parts, key, nowMs))) gone++;
  }
  return gone;
}

/** Cursors, rule sets, losses and the epochs before: false where the cursors cannot be read. */
function carryRest(buffer: SqliteBuffer, damaged: DamagedBuffer, old: OldEpoch & Partial<Recovered>): boolean {
  const cursors = damaged.cursors();
  const { kept: _kept, unknown: _unknown, ...epoch } = old;
  buffer.transact(() => {
    const save = buffer.db.query("INSERT INTO source VALUES (?, ?, 0, 0) ON CONFLICT DO NOTHING");
    for (const { uri, cursor } of cursors ?? []) save.run(uri, cursor);
    for (const { version, canonical, since } of damaged.ruleSets()) buffer.rememberRules(version, canonical, since);
    const retention = new Retention(buffer);
    for (const loss of damaged.losses()) retention.recordLoss({ epoch: epoch.epoch, ...loss });
    buffer.setMeta(META_OLD_EPOCHS, JSON.stringify([...oldEpochs(damaged), epoch]));
  });
  return cursors !== null;
}

/** The buffers that were set aside before this one, oldest first. */
export function oldEpochs(of: { meta(key: string): string | null }): OldEpoch[] {
  try {
    const found: unknown = JSON.parse(of.meta(META_OLD_EPOCHS) ?? "[]");
    return Array.isArray(found) ? (found as OldEpoch[]) : [];
  } catch {
    return [];
  }
}
