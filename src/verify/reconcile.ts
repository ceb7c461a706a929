/**
 * Compares the readings that a buffer accepted, and the objects that it promised, with the listing of a store. Pure, and
 * without opening an object.
 *
 * - The batches that the buffer still has are authoritative by key: each of their objects must be there, and an object of the
 *   epoch that no batch promised is a duplicate (a halved batch whose whole had been stored after all).
 * - Batches that retention folded are judged by their sums of rows and objects; the listing shows where rows are missing.
 * - The plan must add up: raw to every seq of a range, validated and anomalies together too,
 *   schematized to validated. A seq that no stage ever planned is missing.
 * - A stage that was switched off for a range (no batch of it there) is not missed there. Readings that no batch
 *   promises yet are missed in the stages that are switched on now.
 * - A counted loss is never missing, and not a duplicate when it is there after all.
 */

import { mergeRanges, type SeqRange, subtractRanges } from "../core/seq-range.ts";
import { READING_STAGES, STAGES, type Stage } from "../core/stage.ts";
import type { Audit, Findings, Promises, StageAudit, StoredObject } from "./audit.ts";
import { auditReadings } from "./readings.ts";
import { auditWindows } from "./windows.ts";

/** `objects`: all objects of the epoch that the store lists, each once, in any order. */
export function reconcile(promises: Promises, objects: readonly StoredObject[]): Audit {
  const findings: Record<Stage, Findings> = {
    raw: noFindings(),
    validated: noFindings(),
    anomalies: noFindings(),
    schematized: noFindings(),
    aggregated: noFindings(),
  };
  auditReadings(promises, objects, findings);
  auditWindows(promises, objects, findings.aggregated);
  const stages = Object.fromEntries(
    STAGES.map((stage) => [stage, stageAudit(stage, objects, findings[stage], promises.lost)]),
  ) as Record<Stage, StageAudit>;
  const ok = STAGES.every((stage) => stages[stage].missing.length === 0 && stages[stage].duplicate.length === 0);
  return { ok, stages, strays: STAGES.flatMap((stage) => findings[stage].strays) };
}

export function noFindings(): Findings {
  return { missing: [], duplicate: [], pending: [], parked: [], strays: [] };
}

export function stageAudit(
  stage: Stage,
  objects: readonly StoredObject[],
  found: Findings,
  lost: readonly SeqRange[],
): StageAudit {
  const own = objects.filter((object) => object.stage === stage);
  const rows = own.reduce((sum, object) => sum + object.of.count, 0);
  const isReadings = (READING_STAGES as readonly Stage[]).includes(stage);
  const tidy = isReadings ? (ranges: readonly SeqRange[]) => subtractRanges(ranges, lost) : distinctStarts;
  return {
    rows,
    objects: own.length,
    missing: tidy([...found.missing, ...found.parked]),
    duplicate: isReadings ? mergeRanges(found.duplicate) : distinctStarts(found.duplicate),
    pending: tidy(found.pending),
    parked: tidy(found.parked),
  };
}

function distinctStarts(windows: readonly SeqRange[]): SeqRange[] {
  const starts = [...new Set(windows.map(({ first }) => first))].sort((a, b) => a - b);
  return starts.map((start) => ({ first: start, last: start }));
}
