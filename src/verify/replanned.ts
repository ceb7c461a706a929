/**
 * The same comparison for an epoch that exists because other objects took keys of ours: it holds the rows of those batches and
 * nothing else, so its objects are compared by their keys alone.
 */
import type { Conflict } from "../buffer/conflicts.ts";
import type { SeqRange } from "../core/seq-range.ts";
import { STAGES, type Stage } from "../core/stage.ts";
import { parseKey } from "../uplink/object-key.ts";
import {
  type Audit,
  type Findings,
  NOT_HERE,
  type PromisedBatch,
  type StageAudit,
  type StoredObject,
} from "./audit.ts";
import { noFindings, stageAudit } from "./reconcile.ts";

/** What such an epoch must hold: a batch for each conflict, some of which only a buffer that was set aside knew. */
export type Replanned = {
  readonly conflicts: readonly Conflict[];
  /** Those that the buffer has; none of them is ever folded. */
  readonly batches: readonly PromisedBatch[];
};

export function auditReplanned(of: Replanned, objects: readonly StoredObject[]): Audit {
  const audits = STAGES.map((stage) => auditStage(stage, of, objects));
  const stages = Object.fromEntries(audits.map(({ stage, audit }) => [stage, audit])) as Record<Stage, StageAudit>;
  const ok = audits.every(({ audit }) => audit.missing.length === 0 && audit.duplicate.length === 0);
  return { ok, stages, strays: audits.flatMap(({ found }) => found.strays) };
}

type AuditedStage = { readonly stage: Stage; readonly audit: StageAudit; readonly found: Findings };

function auditStage(stage: Stage, of: Replanned, objects: readonly StoredObject[]): AuditedStage {
  const expected = new Map(of.batches.filter((batch) => batch.stage === stage).map((batch) => [batch.key, batch]));
  const unnamed = new Map<string, Conflict>();
  for (const conflict of of.conflicts) if (conflict.stage === stage) unnamed.set(placeName(conflict), conflict);
  for (const batch of expected.values()) unnamed.delete(placeName(batch));
  const found = noFindings();
  for (const object of objects) {
    if (object.stage !== stage || expected.delete(object.key) || unnamed.delete(placeName(object))) continue;
    found.duplicate.push(placeOf(object));
    found.strays.push(object);
  }
  for (const batch of expected.values()) {
    const listOf = { delivered: found.missing, planned: found.pending, parked: found.parked, replanned: NOT_HERE };
    listOf[batch.state].push(placeOf(batch));
  }
  for (const conflict of unnamed.values()) found.missing.push(placeOf(conflict));
  return { stage, audit: stageAudit(stage, objects, found, []), found };
}

type Keyed = { readonly stage: Stage; readonly key: string };

/** The range of seqs in its key; for a window its start, twice. */
function placeOf({ stage, key }: Keyed): SeqRange {
  const of = parseKey(stage, key);
  if (of === null) return { first: 0, last: 0 };
  return of.kind === "readings"
    ? { first: of.first, last: of.last }
    : { first: of.windowStartMs, last: of.windowStartMs };
}

/** A batch and the one that took its place have it in common. */
function placeName({ stage, key }: Keyed): string {
  const of = parseKey(stage, key);
  if (of === null) return key;
  return of.kind === "readings" ? `${of.hourMs} ${of.first}-${of.last}` : `${of.windowStartMs} r${of.revision}`;
}

/** From the first to the last seq that such an epoch has. */
export function seqsOf(conflicts: readonly Conflict[]): SeqRange {
  const ranges = conflicts.flatMap(({ stage, key }) => (stage === "aggregated" ? [] : [placeOf({ stage, key })]));
  if (ranges.length === 0) return { first: 1, last: 0 };
  return {
    first: ranges.reduce((least, { first }) => Math.min(least, first), Number.MAX_SAFE_INTEGER),
    last: ranges.reduce((most, { last }) => Math.max(most, last), 0),
  };
}
