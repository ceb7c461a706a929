/**
 * Opens the buffer in whatever state it is: a corrupt one is set aside, and a new one takes over everything that can be
 * read. Opening waits for whatever the outside world does to it; it fails only when it can never work.
 */

import { hostname } from "node:os";
import { join } from "node:path";
import { isCorruption } from "../buffer/corruption.ts";
import { DiskRoom } from "../buffer/disk/room.ts";
import { forgetSensors, sensorsInUse } from "../buffer/forget-sensors.ts";
import { outsideTrouble } from "../buffer/outside-error.ts";
import { isLogDamaged } from "../buffer/salvage/log.ts";
import { asideInProgress } from "../buffer/salvage/set-aside.ts";
import { BUFFER_FILE, SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { makeNodeId } from "../core/node-id.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { breathe } from "../core/time/bell.ts";
import { type BufferInputs, StoppedEarlyError } from "./buffer-inputs.ts";
import { noticeCopy } from "./recovery/copied.ts";
import { Doubt } from "./recovery/doubt.ts";
import { askAboutInherited } from "./recovery/inherited.ts";
import { salvageBuffer } from "./recovery/salvage.ts";
import { Waiting } from "./waiting.ts";

/** Committed readings kept in memory for delivery, in batches: those on their way, and those that fill up meanwhile. */
const RECENT_BATCHES = 4;

/**
 * `catalogue`: that of the buffer that was open before (it reported damage, or was restored); the new buffer takes
 * it over. `doubt`: of the buffer in this data dir. Throws UsageError for a file that this binary can never use.
 */
export async function openBuffer(
  inputs: BufferInputs,
  catalogue?: SensorCatalogue,
  doubt = new Doubt(inputs),
): Promise<SqliteBuffer> {
  const { dataDir } = inputs.settings;
  let isCorrupt = false;
  const waiting = new Waiting(inputs);
  for (;;) {
    try {
      if (doubt.isRaised) isCorrupt = await doubt.isDamaged(waiting);
      const path = join(dataDir, BUFFER_FILE);
      const isDamaged = isCorrupt || asideInProgress(dataDir) !== null || isLogDamaged(`${path}-wal`);
      const fresh = (used?: ReadonlySet<number>) => newBuffer(inputs, { catalogue, used });
      const buffer = isDamaged
        ? await salvageBuffer(inputs, () => fresh())
        : await settled(inputs, fresh, catalogue !== undefined);
      waiting.over();
      return buffer;
    } catch (error) {
      if (inputs.stop.aborted) throw new StoppedEarlyError("Stopped before the buffer was open", { cause: error });
      if (isCorruption(error) && !isCorrupt) doubt.raise(error);
      else if (outsideTrouble(error) === null) throw error;
      else await waiting.after(error);
    }
  }
}

/**
 * A buffer that began a new epoch asks the store first what another copy delivered of the old one. One that knows many sensors is
 * looked through for those that are not in use: they are forgotten while nothing refers to them (`isReferred`: something does).
 */
async function settled(
  inputs: BufferInputs,
  open: (used?: ReadonlySet<number>) => SqliteBuffer,
  isReferred: boolean,
): Promise<SqliteBuffer> {
  const buffer = open();
  const turn = async () => {
    await breathe();
    inputs.stop.throwIfAborted();
  };
  let used: ReadonlySet<number> | null;
  try {
    const isAsked = await askAboutInherited(inputs, buffer);
    used = isReferred ? null : await sensorsInUse(buffer, turn);
    if (!isAsked && used === null) return buffer;
  } catch (error) {
    buffer.close();
    throw error;
  }
  buffer.close();
  return open(used ?? undefined);
}

type TakenOver = { readonly catalogue: SensorCatalogue | undefined; readonly used: ReadonlySet<number> | undefined };

function newBuffer(inputs: BufferInputs, { catalogue, used }: TakenOver): SqliteBuffer {
  const { settings, now } = inputs;
  return new SqliteBuffer({
    opened: (db) => {
      // What this process had open is no copy, wherever its file is now.
      noticeCopy(inputs, db, catalogue !== undefined);
      if (used !== undefined) forgetSensors(db, used);
    },
    dataDir: settings.dataDir,
    nodeId: settings.nodeId ?? (() => makeNodeId(hostname(), crypto.getRandomValues(new Uint8Array(6)))),
    nowMs: now(),
    chance: crypto.getRandomValues(new Uint8Array(10)),
    blockRows: settings.commitRows,
    recentRows: RECENT_BATCHES * settings.batchRows,
    ...(catalogue === undefined ? {} : { catalogue }),
  });
}

/** Runs work on an open buffer, and waits for a full disk or a busy file; releasing the reserve makes some room. */
export async function patiently<T>(inputs: BufferInputs, buffer: SqliteBuffer, work: () => T | Promise<T>): Promise<T> {
  const waiting = new Waiting(inputs);
  for (;;) {
    try {
      const done = await work();
      waiting.over();
      return done;
    } catch (error) {
      const trouble = outsideTrouble(error);
      if (trouble === null) throw error;
      if (trouble === "full") new DiskRoom(inputs.settings.dataDir, buffer.db).giveUp();
      await waiting.after(error);
    }
  }
}
