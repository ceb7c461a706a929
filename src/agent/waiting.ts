/** What an agent waits for before it can begin: trouble with the data dir, or its lock. The log says it once and on change. */

import { hostname } from "node:os";
import { releaseReserve } from "../buffer/disk/reserve.ts";
import { troubleOf } from "../buffer/disk/trouble.ts";
import { type WaitingAgent, WaitingNote } from "../buffer/disk/waiting-note.ts";
import { AgentError } from "../core/errors.ts";
import type { Problem } from "../core/problem.ts";
import { formatDuration } from "../core/time/duration.ts";
import { nap } from "../core/time/nap.ts";
import { type BufferInputs, StoppedEarlyError } from "./buffer-inputs.ts";
import { readLive, writeLive } from "./live.ts";

const RETRY_MS = 500;

export class Waiting {
  readonly #inputs: BufferInputs;
  readonly #note: WaitingNote;
  #told: WaitingAgent | null = null;
  #isNoted = false;
  #why: string | null = null;
  #sinceMs = 0;

  constructor(inputs: BufferInputs) {
    this.#inputs = inputs;
    this.#note = new WaitingNote(inputs.settings.dataDir);
  }

  /**
   * Waits a moment before the next try. Throws StoppedEarlyError as soon as the agent is stopped, and AgentError where a run
   * that must end has waited for long enough.
   */
  async after(error: unknown, waitMs = RETRY_MS): Promise<void> {
    const { settings, log, stop, patienceMs = Number.POSITIVE_INFINITY } = this.#inputs;
    const { dataDir } = settings;
    const { why, isFull, try: command } = troubleOf(dataDir, error);
    const message = `Cannot use data dir "${dataDir}": ${why}`;
    const nowMs = performance.now();
    if (this.#why === null) this.#sinceMs = nowMs;
    if (nowMs - this.#sinceMs >= patienceMs) {
      const waited = `${message}. The agent waited ${formatDuration(patienceMs)} for it`;
      throw new AgentError(waited, { cause: error, tryHint: command });
    }
    if (why !== this.#why) {
      log.warn("data_dir_waits", `${message}. The agent waits, and starts by itself when it can`, { try: command });
      this.#why = why;
    }
    this.tell({ code: isFull ? "disk_full" : "data_dir_unusable", message, try: command });
    if (isFull) releaseReserve(dataDir);
    await nap(waitMs, stop);
    if (stop.aborted) {
      this.#note.end();
      throw new StoppedEarlyError(message, { cause: error });
    }
  }

  /** Says what the start waits for, for `/healthz`, and for `agent status` as soon as the data dir can be written. */
  tell(problem: Problem): void {
    const { settings, waiting, now } = this.#inputs;
    const isNews = this.#told?.problem.message !== problem.message;
    if (!isNews && this.#isNoted) return;
    if (isNews) waiting?.(problem);
    const sinceMs = this.#told?.sinceMs ?? now();
    this.#told = { pid: process.pid, host: hostname(), sinceMs, problem };
    this.#isNoted = this.#note.write(this.#told);
    const last = readLive(settings.dataDir);
    if (last?.pid !== process.pid) return;
    try {
      writeLive(settings.dataDir, { ...last, updatedAtMs: now(), problems: [problem] });
    } catch {
      // `status` looks at the data dir itself.
    }
  }

  /** It waits no more, or the wait has come to its end. */
  over(): void {
    const { settings, log, waiting } = this.#inputs;
    if (this.#why !== null) log.info("data_dir_usable", `Data dir "${settings.dataDir}" can be used again`);
    this.#why = null;
    if (this.#told === null) return;
    waiting?.(null);
    this.#note.end();
    this.#told = null;
    this.#isNoted = false;
  }
}
