/** `agent buffer acknowledge`: what the buffer reports of its past (it was a copy, it was damaged) was looked at, and is shown no more. */
import { join, resolve } from "node:path";
import { askAcknowledge, isAcknowledgeAsked } from "../../agent/recovery/acknowledge.ts";
import { acknowledgeOpening, openingProblems } from "../../agent/recovery/old-epochs.ts";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { openDatabase } from "../../buffer/schema.ts";
import { BUFFER_FILE } from "../../buffer/sqlite-buffer.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";
import { aloneOrAsk, WAIT_MS } from "./alone-or-ask.ts";

export const command = defineCommand({
  name: "acknowledge",
  summary: "Say that you have looked at a data dir that was copied or damaged: status reports it no more.",
  args: {
    ...settingFlags("dataDir"),
    json: { type: "boolean", description: "One JSON value: the problems, and what was done." },
  },
  examples: ["agent buffer acknowledge", "agent buffer acknowledge --data-dir /var/lib/agent --json"],
  run: (flags, context) => acknowledge(flags.json === true, context, WAIT_MS),
});

/** `waitMs`: for a running agent. */
export async function acknowledge(json: boolean, context: Context, waitMs: number): Promise<ExitCode> {
  const dataDir = resolve(context.cwd, context.settings.dataDir);
  const nowMs = Date.now();
  const problems = problemsIn(dataDir, nowMs);
  const work = {
    name: "acknowledge",
    alone: () => acknowledgeIn(dataDir, nowMs),
    ask: () => askAcknowledge(dataDir),
    isAsked: () => isAcknowledgeAsked(dataDir),
  };
  const { done, by } =
    problems.length === 0 ? { done: true, by: null } : await aloneOrAsk(dataDir, work, context.stop, waitMs);
  if (json) {
    const told = problems.map(({ code, message }) => ({ code, message }));
    await context.write(`${JSON.stringify({ done, problems: told, by }, null, 2)}\n`);
    return done ? 0 : 1;
  }
  for (const { code, message } of problems) context.say(`${code}: ${message}`);
  if (problems.length === 0) context.say("There is nothing to acknowledge: the buffer reports no copy and no damage.");
  else if (done) context.say("Acknowledged: agent status reports this no more.");
  else context.say(`Asked the agent with pid ${by}; it has not answered yet, and does it when it can.`);
  return done ? 0 : 1;
}

function problemsIn(dataDir: string, nowMs: number) {
  const ledger = BufferLedger.open(dataDir);
  try {
    return openingProblems(ledger, nowMs);
  } finally {
    ledger.close();
  }
}

/** On a buffer that no agent has open; the caller has the data dir's lock. */
function acknowledgeIn(dataDir: string, nowMs: number): void {
  const db = openDatabase(join(dataDir, BUFFER_FILE), () => undefined);
  try {
    const meta = (key: string) =>
      db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key)?.value ?? null;
    const setMeta = (key: string, value: string) =>
      void db.query("UPDATE meta SET value = ?2 WHERE key = ?1").run(key, value);
    acknowledgeOpening({ meta, setMeta }, nowMs);
  } finally {
    db.close();
  }
}
