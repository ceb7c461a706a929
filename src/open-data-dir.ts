/** The data dir: made where it is missing, and locked, so that one agent has it at a time. */
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { type DataDirLock, LOCK_POLL_MS, lockHolder, tryLock } from "./buffer/lock.ts";
import { AgentError, messageOf, UsageError } from "./core/errors.ts";
import { type BufferInputs, StoppedEarlyError } from "./open-buffer.ts";

export function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new UsageError(`Cannot use data dir "${dataDir}": ${messageOf(error)}`, {
      cause: error,
      tryHint: "--data-dir ./agent-data, or another folder that this user can write",
    });
  }
}

/** Resolves when this process has the data dir's lock; says once whom it waits for. */
export async function waitForLock({ settings, log, stop, now }: BufferInputs): Promise<DataDirLock> {
  const { dataDir, lockWait } = settings;
  const me = { pid: process.pid, host: hostname(), sinceMs: now() };
  const until = performance.now() + (lockWait ?? Number.POSITIVE_INFINITY);
  for (let told = false; ; told = true) {
    const lock = lockOrExplain(dataDir, me);
    if (lock !== null) return lock;
    const holder = lockHolder(dataDir);
    const whose = holder === null ? "another agent" : `the agent with pid ${holder.pid} on host "${holder.host}"`;
    if (stop.aborted) throw new StoppedEarlyError(`Stopped while waiting for ${whose}`);
    if (performance.now() >= until) {
      throw new AgentError(`Cannot take the lock of data dir "${dataDir}": ${whose} has it`, {
        tryHint: "stop that agent, give another --data-dir, or wait for it: --lock-wait forever",
      });
    }
    if (!told) log.info("waiting_for_lock", `Waiting for ${whose} to release data dir "${dataDir}"`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

function lockOrExplain(dataDir: string, me: Parameters<typeof tryLock>[1]): DataDirLock | null {
  try {
    return tryLock(dataDir, me);
  } catch (error) {
    throw new UsageError(`Cannot write to data dir "${dataDir}": ${messageOf(error)}`, {
      cause: error,
      tryHint: "--data-dir ./agent-data, or another folder that this user can write",
    });
  }
}
