/**
 * Opens the buffer in whatever state it is: a corrupt one is set aside, and a new one takes over everything that can be
 * read. Opening waits for a full disk or a busy file; it fails only when it can never work.
 */

import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { isCorruption } from "../buffer/corruption.ts";
import { releaseReserve } from "../buffer/disk/reserve.ts";
import { DiskRoom } from "../buffer/disk/room.ts";
import { isLogDamaged } from "../buffer/salvage/log.ts";
import { asideInProgress } from "../buffer/salvage/set-aside.ts";
import { BUFFER_FILE, SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { codeOf, messageOf, UsageError } from "../core/errors.ts";
import { makeNodeId } from "../core/node-id.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { shellWord } from "../core/shell-word.ts";
import { type BufferInputs, StoppedEarlyError } from "./buffer-inputs.ts";
import { noticeCopy } from "./recovery/copied.ts";
import { salvageBuffer } from "./recovery/salvage.ts";

/** Committed readings kept in memory for delivery, in batches: those on their way, and those that fill up meanwhile. */
const RECENT_BATCHES = 4;
/** A full disk or a busy file is tried again after this. */
const RETRY_MS = 500;

/**
 * `catalogue`: that of the buffer that was open before (it turned out to be corrupt, or was restored); the new buffer takes
 * it over. Throws UsageError for a file that this binary can never use.
 */
export async function openBuffer(
  inputs: BufferInputs,
  catalogue?: SensorCatalogue,
  wasCorrupt = false,
): Promise<SqliteBuffer> {
  const { dataDir } = inputs.settings;
  let isCorrupt = wasCorrupt;
  for (let isReported = false; ; isReported = true) {
    try {
      const path = join(dataDir, BUFFER_FILE);
      if (isCorrupt || asideInProgress(dataDir) !== null || isLogDamaged(`${path}-wal`)) {
        return await salvageBuffer(inputs, () => newBuffer(inputs, catalogue));
      }
      return newBuffer(inputs, catalogue);
    } catch (error) {
      if (inputs.stop.aborted) throw new StoppedEarlyError("Stopped before the buffer was open", { cause: error });
      if (isCorruption(error) && !isCorrupt) isCorrupt = true;
      else if (!isPassing(error)) throw unusable(error, dataDir);
      else {
        if (!isReported) inputs.log.warn("buffer_waits", `Cannot open the buffer yet: ${messageOf(error)}`);
        releaseReserve(dataDir);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

function newBuffer(inputs: BufferInputs, catalogue?: SensorCatalogue): SqliteBuffer {
  const { settings, now } = inputs;
  return new SqliteBuffer({
    // What this process had open is no copy, wherever its file is now.
    opened: (db) => noticeCopy(inputs, db, catalogue !== undefined),
    dataDir: settings.dataDir,
    nodeId: settings.nodeId ?? (() => makeNodeId(hostname(), crypto.getRandomValues(new Uint8Array(6)))),
    nowMs: now(),
    chance: crypto.getRandomValues(new Uint8Array(10)),
    blockRows: settings.commitRows,
    recentRows: RECENT_BATCHES * settings.batchRows,
    ...(catalogue === undefined ? {} : { catalogue }),
  });
}

/** Full, busy, or a device that fails for a moment: a later try may work. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  return /^(SQLITE_(FULL|BUSY|LOCKED|IOERR)|ENOSPC|EDQUOT|EIO)/.test(code);
}

/** Runs work on an open buffer, and waits for a full disk or a busy file; releasing the reserve makes some room. */
export async function patiently<T>(inputs: BufferInputs, buffer: SqliteBuffer, work: () => T): Promise<T> {
  for (let isReported = false; ; isReported = true) {
    try {
      return work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (inputs.stop.aborted) throw new StoppedEarlyError("Stopped before the buffer could be used", { cause: error });
      if (!isReported) inputs.log.warn("buffer_waits", `Cannot use the buffer yet: ${messageOf(error)}`);
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
