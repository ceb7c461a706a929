/** A data dir without a buffer, or without one yet: where an agent was started, it waits before it makes one. */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { isLocked, lockHolder } from "../buffer/disk/agent-lock.ts";
import { troubleOf, whyUnusable } from "../buffer/disk/trouble.ts";
import { type WaitingAgent, waitingAgent } from "../buffer/disk/waiting-note.ts";
import { BufferLedger, NoBufferError } from "../buffer/ledger/ledger.ts";
import type { Problem } from "../core/problem.ts";
import { shellWord } from "../core/shell-word.ts";
import { isReadOnlyForUs } from "./our-mount.ts";

/** There is no buffer yet: the agent that will make it waits. */
export class NotBegunError extends NoBufferError {
  readonly problem: Problem;
  constructor({ pid, host, problem }: Omit<WaitingAgent, "sinceMs">, none: NoBufferError) {
    super(`${none.message}; the agent with pid ${pid} on host "${host}" waits: ${problem.message}`, {
      tryHint: problem.try,
      cause: none,
    });
    this.problem = problem;
  }
}

/** Throws NoBufferError where there is no buffer, and NotBegunError where an agent waits before it makes one. */
export function openLedger(dataDir: string): BufferLedger {
  try {
    return BufferLedger.open(dataDir);
  } catch (error) {
    if (!(error instanceof NoBufferError)) throw error;
    const waiting = waitingAgent(dataDir) ?? beginning(dataDir);
    throw waiting === null ? error : new NotBegunError(waiting, error);
  }
}

/** The holder of the lock, where it could not say what it waits for, or waits for nothing. */
function beginning(dataDir: string): Omit<WaitingAgent, "sinceMs"> | null {
  if (!isRunning(dataDir)) return null;
  const { pid, host } = lockHolder(dataDir) ?? { pid: 0, host: hostname() };
  if (whyUnusable(dataDir) === null || isReadOnlyForUs(dataDir)) {
    const message = "It opens its buffer";
    return { pid, host, problem: { code: "starting", message, try: `ls -la ${shellWord(dataDir)}` } };
  }
  const { why, isFull, try: command } = troubleOf(dataDir, null);
  const code = isFull ? "disk_full" : "data_dir_unusable";
  return { pid, host, problem: { code, message: `Cannot use data dir "${dataDir}": ${why}`, try: command } };
}

/** Whether an agent has the data dir's lock. False also where this user may not look at the lock. */
export function isRunning(dataDir: string): boolean {
  try {
    return existsSync(dataDir) && isLocked(dataDir);
  } catch {
    return false;
  }
}
