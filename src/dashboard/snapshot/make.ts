/**
 * Makes a snapshot on the agent's own thread, in slices of a few milliseconds with pauses that are several times as long: the agent
 * takes and delivers meanwhile (docs/decisions.md, "A snapshot is made in slices, on the agent's thread").
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { removeSnapshot, snapshotPath } from "../../buffer/disk/room.ts";
import { outsideTrouble } from "../../buffer/outside-error.ts";
import { BUFFER_FILE } from "../../buffer/sqlite-buffer.ts";
import { AgentError } from "../../core/errors.ts";
import { roughBytes } from "../../core/readable-numbers.ts";
import { chunksOf, type SeqRange, sizeOf } from "../../core/seq-range.ts";
import { VERSION } from "../../core/version.ts";
import { SnapshotCopy } from "./copy.ts";
import type { RoomBytes } from "./range.ts";

/** `pauses`: how much longer a pause is than its slice: a sixth of a core; at least `leastPauses`, half of one, on a slow device. */
const SLICE = { targetMs: 4, rows: 200, leastRows: 20, mostRows: 20_000, pauses: 5, leastPauses: 1, leastPauseMs: 5 };
/** A client waits for the first byte of its reply no longer than two minutes: within this time it is made, if it can be. */
const MADE_WITHIN_MS = 80_000;
const SENSORS_AT_ONCE = 500;
/** A slice that met a busy buffer is tried again so often. */
const BUSY_TRIES = 50;
/** The file may become larger than its sample said; beyond this share over the limit it is begun again, with fewer readings. */
const OVER = 1.05;
const TRIES = 3;

export type MakeHow = {
  readonly stop: AbortSignal;
  readonly nowMs: number;
  readonly limitBytes: number;
  readonly room: () => RoomBytes;
  readonly tell: (copied: { readonly readings: number; readonly of: number; readonly bytes: number }) => void;
  /** Milliseconds that only run, and a wait; tests give their own. */
  readonly running: () => number;
  readonly pause: (ms: number) => Promise<void>;
};

export type MadeSnapshot = { readonly path: string; readonly bytes: number; readonly readings: number };

/** The caller deletes the file. Throws AgentError where the disk is full or it was stopped, and the database's error. */
export async function makeSnapshot(dataDir: string, range: SeqRange, how: MakeHow): Promise<MadeSnapshot> {
  let wanted = range;
  for (let tries = 1; ; tries++) {
    removeSnapshot(dataDir);
    const making = new SnapshotMaking(dataDir, wanted, how);
    try {
      const fewer = await making.run();
      if (fewer === null) return making.made();
      if (tries === TRIES)
        throw new AgentError(`Cannot take a snapshot: it becomes larger than ${roughBytes(how.limitBytes)}`);
      wanted = { first: Math.max(wanted.first, wanted.last - fewer + 1), last: wanted.last };
    } catch (error) {
      if (outsideTrouble(error) !== "full") throw error;
      throw new AgentError("Cannot take a snapshot: the disk is full", { cause: error, tryHint: "agent buffer stats" });
    } finally {
      making.close();
    }
  }
}

class SnapshotMaking {
  readonly #how: MakeHow;
  readonly #range: SeqRange;
  readonly #path: string;
  readonly #copy: SnapshotCopy;
  #rows = SLICE.rows;
  #copied = 0;
  #workedMs = 0;

  constructor(dataDir: string, range: SeqRange, how: MakeHow) {
    this.#how = how;
    this.#range = range;
    this.#path = snapshotPath(dataDir);
    this.#copy = new SnapshotCopy(this.#path, join(dataDir, BUFFER_FILE));
  }

  close(): void {
    this.#copy.close();
  }

  made(): MadeSnapshot {
    this.close();
    return { path: this.#path, bytes: statSync(this.#path).size, readings: this.#copied };
  }

  /** Null when it is whole; else how many readings would fit. */
  async run(): Promise<number | null> {
    const { first, last } = this.#range;
    let next = this.#copy.nextHeld(first);
    while (next !== null && next <= last) {
      const piece = { first: next, last: Math.min(last, next + this.#rows - 1) };
      await this.#slice(() => {
        this.#copied += this.#copy.readings(piece);
        this.#copy.commits(piece, true);
      });
      next = this.#copy.nextHeld(piece.last + 1);
      const { bytes } = this.#copy;
      this.#how.tell({ readings: this.#copied, of: sizeOf(this.#range), bytes });
      if (bytes > this.#how.limitBytes * OVER) return Math.floor((this.#copied * 0.9 * this.#how.limitBytes) / bytes);
      this.#expectRoom();
    }
    await this.#shared();
    return null;
  }

  /** After the readings: every sensor and label that they refer to is there. */
  async #shared(): Promise<void> {
    const last = this.#copy.lastHandle();
    for (const handles of chunksOf({ first: 0, last }, SENSORS_AT_ONCE))
      await this.#slice(() => this.#copy.sensors(handles));
    await this.#slice(() => this.#copy.labels());
    this.#copy.about({
      taken_at: new Date(this.#how.nowMs).toISOString(),
      node_id: this.#copy.meta("node_id"),
      epoch: this.#copy.meta("epoch"),
      agent_version: VERSION,
      first_seq: this.#range.first,
      last_seq: this.#range.last,
      readings: this.#copied,
    });
  }

  async #slice(work: () => void): Promise<void> {
    const { stop, running, pause } = this.#how;
    for (let tries = 1; ; tries++) {
      if (stop.aborted) throw new AgentError("Cannot take a snapshot: it was stopped");
      const startedMs = running();
      let isBusy = false;
      try {
        work();
      } catch (error) {
        if (outsideTrouble(error) !== "busy" || tries === BUSY_TRIES) throw error;
        isBusy = true;
      }
      const tookMs = Math.max(0.1, running() - startedMs);
      this.#rows = Math.round(
        Math.min(SLICE.mostRows, Math.max(SLICE.leastRows, this.#rows * Math.min(2, SLICE.targetMs / tookMs))),
      );
      this.#workedMs += tookMs;
      await pause(Math.max(SLICE.leastPauseMs, this.#pauses() * tookMs));
      if (!isBusy) return;
    }
  }

  /** How much longer than a slice the pause behind it is. */
  #pauses(): number {
    const share = this.#copied / sizeOf(this.#range);
    if (share === 0) return SLICE.pauses;
    const expectedMs = this.#workedMs / share;
    return Math.min(SLICE.pauses, Math.max(SLICE.leastPauses, MADE_WITHIN_MS / expectedMs - 1));
  }

  /** Others may fill the disk meanwhile. */
  #expectRoom(): void {
    const { free, leaves } = this.#how.room();
    if (free >= leaves / 2) return;
    throw new AgentError(`Cannot take a snapshot: the disk has only ${roughBytes(free)} left`, {
      tryHint: "agent buffer stats",
    });
  }
}
