/** Creates the data dir when it is missing, and locks it, so that one agent uses it at a time. */

import { hostname } from "node:os";
import { dirname } from "node:path";
import { type DataDirLock, LOCK_POLL_MS, lockHolder, tryLock } from "../buffer/disk/agent-lock.ts";
import { makeFolder, syncNameOf } from "../buffer/disk/made-folder.ts";
import { LOCK_CODE } from "../buffer/disk/waiting-note.ts";
import { AgentError, codeOf, messageOf, UsageError } from "../core/errors.ts";
import { shellWord } from "../core/shell-word.ts";
import { nap } from "../core/time/nap.ts";
import { type BufferInputs, StoppedEarlyError } from "./buffer-inputs.ts";
import { Waiting } from "./waiting.ts";

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
  for (let told: string | null = null; ; ) {
    const found = lockOrTrouble(dataDir, me);
    if ("trouble" in found) {
      await waiting.after(found.trouble);
      continue;
    }
    if ("lock" in found) {
      waiting.over();
      return found.lock;
    }
    const { held, look } = found;
    if (stop.aborted || performance.now() >= until) {
      waiting.over();
      if (stop.aborted) throw new StoppedEarlyError(`Stopped before the lock was taken: ${held}`);
      const message = `Cannot take the lock of data dir "${dataDir}": ${held}; --lock-wait forever waits for it`;
      throw new AgentError(message, { tryHint: `agent status --data-dir ${shellWord(dataDir)}` });
    }
    if (held !== told) log.info("waiting_for_lock", `Waiting for data dir "${dataDir}": ${held}`);
    told = held;
    const message = `The agent with pid ${me.pid} on host "${me.host}" waits for data dir "${dataDir}": ${held}, and has not ended`;
    waiting.tell({ code: LOCK_CODE, message, try: look });
    await nap(LOCK_POLL_MS, stop);
  }
}

type LockAttempt =
  | { readonly lock: DataDirLock }
  | { readonly held: string; readonly look: string }
  | { readonly trouble: unknown };

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
    const look = holder === null ? `ls -la ${shellWord(dataDir)}` : `ps -p ${holder.pid} -o pid,stat,etime,args`;
    return { held: `${owner} has it`, look };
  } catch (error) {
    if (!NEVER.test(codeOf(error) ?? "")) return { trouble: error };
    throw new UsageError(`Cannot use "${dataDir}" as a data dir: ${messageOf(error)}`, {
      cause: error,
      tryHint: `ls -ld ${shellWord(dirname(dataDir))} ${shellWord(dataDir)}`,
    });
  }
}
