/** `agent buffer stats`: what a buffer holds, how far each stage is, and what the store refused, batch by batch. */
import { resolve } from "node:path";
import { type CollisionCounts, collisionCounts } from "../../agent/delivery/collision-problems.ts";
import {
  type BufferHolds,
  heldBy,
  lagOf,
  type ParkedBatch,
  parkedBatches,
  type StageLag,
} from "../../buffer/ledger/holdings.ts";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { grouped, roughBytes } from "../../core/readable-numbers.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { defineCommand } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";

/** Parked batches that are named in text; `--json` has all. */
const NAMED = 10;

export const command = defineCommand({
  name: "stats",
  summary: "What the buffer holds, by stage, and every batch that the store refused, with its reason.",
  args: { ...settingFlags("dataDir"), json: { type: "boolean", description: "One JSON value." } },
  examples: ["agent buffer stats", "agent buffer stats --data-dir /var/lib/agent --json"],
  looks: true,
  run: async (flags, context) => {
    const stats = statsOf(resolve(context.cwd, context.settings.dataDir), context.settings);
    const text = () => statsText(stats, context.columns);
    await context.write(flags.json ? `${JSON.stringify(toJson(stats), null, 2)}\n` : text());
    return 0;
  },
});

type Stats = {
  readonly nodeId: string;
  readonly epoch: string;
  readonly accepted: number;
  readonly held: BufferHolds;
  readonly stages: Readonly<Record<Stage, StageLag>>;
  readonly parked: readonly ParkedBatch[];
  readonly collisions: CollisionCounts;
};

function statsOf(dataDir: string, { stages, windowMs }: Settings): Stats {
  const ledger = BufferLedger.open(dataDir);
  try {
    return {
      nodeId: ledger.nodeId,
      epoch: ledger.epoch,
      accepted: ledger.accepted(),
      held: heldBy(ledger),
      stages: lagOf(ledger, stages, windowMs).stages,
      parked: parkedBatches(ledger),
      collisions: collisionCounts(ledger),
    };
  } finally {
    ledger.close();
  }
}

function toJson({ nodeId, epoch, accepted, held, stages, parked, collisions }: Stats) {
  return {
    node_id: nodeId,
    epoch,
    accepted,
    first_seq: held.seqs?.first ?? null,
    last_seq: held.seqs?.last ?? null,
    bytes: held.bytes,
    file_bytes: held.fileBytes,
    stages: Object.fromEntries(
      STAGES.map((stage) => {
        const { delivered, pending, parked: rows } = stages[stage];
        return [stage, { delivered, pending, parked: rows }];
      }),
    ),
    parked: parked.map(({ stage, key, count, error }) => ({ stage, key, count, error })),
    object_conflicts: collisions.conflicts,
    objects_unseen: collisions.unseen,
  };
}

function statsText({ nodeId, epoch, accepted, held, stages, parked }: Stats, columns: number | undefined): string {
  const { seqs, bytes, fileBytes } = held;
  const holds = seqs === null ? "no reading" : `readings ${grouped(seqs.first)} to ${grouped(seqs.last)}`;
  const rows = STAGES.map((stage) => {
    const { delivered, pending, parked: refused } = stages[stage];
    return [stage, grouped(delivered), grouped(pending), grouped(refused)];
  });
  const named = parked.slice(0, NAMED).map(({ stage, key, count, error }) => {
    return `parked: ${stage}/${key} (${grouped(count)} rows): ${error}`;
  });
  if (parked.length > NAMED) named.push(`and ${grouped(parked.length - NAMED)} more: agent buffer stats --json`);
  const lines = [
    `node ${nodeId}, epoch ${epoch}: ${grouped(accepted)} readings accepted`,
    `holds ${holds}, ${roughBytes(bytes)} in a file of ${roughBytes(fileBytes)}`,
    "",
    ...textTable({ head: ["stage", "delivered", "pending", "parked"], rows, right: [1, 2, 3], columns })
      .trimEnd()
      .split("\n"),
    ...(named.length > 0 ? ["", ...named, "Try: agent buffer requeue"] : []),
  ];
  return `${lines.join("\n")}\n`;
}
