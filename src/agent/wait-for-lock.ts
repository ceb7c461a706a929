/** Creates the data dir when it is missing, and locks it, so that one agent uses it at a time. */

import { hostname } from "node:os";
import { dirname } from "node:path";
import { type DataDirLock, LOCK_POLL_MS, lockHolder, tryLock } from "../buffer/disk/agent-lock.ts";
import { makeFolder, syncNameOf } from "../buffer/disk/made-folder.ts";
import { AgentError, codeOf, messageOf, UsageError } from "../core/errors.ts";
import { shellWord } from "../core/shell-word.ts";
import { type BufferInputs, StoppedEarlyError } from "./buffer-inputs.ts";
import { pause, Waiting } from "./waiting.ts";

/** What no later try can change: a path that names something else, or nothing that can be. */
const NEVER = /^(ENOTDIR|EEXIST|EISDIR|ENAMETOOLONG|ELOOP|EINVAL)$/;

/**
 * Creates the folder and resolves when this process has its lock; logs once which agent it waits for. Waits for a folder that
 * cannot be used now. Throws UsageError when it can never be one, and AgentError when another agent holds the lock for longer
 * than the wait.
 */
export async function waitForLock(inputs: BufferInputs): Promise<DataDirLock> {
  const { settings, log, stop, now } = inputs;
  const { dataDir, lockWait } = settings;
  const me = { pid: process.pid, host: hostname(), sinceMs: now() };
  const waiting = new Waiting(inputs);
  const until = performance.now() + (lockWait ?? Number.POSITIVE_INFINITY);
  for (let isReported = false; ; ) {
    const found = lockOrTrouble(dataDir, me);
    if ("trouble" in found) {
      await waiting.after(found.trouble);
      continue;
    }
    waiting.over();
    if ("lock" in found) return found.lock;
    if (stop.aborted) throw new StoppedEarlyError(`Stopped before the lock was taken: ${found.held}`);
    if (performance.now() >= until) {
      const message = `Cannot take the lock of data dir "${dataDir}": ${found.held}; --lock-wait forever waits for it`;
      throw new AgentError(message, { tryHint: `agent status --data-dir ${shellWord(dataDir)}` });
    }
    if (!isReported) log.info("waiting_for_lock", `Waiting for data dir "${dataDir}": ${found.held}`);
    isReported = true;
    await pause(LOCK_POLL_MS, stop);
  }
}

type LockAttempt = { readonly lock: DataDirLock } | { readonly held: string } | { readonly trouble: unknown };

/** The lock, or why this process cannot have it now. */
function lockOrTrouble(dataDir: string, me: Parameters<typeof tryLock>[1]): LockAttempt {
  try {
    makeFolder(dataDir);
    const lock = tryLock(dataDir, me);
    if (lock !== null) {
      syncNameOf(dataDir);
      return { lock };
    }
    const holder = lockHolder(dataDir);
    const owner = holder === null ? "another agent" : `the agent with pid ${holder.pid} on host "${holder.host}"`;
    return { held: `${owner} has it` };
  } catch (error) {
    if (!NEVER.test(codeOf(error) ?? "")) return { trouble: error };
    throw new UsageError(`Cannot use "${dataDir}" as a data dir: ${messageOf(error)}`, {
      cause: error,
      tryHint: `ls -ld ${shellWord(dirname(dataDir))} ${shellWord(dataDir)}`,
    });
  }
}
