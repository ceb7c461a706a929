/** `agent rules backtest`: the verdicts of a rule set on the readings that the buffer still holds. Reads only. */
import { resolve } from "node:path";
import { UsageError } from "../../core/errors.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { momentFlag } from "../frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { progressLine } from "../frame/progress-line.ts";
import { BY } from "./backtest-text.ts";

const DEFAULT_SINCE = "24h";

const ARGS = {
  since: {
    type: "string",
    description: "Count readings committed from then on: a time ago, or a moment in UTC. Older ones warm the rules up.",
    valueHint: "24h|TIME",
    default: DEFAULT_SINCE,
  },
  until: { type: "string", description: "Only those committed before then. Default: now.", valueHint: "1h|TIME" },
  ...settingFlags("rulesDir", "dataDir"),
  by: {
    type: "enum",
    options: [...BY],
    description: "Also a table by sensor, or by hour of the reading.",
    valueHint: BY.join("|"),
  },
  json: { type: "boolean", description: "One JSON value: {readings, rules: [{name, would_break, did_break}], …}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "backtest",
  summary:
    "Replay the buffer's readings through a rule set: the rules that they would break, beside those that they broke.",
  args: ARGS,
  examples: [
    "agent rules backtest --since 24h --by hour",
    "agent rules backtest --rules candidate/ --since 6h --by sensor",
    "agent rules backtest --since 2026-11-23T08:00Z --until 2026-11-23T09:00Z",
    "agent rules backtest --rules candidate/ --data-dir /var/lib/agent --json",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const nowMs = Date.now();
  const moment = { nowMs, command: "agent rules backtest" };
  const sinceMs = await momentFlag("since", flags.since, moment);
  const untilMs = flags.until === undefined ? Number.MAX_SAFE_INTEGER : await momentFlag("until", flags.until, moment);
  if (untilMs <= sinceMs) {
    throw new UsageError("Cannot use --until: it is not after --since", { tryHint: "agent rules backtest --help" });
  }
  const { BufferLedger } = await import("../../buffer/ledger/ledger.ts");
  const { LedgerReadings } = await import("../../buffer/ledger/readings.ts");
  const { rulesInForce, refuse } = await import("./given.ts");
  const ledger = BufferLedger.open(resolve(context.cwd, context.settings.dataDir));
  try {
    const readings = new LedgerReadings(ledger);
    const given = await rulesInForce(context, readings.catalogue, "backtest");
    if ("refused" in given) return await refuse(given.refused, flags.json, context);
    const { backtest } = await import("../../verdicts/backtest.ts");
    const { backtestJson, backtestText } = await import("./backtest-text.ts");
    const { from, set } = given.ok;
    const progress = progressLine(context.terminal);
    const found = await backtest({ ledger, readings, set, sinceMs, untilMs, stop: context.stop, progress });
    const asked = { epoch: ledger.epoch, from, set, sinceMs, untilMs: Math.min(untilMs, nowMs) };
    const json = backtestJson(found, asked);
    await context.write(
      flags.json ? `${JSON.stringify(json, null, 2)}\n` : backtestText(json, flags.by ?? null, context.columns),
    );
    return 0;
  } finally {
    ledger.close();
  }
}
