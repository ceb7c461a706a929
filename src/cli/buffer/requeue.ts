/**
 * `agent buffer requeue`: batches that the store refused for good go out again, under the keys that they have. A running agent
 * does it itself, when it is asked by a file; without one this command writes the buffer, with the data dir's lock.
 */
import { resolve } from "node:path";
import { askRequeue, isRequeueAsked } from "../../agent/delivery/requeue-request.ts";
import { type ParkedBatch, parkedBatches } from "../../buffer/ledger/holdings.ts";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { requeueIn } from "../../buffer/outbox.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";
import { aloneOrAsk, WAIT_MS } from "./alone-or-ask.ts";

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
  const work = {
    name: "requeue",
    alone: () => void requeueIn(dataDir),
    ask: () => askRequeue(dataDir),
    isAsked: () => isRequeueAsked(dataDir),
  };
  const sent = parked.length === 0 ? null : await aloneOrAsk(dataDir, work, context.stop, waitMs);
  const done: Done = sent === null ? "nothing parked" : sent.done ? "requeued" : "asked";
  const by = sent?.by ?? null;
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
