/** Creates the data dir when it is missing, and locks it, so that one agent uses it at a time. */

import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { type DataDirLock, LOCK_POLL_MS, lockHolder, tryLock } from "../buffer/disk/agent-lock.ts";
import { AgentError, messageOf, UsageError } from "../core/errors.ts";
import { shellWord } from "../core/shell-word.ts";
import { type BufferInputs, StoppedEarlyError } from "./buffer-inputs.ts";
import { isPassing } from "./open-buffer.ts";

/**
 * Creates the folder and resolves when this process has its lock; logs once which agent it waits for. Throws UsageError when the
 * folder can never be written, and AgentError when another agent holds the lock for longer than the wait.
 */
export async function waitForLock({ settings, log, stop, now }: BufferInputs): Promise<DataDirLock> {
  const { dataDir, lockWait } = settings;
  const me = { pid: process.pid, host: hostname(), sinceMs: now() };
  const until = performance.now() + (lockWait ?? Number.POSITIVE_INFINITY);
  for (let isReported = false; ; isReported = true) {
    const lock = lockOrReason(dataDir, me);
    if (typeof lock !== "string") return lock;
    if (stop.aborted) throw new StoppedEarlyError(`Stopped before the lock was taken: ${lock}`);
    if (performance.now() >= until) {
      throw new AgentError(`Cannot take the lock of data dir "${dataDir}": ${lock}; --lock-wait forever waits for it`, {
        tryHint: `agent status --data-dir ${shellWord(dataDir)}`,
      });
    }
    if (!isReported) log.info("waiting_for_lock", `Waiting for data dir "${dataDir}": ${lock}`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

/** The lock, or why this process cannot have it now. */
function lockOrReason(dataDir: string, me: Parameters<typeof tryLock>[1]): DataDirLock | string {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const lock = tryLock(dataDir, me);
    if (lock !== null) return lock;
    const holder = lockHolder(dataDir);
    const owner = holder === null ? "another agent" : `the agent with pid ${holder.pid} on host "${holder.host}"`;
    return `${owner} has it`;
  } catch (error) {
    if (isPassing(error)) return messageOf(error);
    throw new UsageError(`Cannot write to data dir "${dataDir}": ${messageOf(error)}`, {
      cause: error,
      tryHint: `ls -ld ${shellWord(dirname(dataDir))} ${shellWord(dataDir)}`,
    });
  }
}
