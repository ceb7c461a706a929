/** `agent lake clean`: deletes the objects of the stages. Only those whose names are ours, and only after a yes. */
import { AgentError } from "../../core/errors.ts";
import type { ProgressLine } from "../../core/progress.ts";
import { counted, grouped, roughBytes } from "../../core/readable-numbers.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { listObjects } from "../../uplink/list-objects.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { type Ask, agreed, askOnTerminal } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";
import { lookInto } from "../store-of.ts";
import { STAGE_FLAG } from "./stage.ts";

/** The word to type. */
const WORD = "clean";
/** What a store removes in one call. */
const AT_ONCE = 1_000;

const ARGS = {
  ...settingFlags("store"),
  stage: STAGE_FLAG,
  yes: { type: "boolean", description: "Do not ask." },
  json: { type: "boolean", description: "One JSON value: what was deleted, by stage." },
} as const satisfies Args;

export const command = defineCommand({
  name: "clean",
  summary: "Delete the objects of the stages, of all nodes; asks first.",
  args: ARGS,
  examples: ["agent lake clean --stage raw", "agent lake clean --store dir:./lake --yes"],
  run: (flags, context) => clean(flags, context, askOnTerminal),
});

export type Cleaning = {
  readonly stage: Stage;
  objects: number;
  rows: number;
  bytes: number;
  readonly nodes: Set<string>;
};

export async function clean(flags: Flags<typeof ARGS>, context: Context, ask: Ask): Promise<ExitCode> {
  const stages = flags.stage === undefined ? STAGES : [flags.stage];
  const { say, stop } = context;
  return await lookInto(context, async (store, progress): Promise<ExitCode> => {
    const plan = await planOf(store, stages, stop, progress);
    const total = plan.reduce((sum, { objects }) => sum + objects, 0);
    if (total > 0) for (const line of planLines(plan, store, context.columns)) say(line);
    const consent = {
      word: WORD,
      question: `Type "${WORD}" to delete ${counted(total, "object")}: `,
      what: "clean the lake",
      tryHint: `${context.typed} --yes`,
    };
    if (total > 0 && !(await agreed(flags, stop, ask, consent))) {
      say("Nothing was deleted.");
      return 1;
    }
    const removed = await removeAll(store, plan, stop, progress);
    const told = removed.map(({ stage, objects, rows, bytes }) => ({ stage, objects, rows, bytes }));
    if (flags.json) await context.write(`${JSON.stringify(told, null, 2)}\n`);
    else
      say(
        total === 0
          ? "There is nothing to delete."
          : `${counted(total, "object")} ${total === 1 ? "was" : "were"} deleted.`,
      );
    return 0;
  });
}

async function planOf(
  store: ObjectStore,
  stages: readonly Stage[],
  stop: AbortSignal,
  progress: ProgressLine,
): Promise<Cleaning[]> {
  const plan = stages.map((stage): Cleaning => ({ stage, objects: 0, rows: 0, bytes: 0, nodes: new Set() }));
  const seen = (n: number) => progress.tell(() => `${grouped(n)} objects listed`);
  const listing = listObjects(store, stages, { stop, seen });
  for await (const { stage, of, bytes } of listing) {
    const own = plan.find((one) => one.stage === stage);
    if (own === undefined || of === null) continue;
    own.objects++;
    own.rows += of.count;
    own.bytes += bytes;
    own.nodes.add(of.node);
  }
  progress.end();
  return plan;
}

function planLines(plan: readonly Cleaning[], store: ObjectStore, columns: number | undefined): string[] {
  const rows = plan
    .filter(({ objects }) => objects > 0)
    .map(({ stage, objects, rows: n, bytes, nodes }) => [
      ...[stage, grouped(objects), grouped(n), roughBytes(bytes), grouped(nodes.size), store.place(stage)],
    ]);
  const head = ["stage", "objects", "rows", "bytes", "nodes", "deleted from"];
  const table = textTable({ head, rows, right: [1, 2, 3, 4], columns });
  return [
    ...table.trimEnd().split("\n"),
    "This cannot be undone here. What a buffer has delivered is not sent again: verify reports it as missing.",
  ];
}

/** Lists again while removing, so that no more than a call's worth of names is held. */
async function removeAll(
  store: ObjectStore,
  plan: readonly Cleaning[],
  stop: AbortSignal,
  progress: ProgressLine,
): Promise<readonly Cleaning[]> {
  const total = plan.reduce((sum, { objects }) => sum + objects, 0);
  let removed = 0;
  for (const { stage, objects } of plan) {
    if (objects === 0) continue;
    let keys: string[] = [];
    const flush = async () => {
      await store.remove(stage, keys);
      removed += keys.length;
      keys = [];
      progress.tell(() => `${grouped(removed)} of ${grouped(total)} objects deleted`);
    };
    for await (const { key, of } of listObjects(store, [stage], { stop })) {
      if (of === null) continue;
      keys.push(key);
      if (keys.length >= AT_ONCE) await flush();
    }
    if (keys.length > 0) await flush();
  }
  if (stop.aborted)
    throw new AgentError(`Cannot clean all of the lake: it was stopped after ${grouped(removed)} objects`);
  return plan;
}
