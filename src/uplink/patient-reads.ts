/**
 * Retries of reads, for a command at a laptop: a store that is busy for a moment is not a finding. As puts are retried (full
 * jitter, Retry-After first; link-state.ts), but within a bound, because a person waits.
 */
import { AgentError, adviceOf, TransientError } from "../core/errors.ts";
import { secondsText } from "../core/net/timed-request.ts";
import { widestWaitMs } from "./link-state.ts";

/** Runs one request to the store, and repeats it as often as its patience lasts. `ask` throws as a store does. */
export type Reads = <T>(ask: () => Promise<T>) => Promise<T>;

/** One request: no try begins later than this after the first. */
export const READ_PATIENCE_MS = 60_000;
const READ_CEILING_MS = 10_000;

export type Patience = {
  /** In [0, 1). */
  readonly random: () => number;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  /** Resolves after this time, or when the command is asked to stop. */
  readonly wait: (ms: number) => Promise<void>;
  readonly stop: AbortSignal;
  /** Called before each wait, with why and how long. */
  readonly waiting: (because: string, ms: number) => void;
};

/** One try: what `agent run` does, which has a link of its own. */
export const ONE_TRY: Reads = (ask) => ask();

/**
 * Repeats what throws a TransientError; every other error passes. At the end of the patience the last error is thrown, with
 * how long it was tried as its advice. A Retry-After that is longer than what is left ends it at once.
 */
export function patientReads({ random, nowMs, wait, stop, waiting }: Patience): Reads {
  return async (ask) => {
    const endMs = nowMs() + READ_PATIENCE_MS;
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        if (stop.aborted) throw stopped(error);
        const asked = error.retryAfterMs ?? 0;
        const ms = Math.ceil(asked + random() * widestWaitMs(tries, READ_CEILING_MS));
        if (nowMs() + ms > endMs) throw gaveUp(error, tries, READ_PATIENCE_MS - (endMs - nowMs()));
        waiting(error.message, ms);
        await wait(ms);
        if (stop.aborted) throw stopped(error);
      }
    }
  };
}

function stopped(error: TransientError): AgentError {
  return new AgentError(`${error.message}; it was stopped while it waited`, { cause: error });
}

function gaveUp(error: TransientError, tries: number, spentMs: number): TransientError {
  const { retryAfterMs, tryHint } = error;
  const times = tries === 1 ? "once" : `${tries} times in ${secondsText(spentMs)} s`;
  const asks = (retryAfterMs ?? 0) > READ_PATIENCE_MS - spentMs;
  const wants = asks ? `; the store asks to wait ${secondsText(retryAfterMs ?? 0)} s` : "";
  const advice = `It was tried ${times}${wants}: nothing is known of what the store holds`;
  const given = adviceOf(error).advice;
  return new TransientError(error.message, {
    cause: error,
    retryAfterMs,
    advice: given === undefined ? advice : `${given}. ${advice}`,
    ...(tryHint === undefined ? {} : { tryHint }),
  });
}
