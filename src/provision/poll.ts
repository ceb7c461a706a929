/** Waiting: by asking, for what a cloud does in its own time; and by trying again, for what it refuses for now. */
import { AgentError, messageOf, TransientError } from "../core/errors.ts";
import type { Doing } from "./resource.ts";

/** IAM needs seconds, and has been seen to need minutes: asked at 2, 4, 8, 15, 15 … seconds, for at most 5 minutes. */
export const IAM_WAIT: PollLimits = { firstMs: 2_000, mostMs: 15_000, limitMs: 300_000 };
/** A read that lags behind a write: 0.2, 0.4, 0.8 … seconds, for at most a minute. */
export const READ_BACK_WAIT: PollLimits = { firstMs: 200, mostMs: 5_000, limitMs: 60_000 };

export type PollLimits = { readonly firstMs: number; readonly mostMs: number; readonly limitMs: number };

/** This value, or not yet and why. */
export type PollResult<T> = { readonly value: T } | { readonly notYet: string };

/**
 * Asks until there is a value. A TransientError counts as "not yet", any other is thrown. When the time is over, throws an
 * AgentError that says for what it waited, how long, and what the last answer was.
 */
export async function pollUntil<T>(
  what: string,
  limits: PollLimits,
  doing: Pick<Doing, "stop" | "tell" | "wait" | "now">,
  ask: () => Promise<PollResult<T>>,
): Promise<T> {
  const startedMs = doing.now();
  for (let waitMs = limits.firstMs; ; waitMs = Math.min(limits.mostMs, waitMs * 2)) {
    const answer = await ask().catch((error: unknown): PollResult<T> => {
      if (error instanceof TransientError) return { notYet: error.message };
      throw error;
    });
    if ("value" in answer) return answer.value;
    doing.stop.throwIfAborted();
    const waitedMs = doing.now() - startedMs;
    if (waitedMs + waitMs > limits.limitMs) {
      throw new AgentError(
        `Cannot wait any longer for ${what}: after ${Math.round(waitedMs / 1_000)} s ${answer.notYet}`,
      );
    }
    doing.tell(
      `waiting for ${what}, ${Math.round(waitedMs / 1_000)} s of at most ${limits.limitMs / 1_000}: ${answer.notYet}`,
    );
    await doing.wait(waitMs);
  }
}

/** What answers "later" is tried so often, with these waits between. The SDKs have tried before. */
const TRIES = { most: 4, firstWaitMs: 1_000 };

/** Does it, again where a TransientError says that later may help; the last one is thrown, and any other at once. */
export async function tryAgain<T>(doing: Pick<Doing, "stop" | "tell" | "wait">, work: () => Promise<T>): Promise<T> {
  for (let tries = 1, waitMs = TRIES.firstWaitMs; ; tries++, waitMs *= 2) {
    doing.stop.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransientError) || tries >= TRIES.most) throw error;
      doing.stop.throwIfAborted();
      doing.tell(`${messageOf(error)}; trying again in ${waitMs / 1_000} s`);
    }
    await doing.wait(waitMs);
  }
}
