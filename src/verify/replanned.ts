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

/** `batches`: those of the epoch that the buffer has; none of them is ever folded. */
export function auditReplanned(batches: readonly PromisedBatch[], objects: readonly StoredObject[]): Audit {
  const audits = STAGES.map((stage) => auditStage(stage, batches, objects));
  const stages = Object.fromEntries(audits.map(({ stage, audit }) => [stage, audit])) as Record<Stage, StageAudit>;
  const ok = audits.every(({ audit }) => audit.missing.length === 0 && audit.duplicate.length === 0);
  return { ok, stages, strays: audits.flatMap(({ found }) => found.strays) };
}

type AuditedStage = { readonly stage: Stage; readonly audit: StageAudit; readonly found: Findings };

function auditStage(stage: Stage, batches: readonly PromisedBatch[], objects: readonly StoredObject[]): AuditedStage {
  const expected = new Map(batches.filter((batch) => batch.stage === stage).map((batch) => [batch.key, batch]));
  const found = noFindings();
  for (const object of objects) {
    if (object.stage !== stage || expected.delete(object.key)) continue;
    found.duplicate.push(placeOf(object));
    found.strays.push(object);
  }
  for (const batch of expected.values()) {
    const listOf = { delivered: found.missing, planned: found.pending, parked: found.parked, replanned: NOT_HERE };
    listOf[batch.state].push(placeOf(batch));
  }
  return { stage, audit: stageAudit(stage, objects, found, []), found };
}

/** The range of seqs in its key; for a window its start, twice. */
function placeOf({ stage, key }: { readonly stage: Stage; readonly key: string }): SeqRange {
  const of = parseKey(stage, key);
  if (of === null) return { first: 0, last: 0 };
  return of.kind === "readings"
    ? { first: of.first, last: of.last }
    : { first: of.windowStartMs, last: of.windowStartMs };
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
