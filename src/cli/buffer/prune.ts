/** `agent buffer prune`: frees what the buffer keeps of delivered readings, and gives the room back to the disk. Asks first. */
import { resolve } from "node:path";
import type { Pruned, PrunePlan } from "../../agent/pruning/prune.ts";
import { UsageError } from "../../core/errors.ts";
import { grouped, roughBytes } from "../../core/readable-numbers.ts";
import { type Ask, agreed, askOnTerminal } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { momentFlag } from "../frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { progressLine } from "../frame/progress-line.ts";

const ARGS = {
  delivered: { type: "boolean", description: "All readings that were delivered." },
  before: {
    type: "string",
    description: "Only readings that were committed before then: a time ago, or a moment in UTC.",
    valueHint: "24h|TIME",
  },
  undelivered: {
    type: "boolean",
    description: "Also readings that no batch promises yet. They are LOST, and counted as a loss.",
  },
  ...settingFlags("dataDir"),
  yes: { type: "boolean", description: "Do not ask." },
  json: { type: "boolean", description: "One JSON value: what was deleted, and the size before and after." },
} as const satisfies Args;

export const command = defineCommand({
  name: "prune",
  summary: "Delete delivered readings that are kept for a while (AGENT_KEEP), and make the file smaller; asks first.",
  args: ARGS,
  examples: [
    "agent buffer prune --delivered",
    "agent buffer prune --before 1h --yes --json",
    "agent buffer prune --before 2026-11-23T08:00Z --undelivered",
  ],
  run: (flags, context) => pruneBuffer(flags, context, askOnTerminal),
});

export async function pruneBuffer(flags: Flags<typeof ARGS>, context: Context, ask: Ask): Promise<ExitCode> {
  const { say, stop, settings } = context;
  if (!flags.delivered && flags.before === undefined)
    throw new UsageError("Cannot prune: say what, by --delivered or --before", {
      tryHint: "agent buffer prune --delivered",
    });
  const nowMs = Date.now();
  const moment = { nowMs, command: "agent buffer prune" };
  const beforeMs =
    flags.before === undefined ? Number.MAX_SAFE_INTEGER : await momentFlag("before", flags.before, moment);
  const { expectNoAgent, planPrune, prune } = await import("../../agent/pruning/prune.ts");
  const { BufferLedger } = await import("../../buffer/ledger/ledger.ts");
  const dataDir = resolve(context.cwd, settings.dataDir);
  const ledger = BufferLedger.open(dataDir);
  let plan: PrunePlan;
  try {
    plan = planPrune(ledger, { beforeMs, undelivered: flags.undelivered });
  } finally {
    ledger.close();
  }
  for (const line of planLines(plan)) say(line);
  expectNoAgent(dataDir);
  const word = plan.lost > 0 ? "lose" : "prune";
  const question =
    plan.lost > 0 ? `Type "${word}" to lose ${grouped(plan.lost)} readings: ` : `Type "${word}" to delete them: `;
  const consent = { word, question, what: "prune the buffer", tryHint: `${context.typed} --yes` };
  const isAny = plan.delivered + plan.lost > 0;
  if (isAny && !(await agreed(flags, stop, ask, consent))) {
    say("Nothing was deleted.");
    return 1;
  }
  const progress = progressLine(context.terminal);
  let pruned: Pruned;
  try {
    pruned = await prune(plan, { settings, dataDir, nowMs, stop, tell: progress.tell });
  } finally {
    progress.end();
  }
  if (flags.json) await context.write(`${JSON.stringify(toJson(pruned, plan), null, 2)}\n`);
  else for (const line of doneLines(pruned)) say(line);
  return 0;
}

function planLines({ delivered, through, lost, lostThrough, kept, heldBack, bytes }: PrunePlan): string[] {
  const lines: string[] = [];
  if (delivered > 0)
    lines.push(
      `Delivered: ${grouped(delivered)} readings, up to ${grouped(through)}. why, backtest and tail will not have them.`,
    );
  if (lost > 0)
    lines.push(
      `NOT delivered: ${grouped(lost)} readings, up to ${grouped(lostThrough)}. They will be lost for ever, and counted.`,
    );
  if (lines.length === 0) lines.push("There is no reading to delete.");
  else lines.push(`Together about ${roughBytes(bytes)}.`);
  if (heldBack > 0)
    lines.push(`${grouped(heldBack)} delivered readings stay: a window that has not gone out, or a rule, needs them.`);
  lines.push(`${grouped(kept)} readings stay in all.`);
  return lines;
}

function doneLines({ deleted, lost, bytesBefore, bytesAfter, notShrunk }: Pruned): string[] {
  const what =
    lost > 0
      ? `${grouped(deleted)} readings were deleted, ${grouped(lost)} were lost`
      : `${grouped(deleted)} readings were deleted`;
  const size = `The buffer had ${roughBytes(bytesBefore)}, and has ${roughBytes(bytesAfter)}`;
  return [`${what}.`, notShrunk === null ? `${size}.` : `${size}: ${notShrunk}.`];
}

function toJson({ deleted, lost, bytesBefore, bytesAfter, notShrunk }: Pruned, { kept }: PrunePlan) {
  return { deleted, lost, kept, bytes_before: bytesBefore, bytes_after: bytesAfter, not_shrunk: notShrunk };
}
