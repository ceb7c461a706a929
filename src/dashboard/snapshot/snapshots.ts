/** The one snapshot that may be under way, from its choice to the last byte that its client took. */
import { closeSync, openSync, readSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { removeSnapshot } from "../../buffer/disk/room.ts";
import { BUFFER_FILE } from "../../buffer/sqlite-buffer.ts";
import { AgentError } from "../../core/errors.ts";
import type { StreamClient } from "../../http/route.ts";
import type { SnapshotProgress, SnapshotSize } from "../wire.ts";
import { type MadeSnapshot, makeSnapshot } from "./make.ts";
import { type AskedSnapshot, chooseReadings, type RoomBytes, SNAPSHOT_LIMITS, type SnapshotLimits } from "./range.ts";

export type SnapshotParts = {
  readonly dataDir: string;
  readonly nowMs: () => number;
  readonly limits?: SnapshotLimits;
  /** Of the disk; tests give their own. */
  readonly room?: () => RoomBytes;
  readonly pause?: (ms: number) => Promise<void>;
};

/** Another one is under way. */
export class SnapshotBusyError extends AgentError {}
/** There is no reading to take, or no room for even one. */
export class NoSnapshotError extends AgentError {}

const MIB = 1_024 * 1_024;
/** What a snapshot leaves of the disk to the buffer: this share of it, within these limits. */
const LEAVES = { share: 8, leastBytes: 16 * MIB, mostBytes: 256 * MIB };
const SEND_BYTES = 256 * 1_024;
/** A client that takes nothing for so long is given up: meanwhile no other user can have a snapshot. */
export const STALL_MS = 10_000;
/** One that takes a little now and then must take a part within this time. */
const STUCK_MS = 60_000;
const IDLE: SnapshotProgress = { state: "idle", readings: 0, of: 0, bytes: 0 };

export class Snapshots {
  readonly #parts: SnapshotParts;
  #progress: SnapshotProgress = IDLE;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  get progress(): SnapshotProgress {
    return this.#progress;
  }

  size(asked: AskedSnapshot): SnapshotSize {
    return this.#choose(asked).size;
  }

  /** The file, whole; the caller sends it or gives it up. Throws SnapshotBusyError, NoSnapshotError, and as `makeSnapshot` does. */
  async make(asked: AskedSnapshot, stop: AbortSignal): Promise<SnapshotFile> {
    const { dataDir, pause = waitFor, limits = SNAPSHOT_LIMITS } = this.#parts;
    if (this.#progress.state !== "idle")
      throw new SnapshotBusyError(
        `Cannot take a snapshot: another one is under way. It ends by itself within ${STALL_MS / 1_000} s if its client takes nothing. Wait for its end, or cancel it where it began`,
      );
    this.#progress = { ...IDLE, state: "making" };
    try {
      const { range, size } = this.#choose(asked);
      if (range === null)
        throw new NoSnapshotError(`Cannot take a snapshot: ${size.cut ?? "the buffer holds no such reading"}`);
      this.#progress = { state: "making", readings: 0, of: size.readings, bytes: 0 };
      const made = await makeSnapshot(dataDir, range, {
        stop,
        pause,
        nowMs: this.#parts.nowMs(),
        limitBytes: limits.bytes,
        room: () => this.#room(),
        running: () => performance.now(),
        tell: (copied) => {
          this.#progress = { state: "making", ...copied };
        },
      });
      this.#progress = { state: "sending", readings: made.readings, of: made.readings, bytes: made.bytes };
      return new SnapshotFile(dataDir, made, () => {
        this.#progress = IDLE;
      });
    } catch (error) {
      removeSnapshot(dataDir);
      this.#progress = IDLE;
      throw error;
    }
  }

  #choose(asked: AskedSnapshot) {
    const { dataDir, nowMs, limits = SNAPSHOT_LIMITS } = this.#parts;
    return chooseReadings(join(dataDir, BUFFER_FILE), asked, { nowMs: nowMs(), room: this.#room(), limits });
  }

  #room(): RoomBytes {
    const { dataDir, room } = this.#parts;
    return room === undefined ? roomOf(dataDir) : room();
  }
}

/** A snapshot that is whole. It is deleted when it was sent, or given up. */
export class SnapshotFile {
  readonly bytes: number;
  readonly readings: number;
  readonly #dataDir: string;
  readonly #file: number;
  readonly #done: () => void;
  #isOpen = true;

  constructor(dataDir: string, { path, bytes, readings }: MadeSnapshot, done: () => void) {
    this.#dataDir = dataDir;
    this.bytes = bytes;
    this.readings = readings;
    this.#done = done;
    this.#file = openSync(path, "r");
  }

  /** As fast as the client takes it, and no faster. */
  async send(client: StreamClient): Promise<void> {
    const part = new Uint8Array(SEND_BYTES);
    try {
      for (let at = 0; at < this.bytes && !client.gone.aborted; ) {
        const read = readSync(this.#file, part, 0, part.length, at);
        if (read === 0) throw new AgentError("Cannot send the snapshot: its file became shorter");
        at += read;
        const hasRoom = client.send(part.slice(0, read));
        // A turn for others between two parts, also where the client is quick.
        await (hasRoom ? waitFor(0) : inTime(client.drained()));
      }
    } finally {
      this.giveUp();
    }
  }

  giveUp(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
    removeSnapshot(this.#dataDir);
    this.#done();
  }
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: Timer | null = null;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new AgentError("Cannot send the snapshot: its client takes too little")), STUCK_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

function waitFor(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function roomOf(dataDir: string): RoomBytes {
  try {
    const { bavail, blocks, bsize } = statfsSync(dataDir);
    const share = (blocks * bsize) / LEAVES.share;
    return { free: bavail * bsize, leaves: Math.min(LEAVES.mostBytes, Math.max(LEAVES.leastBytes, share)) };
  } catch {
    // A file system that does not say: the write will.
    return { free: Number.MAX_SAFE_INTEGER, leaves: 0 };
  }
}
