/**
 * The buffer reported damage. Only an examination decides whether it is damaged and must be set aside: a device that fails to
 * read for a moment looks the same to SQLite, and a new epoch for a sound buffer is a false alarm.
 */
import { accessSync, constants } from "node:fs";
import { CorruptRowError } from "../../buffer/corruption.ts";
import { examine } from "../../buffer/salvage/examine.ts";
import { codeOf, messageOf } from "../../core/errors.ts";
import { MS_PER_MINUTE } from "../../core/time/duration.ts";
import { nap } from "../../core/time/nap.ts";
import { type BufferInputs, StoppedEarlyError } from "../buffer-inputs.ts";
import type { Waiting } from "../waiting.ts";

/** A second report within this time, of what no integrity check knows, is damage. */
const SOON_MS = 10 * MS_PER_MINUTE;
/** Reports of damage in a row, each found to be none: a buffer that cannot be used is set aside in the end. */
const REPORTS_MOST = 8;
/** A part of the file that cannot be read for as long, on a disk that can be written, will not come back. */
const UNREAD_MOST_MS = 10 * MS_PER_MINUTE;
const WAIT_MS = { first: 500, most: 30_000 };

export class Doubt {
  readonly #inputs: BufferInputs;
  readonly #running: () => number;
  #error: unknown = null;
  #reports = 0;
  #soundAtMs = Number.NEGATIVE_INFINITY;

  constructor(inputs: BufferInputs, running = () => performance.now()) {
    this.#inputs = inputs;
    this.#running = running;
  }

  /** The buffer reported damage, and is closed. */
  raise(error: unknown): void {
    this.#error = error;
  }

  get isRaised(): boolean {
    return this.#error !== null;
  }

  /** Whether the buffer is damaged. Waits while it cannot be read; throws StoppedEarlyError when the agent is stopped. */
  async isDamaged(waiting: Waiting): Promise<boolean> {
    const { log, settings, stop } = this.#inputs;
    const error = this.#error;
    if (this.#running() - this.#soundAtMs > SOON_MS) this.#reports = 0;
    this.#reports++;
    log.warn("buffer_doubted", `The buffer reports damage, and is examined: ${messageOf(error)}`);
    const sinceMs = this.#running();
    for (let waitMs = WAIT_MS.first; ; waitMs = Math.min(WAIT_MS.most, 2 * waitMs)) {
      const found = await examine(settings.dataDir, { isThorough: this.#reports > 1, stop });
      if (stop.aborted) throw new StoppedEarlyError("Stopped before the buffer was examined", { cause: error });
      if (found === "sound") break;
      const isLost = found !== "damaged" && this.#running() - sinceMs > UNREAD_MOST_MS && mayWrite(settings.dataDir);
      if (found === "damaged" || isLost) return this.#settled(true);
      await waiting.after(found.unread, waitMs);
    }
    const isContent = error instanceof CorruptRowError || codeOf(error) === "SQLITE_ERROR";
    if (this.#reports > (isContent ? 1 : REPORTS_MOST)) return this.#settled(true);
    this.#soundAtMs = this.#running();
    const because = "a part of it could not be read, or was not read as it is";
    log.warn("buffer_sound", `The examination found no damage in the buffer: ${because}. The agent continues with it`);
    await nap(Math.min(WAIT_MS.most, WAIT_MS.first * 2 ** (this.#reports - 1)), stop);
    return this.#settled(false);
  }

  #settled(isDamaged: boolean): boolean {
    this.#error = null;
    if (isDamaged) this.#reports = 0;
    return isDamaged;
  }
}

function mayWrite(dataDir: string): boolean {
  try {
    accessSync(dataDir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
