/**
 * `agent buffer requeue`: batches that the store refused for good go out again, under the keys that they have. A running agent
 * does it itself, when it is asked by a file; without one this command writes the buffer, with the data dir's lock.
 */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { askRequeue, isRequeueAsked } from "../../agent/delivery/requeue-request.ts";
import { lockHolder, tryLock } from "../../buffer/disk/agent-lock.ts";
import { type ParkedBatch, parkedBatches } from "../../buffer/ledger/holdings.ts";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { requeueIn } from "../../buffer/outbox.ts";
import { AgentError, messageOf } from "../../core/errors.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { shellWord } from "../../core/shell-word.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";

/** A running agent looks every two seconds, and a busy one later. */
const WAIT_MS = 15_000;
const POLL_MS = 100;

export const command = defineCommand({
  name: "requeue",
  summary: "Send again what the store refused for good (parked); repair the cause first, agent status names it.",
  args: {
    ...settingFlags("dataDir"),
    json: { type: "boolean", description: "One JSON value: how many batches and rows, and what was done." },
  },
  examples: ["agent buffer requeue", "agent buffer requeue --data-dir /var/lib/agent --json"],
  run: (flags, context) => requeue(flags.json === true, context, WAIT_MS),
});

/** `asked`: an agent runs, and has not done it yet. */
type Done = "nothing parked" | "requeued" | "asked";

/** `waitMs`: for a running agent. */
export async function requeue(json: boolean, context: Context, waitMs: number): Promise<ExitCode> {
  const dataDir = resolve(context.cwd, context.settings.dataDir);
  const parked = parkedIn(dataDir);
  const rows = parked.reduce((sum, { count }) => sum + count, 0);
  const { done, by } =
    parked.length === 0 ? { done: "nothing parked" as const, by: null } : await send(dataDir, context, waitMs);
  if (json) await context.write(`${JSON.stringify({ done, batches: parked.length, rows, by }, null, 2)}\n`);
  else for (const line of linesOf(done, by, parked.length, rows)) context.say(line);
  return done === "asked" ? 1 : 0;
}

function linesOf(done: Done, by: number | null, batches: number, rows: number): string[] {
  if (done === "nothing parked") return ["Nothing is parked: the store refused no batch of this buffer."];
  const what = `${grouped(batches)} ${batches === 1 ? "batch" : "batches"} (${grouped(rows)} rows)`;
  const agent = by === null ? "" : `the agent with pid ${by}`;
  if (done === "asked")
    return [`Asked ${agent} to send ${what} again; it has not answered yet, and does it when it can.`];
  if (by === null) return [`${what} will be sent again when an agent runs.`, "Try: agent run"];
  return [`${what} are sent again by ${agent}.`, "Try: agent status"];
}

function parkedIn(dataDir: string): readonly ParkedBatch[] {
  const ledger = BufferLedger.open(dataDir);
  try {
    return parkedBatches(ledger);
  } finally {
    ledger.close();
  }
}

/** `by`: the pid of the agent that does it; null: this command did. */
async function send(
  dataDir: string,
  { stop }: Pick<Context, "stop">,
  waitMs: number,
): Promise<{ readonly done: Done; readonly by: number | null }> {
  try {
    const lock = tryLock(dataDir, { pid: process.pid, host: hostname(), sinceMs: Date.now() });
    if (lock !== null) {
      try {
        requeueIn(dataDir);
        return { done: "requeued", by: null };
      } finally {
        lock.release();
      }
    }
    const by = lockHolder(dataDir)?.pid ?? null;
    askRequeue(dataDir);
    const until = performance.now() + waitMs;
    while (isRequeueAsked(dataDir) && performance.now() < until && !stop.aborted) await Bun.sleep(POLL_MS);
    return { done: isRequeueAsked(dataDir) ? "asked" : "requeued", by };
  } catch (error) {
    throw new AgentError(`Cannot requeue in "${dataDir}": ${messageOf(error)}`, {
      cause: error,
      tryHint: `ls -la ${shellWord(dataDir)}`,
    });
  }
}
