/** `agent lake head`: rows of the newest objects of a stage, as lines of JSON, or readable on a terminal. */
import { oneLine } from "../../core/log/log.ts";
import type { ProgressLine } from "../../core/progress.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import type { Stage } from "../../core/stage.ts";
import { listObjects, type NamedObject } from "../../uplink/list-objects.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { gunzipLines, whyNotFetched } from "../../uplink/read-object.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { wholeNumberFlag } from "../frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { lookInto } from "../store-of.ts";
import { STAGE_FLAG } from "./stage.ts";

const DEFAULT_ROWS = 10;
const MOST_ROWS = 100_000;

const ARGS = {
  ...settingFlags("store"),
  stage: { ...STAGE_FLAG, default: "raw" },
  count: { type: "string", description: "Rows at most.", valueHint: "N", default: String(DEFAULT_ROWS) },
  json: { type: "boolean", description: "One JSON a line, also on a terminal." },
} as const satisfies Args;

export const command = defineCommand({
  name: "head",
  summary: "Show rows of the newest objects of a stage.",
  args: ARGS,
  looks: true,
  examples: [
    "agent lake head",
    "agent lake head --stage anomalies --count 3",
    "agent lake head --stage aggregated --json",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const { stage } = flags;
  const rows = wholeNumberFlag("count", flags.count, {
    least: 1,
    most: MOST_ROWS,
    example: "agent lake head --count 10",
  });
  const isForPeople = !flags.json && process.stdout.isTTY === true;
  return await lookInto(context, async (store, progress): Promise<ExitCode> => {
    let shown = 0;
    for await (const line of newestLines(store, { stage, rows }, context.stop, progress)) {
      await context.write(`${isForPeople ? readable(line) : line}\n`);
      shown++;
    }
    if (shown === 0 && !context.stop.aborted) context.say(`Nothing is in ${store.place(stage)} yet.`);
    return 0;
  });
}

type NewestRows = { readonly stage: Stage; readonly rows: number };

/** Lines of the newest objects (by hour of event time, then by seq or revision), as the objects have them. */
export async function* newestLines(
  store: ObjectStore,
  { stage, rows }: NewestRows,
  stop: AbortSignal,
  progress: ProgressLine,
): AsyncIterable<string> {
  let left = rows;
  for (const { key, bytes } of await newestObjects(store, { stage, rows }, stop, progress)) {
    const name = `${store.place(stage)}/${key}`;
    const refusal = whyNotFetched(name, bytes);
    if (refusal !== null) throw refusal;
    for (const line of gunzipLines(await store.get({ stage, key }), name)) {
      if (left-- <= 0 || stop.aborted) return;
      yield line;
    }
  }
}

/** Enough objects, newest first, for these rows: each holds at least one. Keeps no more than twice that in memory. */
async function newestObjects(
  store: ObjectStore,
  { stage, rows: enough }: NewestRows,
  stop: AbortSignal,
  progress: ProgressLine,
): Promise<NamedObject[]> {
  let newest: NamedObject[] = [];
  const seen = (n: number) => progress.tell(() => `${grouped(n)} objects listed`);
  for await (const object of listObjects(store, [stage], { stop, seen })) {
    if (object.of !== null) newest.push(object);
    if (newest.length >= 2 * enough) newest = newest.sort(newerFirst).slice(0, enough);
  }
  progress.end();
  return newest.sort(newerFirst).slice(0, enough);
}

function newerFirst({ of: a }: NamedObject, { of: b }: NamedObject): number {
  if (a?.kind === "window" && b?.kind === "window") return b.windowStartMs - a.windowStartMs || b.revision - a.revision;
  if (a?.kind === "readings" && b?.kind === "readings") return b.hourMs - a.hourMs || b.last - a.last;
  return 0;
}

/** Columns that say nothing about what was measured, or come first anyway. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...IDENTITY_COLUMNS,
  ...["timestamp", "window_start", "window_end", "window_id", "node_id", "agent_version", "rules_version"],
  ...["ingested_at", "time_quality", "schema_version", "anomaly_reason"],
]);

/** `2026-11-23T08:00:00.000Z  s1  temperature=72.4 …  temperature 72.4 is above 60` */
export function readable(line: string): string {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return oneLine(line);
  }
  if (typeof row !== "object" || row === null) return oneLine(line);
  const cells = new Map(Object.entries(row));
  const values = [...cells].filter(([name, value]) => !LEFT_OUT.has(name) && value !== null);
  const parts = [
    String(cells.get("timestamp") ?? cells.get("window_start") ?? ""),
    String(cells.get("sensor_id") ?? "-"),
    values.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" "),
    String(cells.get("anomaly_reason") ?? ""),
  ];
  return oneLine(parts.filter((part) => part !== "").join("  "));
}
