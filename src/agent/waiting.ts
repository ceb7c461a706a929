/** Trouble of the outside world with the data dir while the agent starts: the log says it once and on change, and the start waits. */
import { releaseReserve } from "../buffer/disk/reserve.ts";
import { troubleOf } from "../buffer/disk/trouble.ts";
import { AgentError } from "../core/errors.ts";
import type { Problem } from "../core/problem.ts";
import { formatDuration } from "../core/time/duration.ts";
import { type BufferInputs, StoppedEarlyError } from "./buffer-inputs.ts";
import { readLive, writeLive } from "./live.ts";

const RETRY_MS = 500;

export class Waiting {
  readonly #inputs: BufferInputs;
  #why: string | null = null;
  #sinceMs = 0;

  constructor(inputs: BufferInputs) {
    this.#inputs = inputs;
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
      this.#report({ code: isFull ? "disk_full" : "data_dir_unusable", message, try: command });
      this.#why = why;
    }
    if (isFull) releaseReserve(dataDir);
    await pause(waitMs, stop);
    if (stop.aborted) throw new StoppedEarlyError(message, { cause: error });
  }

  /** For `/healthz`; and for `agent status`, where this process has reported before and can write its report. */
  #report(problem: Problem): void {
    const { settings, waiting, now } = this.#inputs;
    waiting?.(problem);
    const last = readLive(settings.dataDir);
    if (last?.pid !== process.pid) return;
    try {
      writeLive(settings.dataDir, { ...last, updatedAtMs: now(), problems: [problem] });
    } catch {
      // `status` looks at the data dir itself.
    }
  }

  /** It can be used. */
  over(): void {
    const { settings, log, waiting } = this.#inputs;
    if (this.#why === null) return;
    log.info("data_dir_usable", `Data dir "${settings.dataDir}" can be used again`);
    waiting?.(null);
    this.#why = null;
  }
}

/** Resolves after `ms`, or at once when the agent is stopped. */
export function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, stop.aborted ? 0 : ms);
    stop.addEventListener("abort", end);
  });
}
