/** Work on a buffer: this command does it with the data dir's lock, or asks the running agent, which alone writes its buffer. */
import { hostname } from "node:os";
import { lockHolder, tryLock } from "../../buffer/disk/agent-lock.ts";
import { AgentError, messageOf } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";

/** A running agent looks every two seconds, and a busy one later. */
export const WAIT_MS = 15_000;
const POLL_MS = 100;

export type BufferWork = {
  /** For the message: `requeue`. */
  readonly name: string;
  readonly alone: () => void;
  readonly ask: () => void;
  readonly isAsked: () => boolean;
};

/** `done` false: an agent runs, and has not done it yet. `by`: the pid of the agent that does it; null: this command did. */
export async function aloneOrAsk(
  dataDir: string,
  work: BufferWork,
  stop: AbortSignal,
  waitMs: number,
): Promise<{ readonly done: boolean; readonly by: number | null }> {
  try {
    const lock = tryLock(dataDir, { pid: process.pid, host: hostname(), sinceMs: Date.now() });
    if (lock !== null) {
      try {
        work.alone();
        return { done: true, by: null };
      } finally {
        lock.release();
      }
    }
    const by = lockHolder(dataDir)?.pid ?? null;
    work.ask();
    const until = performance.now() + waitMs;
    while (work.isAsked() && performance.now() < until && !stop.aborted) await Bun.sleep(POLL_MS);
    return { done: !work.isAsked(), by };
  } catch (error) {
    throw new AgentError(`Cannot ${work.name} in "${dataDir}": ${messageOf(error)}`, {
      cause: error,
      tryHint: `ls -la ${shellWord(dataDir)}`,
    });
  }
}
