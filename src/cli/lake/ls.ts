/** `agent lake ls`: objects, rows and the span of event time by stage, from listings alone. */

import type { ProgressLine } from "../../core/progress.ts";
import { grouped, roughBytes } from "../../core/readable-numbers.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { listObjects } from "../../uplink/list-objects.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { defineCommand, type ExitCode } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";
import { lookInto } from "../store-of.ts";
import { STAGE_FLAG } from "./stage.ts";

/** `objects` and `rows` are those whose names are ours; `first_event` and `last_event` are starts of hours, or of windows. */
export type LakeStage = {
  readonly stage: Stage;
  readonly bucket: string;
  readonly objects: number;
  readonly rows: number;
  readonly bytes: number;
  readonly first_event: string | null;
  readonly last_event: string | null;
  readonly other_objects: number;
};

export const command = defineCommand({
  name: "ls",
  summary: "List objects, rows, bytes and the span of event time by stage.",
  args: {
    ...settingFlags("store"),
    stage: STAGE_FLAG,
    json: { type: "boolean", description: "One JSON value: a list." },
  },
  looks: true,
  examples: ["agent lake ls", "agent lake ls --store s3: --json"],
  run: async (flags, context) => {
    const stages = flags.stage === undefined ? STAGES : [flags.stage];
    return await lookInto(context, async (store, progress): Promise<ExitCode> => {
      const found = await lakeStages(store, stages, context.stop, progress);
      await context.write(flags.json ? `${JSON.stringify(found, null, 2)}\n` : lakeText(found, store, context.columns));
      return 0;
    });
  },
});

type Tally = { objects: number; rows: number; bytes: number; firstMs: number; lastMs: number; others: number };

export async function lakeStages(
  store: ObjectStore,
  stages: readonly Stage[],
  stop: AbortSignal,
  progress: ProgressLine,
): Promise<LakeStage[]> {
  const tallies = new Map<Stage, Tally>();
  for (const stage of stages) {
    tallies.set(stage, { objects: 0, rows: 0, bytes: 0, firstMs: Infinity, lastMs: -Infinity, others: 0 });
  }
  const seen = (n: number) => progress.tell(() => `${grouped(n)} objects listed`);
  const listing = listObjects(store, stages, { stop, seen });
  for await (const { stage, of, bytes } of listing) {
    const tally = tallies.get(stage)!;
    if (of === null) {
      tally.others++;
      continue;
    }
    const eventMs = of.kind === "window" ? of.windowStartMs : of.hourMs;
    tally.objects++;
    tally.rows += of.count;
    tally.bytes += bytes;
    tally.firstMs = Math.min(tally.firstMs, eventMs);
    tally.lastMs = Math.max(tally.lastMs, eventMs);
  }
  progress.end();
  return [...tallies].map(([stage, { objects, rows, bytes, firstMs, lastMs, others }]) => ({
    stage,
    bucket: bucketName(store, stage),
    objects,
    rows,
    bytes,
    first_event: objects === 0 ? null : new Date(firstMs).toISOString(),
    last_event: objects === 0 ? null : new Date(lastMs).toISOString(),
    other_objects: others,
  }));
}

function lakeText(found: readonly LakeStage[], store: ObjectStore, columns: number | undefined): string {
  const rows = found.map(
    ({ stage, objects, rows: n, bytes, first_event: first, last_event: last, other_objects: more }) => [
      stage,
      grouped(objects),
      grouped(n),
      roughBytes(bytes),
      first === null ? "" : shortTime(first),
      last === null ? "" : shortTime(last),
      `${store.place(stage)}${more === 0 ? "" : ` (and ${grouped(more)} objects that are not ours)`}`,
    ],
  );
  const head = ["stage", "objects", "rows", "bytes", "first event", "last event", "bucket"];
  return textTable({ head, rows, right: [1, 2, 3], columns });
}

/** The bucket's name, of a folder too. */
function bucketName(store: ObjectStore, stage: Stage): string {
  return store.place(stage).split(/[\\/]/).at(-1) ?? "";
}

function shortTime(iso: string): string {
  return iso.replace(/:00\.000Z$/, "Z");
}
