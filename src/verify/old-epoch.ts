/**
 * The same comparison for an epoch whose buffer was set aside as corrupt. Its promises are not known any more, only how many
 * readings it had accepted, which were lost, and which batches its successor sends for it. So the listing itself is the plan,
 * and must add up: raw to every seq that was not lost, the other stages to raw, and no row may be in two objects.
 */

import type { SeqRange } from "../core/seq-range.ts";
import type { ReadingStage } from "../core/stage.ts";
import { parseKey } from "../uplink/object-key.ts";
import type { Audit, PromisedBatch, StoredObject } from "./audit.ts";
import { reconcile } from "./reconcile.ts";

export type OldEpochFacts = {
  readonly epoch: string;
  readonly nodeId: string;
  readonly from: number;
  readonly accepted: number;
  readonly lost: readonly SeqRange[];
  /** Batches of it that the present buffer delivers, or has delivered. */
  readonly carried: readonly PromisedBatch[];
  /** The stages that every reading of it should be in. */
  readonly stages: readonly ReadingStage[];
};

/** `objects`: all that the store lists of that epoch. */
export function reconcileOldEpoch(of: OldEpochFacts, objects: readonly StoredObject[]): Audit {
  const carried = new Set(of.carried.map(({ stage, key }) => `${stage}/${key}`));
  const listed = objects.filter(({ stage, key }) => !carried.has(`${stage}/${key}`));
  const batches = [
    ...of.carried.map((batch): PromisedBatch => ({ ...batch, range: rangeOf(batch) })),
    ...listed.map(
      (object): PromisedBatch => ({ ...object, count: object.of.count, range: rangeOf(object), state: "delivered" }),
    ),
  ];
  const windows = new Map<number, number>();
  for (const { stage, key } of batches) {
    const named = stage === "aggregated" ? parseKey(stage, key) : null;
    if (named?.kind !== "window") continue;
    windows.set(named.windowStartMs, Math.max(named.revision, windows.get(named.windowStartMs) ?? 0));
  }
  return reconcile(
    {
      epoch: of.epoch,
      nodeId: of.nodeId,
      from: of.from,
      accepted: of.accepted,
      plannedThrough: of.accepted,
      batches,
      folded: [],
      lost: of.lost,
      openWindows: [],
      always: of.stages,
      unplanned: { raw: [], validated: [], anomalies: [], schematized: [] },
      windows: [...windows].map(([startMs, revision]) => ({ startMs, revision })),
    },
    objects,
  );
}

function rangeOf({ stage, key }: Pick<PromisedBatch, "stage" | "key">): SeqRange | null {
  const of = parseKey(stage, key);
  return of?.kind === "readings" ? { first: of.first, last: of.last } : null;
}
