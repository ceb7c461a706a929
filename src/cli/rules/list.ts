/** `agent rules list`: which rules would be in force, how often they were broken, and which sets were in force before. */

import { resolve } from "node:path";
import { type LiveReport, readLive } from "../../agent/live.ts";
import { BufferLedger, mayHaveBuffer } from "../../buffer/ledger/ledger.ts";
import { brokenSince, ruleSwitches } from "../../buffer/ledger/rules.ts";
import type { RuleSwitch } from "../../buffer/rule-memory.ts";
import { messageOf } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { counted, grouped, roughBytes } from "../../core/readable-numbers.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";
import { diffText } from "../../rules/files/diff.ts";
import type { RuleSet } from "../../rules/rule-set.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";
import { factLines } from "../frame/wrap.ts";
import { refuse, rulesInForce } from "./given.ts";

const COUNTED_MS = MS_PER_DAY;
/** Switches that are shown, the newest. */
const SWITCHES = 1_000;

const ARGS = {
  ...settingFlags("rulesDir", "dataDir"),
  history: { type: "boolean", description: "When which set took the place of which, and what changed with it." },
  json: { type: "boolean", description: "One JSON value: {from, version, rules, …}; with --history {history}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "list",
  summary: "List the rules that a run would use, how often each was broken in 24 h, or the switches of rule sets.",
  args: ARGS,
  examples: [
    "agent rules list",
    "agent rules list --rules rules/ --json",
    "agent rules list --data-dir /var/lib/agent",
    "agent rules list --history",
  ],
  run: async (flags, context) => (flags.history ? history(flags, context) : list(flags, context)),
});

async function list(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const opened = await rulesInForce(context, new SensorCatalogue(), "list");
  if ("refused" in opened) return refuse(opened.refused, flags.json, context);
  const { from, set } = opened.ok;
  const judged = judgedLately(context);
  if (flags.json) {
    await context.write(`${JSON.stringify(listJson(from, set, judged), null, 2)}\n`);
    return 0;
  }
  await context.write(judged === null ? rowsText(set, context.columns) : countedText(set, judged, context.columns));
  await context.write(`${counted(set.names.length, "rule")} from ${from}, version ${set.version}\n`);
  const other = judged?.version ?? set.version;
  if (other !== set.version) await context.write(`The newest readings in the buffer were judged by version ${other}\n`);
  return 0;
}

type Count = NonNullable<LiveReport["rules"]["counts"]>[number];
type Cost = NonNullable<LiveReport["rules"]["costs"]>[number];
type Judged = {
  readonly version: string | null;
  readonly broken: ReadonlyMap<string, number>;
  /** As the agent measures it while it runs, or did last; by rule, of those that take most. */
  readonly costs: ReadonlyMap<string, Cost>;
  /** Since the set was loaded. */
  readonly counts: ReadonlyMap<string, Count>;
};

/** Null without a buffer: the list is shown without counts, unless they were asked for. */
function judgedLately({ settings, cwd, say }: Context): Judged | null {
  const dataDir = resolve(cwd, settings.dataDir);
  const isAsked = settings.origins.dataDir === "flag";
  if (!isAsked && !mayHaveBuffer(dataDir)) return null;
  try {
    const ledger = BufferLedger.open(dataDir);
    try {
      const version = ledger.meta("rules_version");
      const live = readLive(dataDir)?.rules;
      const own = live !== undefined && live.version === version ? live : null;
      return {
        version,
        broken: brokenSince(ledger, Date.now() - COUNTED_MS),
        costs: new Map(own?.costs?.map((cost) => [cost.rule, cost])),
        counts: new Map(own?.counts?.map((count) => [count.rule, count])),
      };
    } finally {
      ledger.close();
    }
  } catch (error) {
    if (isAsked) throw error;
    say(oneLine(`How often rules were broken is not shown: ${messageOf(error)}`));
    return null;
  }
}

/** `did_break`: readings committed in the last 24 h that the buffer still holds; null where there is no buffer. */
function listJson(from: string, set: RuleSet, judged: Judged | null) {
  const rules = set.rules.map((rule) => ({
    ...rule,
    did_break: judged === null ? null : (judged.broken.get(rule.name) ?? 0),
    sensors: judged?.counts.get(rule.name)?.sensors ?? null,
    readings: judged?.counts.get(rule.name)?.readings ?? null,
    errors: judged?.counts.get(rule.name)?.errors ?? null,
    ns_per_reading: judged?.costs.get(rule.name)?.nsPerReading ?? null,
    remembers: judged?.costs.get(rule.name)?.subjects ?? null,
    state_bytes: judged?.costs.get(rule.name)?.stateBytes ?? null,
  }));
  const others = judged === null ? null : Object.fromEntries(brokenByOthers(set, judged));
  return { from, version: set.version, rules, judged_by: judged?.version ?? null, broken_by_others: others };
}

/** By rules that are not of this set (any more). */
function brokenByOthers(set: RuleSet, { broken }: Judged): [string, number][] {
  return [...broken].filter(([name]) => !set.names.includes(name));
}

function rowsText(set: RuleSet, columns: number | undefined): string {
  const width = Math.max(...set.names.map((name) => name.length));
  const rows = set.rules.map(({ name, severity, kind, measures }) => {
    return [`${name.padEnd(width)}  ${severity.padEnd(8)}  ${kind.padEnd(10)}`, measures.join(", ")] as const;
  });
  return `${factLines(rows, columns).join("\n")}\n`;
}

function countedText(set: RuleSet, judged: Judged, columns: number | undefined): string {
  const numbers = [...(judged.counts.size > 0 ? COUNT_HEAD : []), ...(judged.costs.size > 0 ? COST_HEAD : [])];
  const rows = set.rules.map(({ name, severity, kind, measures }) => {
    const count = judged.counts.size > 0 ? countCells(judged.counts.get(name)) : [];
    const cost = judged.costs.size > 0 ? costCells(judged.costs.get(name)) : [];
    return [name, grouped(judged.broken.get(name) ?? 0), ...count, ...cost, severity, kind, measures.join(", ")];
  });
  const others = brokenByOthers(set, judged).map(([name, n]) => {
    return [oneLine(name), grouped(n), ...numbers.map(() => ""), "not in this set"];
  });
  const head = ["rule", "broken in 24 h", ...numbers, "severity", "kind", "measures"];
  const right = ["broken in 24 h", ...numbers].map((_, i) => i + 1);
  return textTable({ head, rows: [...rows, ...others], right, columns });
}

const COUNT_HEAD = ["sensors", "judged", "errors"];
const COST_HEAD = ["ns a reading", "remembers"];

/** The sensors that it applies to, their readings, and those for which its evaluation failed. */
function countCells(count: Count | undefined): string[] {
  return count === undefined
    ? ["", "", ""]
    : [count.sensors, count.readings, count.errors].map((number) => grouped(number));
}

/** What a rule takes of each reading, and of how many sensors it remembers how much. */
function costCells(cost: Cost | undefined): [string, string] {
  if (cost === undefined) return ["", ""];
  const { nsPerReading, subjects, stateBytes } = cost;
  const memory = subjects === 0 ? "" : `${grouped(subjects)}, ${roughBytes(stateBytes)}`;
  return [nsPerReading === null ? "" : nsPerReading.toFixed(nsPerReading < 10 ? 1 : 0), memory];
}

async function history(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const ledger = BufferLedger.open(resolve(context.cwd, context.settings.dataDir));
  try {
    const switches = ruleSwitches(ledger, SWITCHES);
    const text = flags.json
      ? `${JSON.stringify({ history: switches.map(switchJson) }, null, 2)}\n`
      : switches.map(switchText).join("") || "no switch was recorded yet\n";
    await context.write(text);
    return 0;
  } finally {
    ledger.close();
  }
}

function switchJson({ atMs, from, to, added, removed, changed }: RuleSwitch) {
  return { at: new Date(atMs).toISOString(), from_version: from, to_version: to, added, removed, changed };
}

/** `2026-11-23T08:00:00.000Z  9f86d081884c -> 60303ae22b99  added a, b; removed c` */
function switchText({ atMs, from, to, ...diff }: RuleSwitch): string {
  return `${oneLine(`${new Date(atMs).toISOString()}  ${from ?? "none"} -> ${to}  ${diffText(diff)}`)}\n`;
}
