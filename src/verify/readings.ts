/** The part of `reconcile` for the stages whose objects hold readings: by key, by sums, and by whether a range adds up. */

import { contains, overlaps, RangeSet, sizeOf } from "../core/seq-range.ts";
import { READING_STAGES, type ReadingStage } from "../core/stage.ts";
import type { ReadingKey } from "../uplink/object-key.ts";
import { type Findings, type FoldedRun, NOT_HERE, type Promises, type StoredObject } from "./audit.ts";
import { judgeSpans, type Part, type Sums, type Verdicts } from "./spans.ts";

type ClaimedObject = { readonly object: StoredObject; readonly of: ReadingKey; readonly promised: boolean };
type Run = FoldedRun & { foundRows: number; foundObjects: number; lostRows: number };

export function auditReadings(
  promises: Promises,
  objects: readonly StoredObject[],
  found: Readonly<Record<ReadingStage, Findings>>,
): void {
  const lost = new RangeSet(promises.lost);
  const parts: Part[] = [];
  const always = new Set<ReadingStage>(promises.always);
  const used = new Set<ReadingStage>(always);
  const sums: Partial<Record<ReadingStage, Sums>> = {};
  for (const stage of READING_STAGES) {
    const runs = runsOf(promises.folded.filter((run) => run.stage === stage));
    const kept = claim(stage, promises, objects, found[stage]);
    for (const held of kept) {
      if (held.promised) continue;
      const { first, last, count } = held.of;
      if (isAccountedFor(held, runs, lost)) parts.push({ first, last, stage, count });
      else duplicate(held, found[stage]);
    }
    for (const batch of promises.batches) {
      if (batch.stage !== stage || batch.range === null) continue;
      used.add(stage);
      const { first, last } = batch.range;
      parts.push({ first, last, stage, count: batch.count });
    }
    if (runs.length > 0) used.add(stage);
    sums[stage] = sumsOf(runs);
    found[stage].pending.push(...promises.unplanned[stage]);
  }
  const { from, plannedThrough } = promises;
  const verdicts = { sums: sums as Verdicts["sums"], lost, used, always, from, plannedThrough };
  judgeSpans(parts, verdicts, found);
}

/** Promised objects by their keys; of the others those that hold no row twice. The rest are duplicates. */
function claim(
  stage: ReadingStage,
  promises: Promises,
  objects: readonly StoredObject[],
  found: Findings,
): ClaimedObject[] {
  const expected = new Map(
    promises.batches.filter((batch) => batch.stage === stage).map((batch) => [batch.key, batch]),
  );
  const byHour = new Map<number, ClaimedObject[]>();
  for (const object of objects) {
    const { of } = object;
    if (object.stage !== stage || of.kind !== "readings") continue;
    const promised = expected.delete(object.key);
    const hour = byHour.get(of.hourMs);
    if (hour === undefined) byHour.set(of.hourMs, [{ object, of, promised }]);
    else hour.push({ object, of, promised });
  }
  for (const { range, state } of expected.values()) {
    const listOf = { delivered: found.missing, planned: found.pending, parked: found.parked, replanned: NOT_HERE };
    if (range !== null) listOf[state].push(range);
  }
  return [...byHour.values()].flatMap((hour) => withoutOverlaps(hour, found));
}

/** Within an hour of event time a seq is in one object of a stage. Where it is in two, the promised one counts, then the wider. */
function withoutOverlaps(hour: readonly ClaimedObject[], found: Findings): ClaimedObject[] {
  return clustersOf(hour).flatMap((cluster) => {
    const kept: ClaimedObject[] = [];
    if (cluster.length > 1) {
      cluster.sort((a, b) => Number(b.promised) - Number(a.promised) || sizeOf(b.of) - sizeOf(a.of));
    }
    for (const held of cluster) {
      if (kept.some(({ of }) => overlaps(of, held.of))) duplicate(held, found);
      else kept.push(held);
    }
    return kept;
  });
}

/** Objects whose ranges overlap, directly or through others, are in one cluster. */
function clustersOf(hour: readonly ClaimedObject[]): ClaimedObject[][] {
  const clusters: ClaimedObject[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const held of [...hour].sort((a, b) => a.of.first - b.of.first)) {
    const cluster = held.of.first <= last ? clusters.at(-1) : undefined;
    if (cluster === undefined) clusters.push([held]);
    else cluster.push(held);
    last = Math.max(last, held.of.last);
  }
  return clusters;
}

/** Whether a folded run or a loss accounts for an object that no batch promised; a run's sums then include it. */
function isAccountedFor({ of }: ClaimedObject, runs: readonly Run[], lost: RangeSet): boolean {
  const isLost = lost.containsAll(of);
  const run = runs.find(({ range }) => contains(range, of));
  if (run === undefined) return isLost;
  run.foundRows += of.count;
  run.foundObjects++;
  if (isLost) run.lostRows += of.count;
  return true;
}

function duplicate({ of, object }: ClaimedObject, found: Findings): void {
  found.duplicate.push({ first: of.first, last: of.last });
  found.strays.push(object);
}

/** Runs that overlap (an hour of a range was halved, another was not) are one: a listing does not show which of them an object belongs to. */
function runsOf(folded: readonly FoldedRun[]): Run[] {
  const runs: Run[] = [];
  for (const run of [...folded].sort((a, b) => a.range.first - b.range.first)) {
    const before = runs.at(-1);
    if (before === undefined || run.range.first > before.range.last) {
      runs.push({ ...run, foundRows: 0, foundObjects: 0, lostRows: 0 });
      continue;
    }
    runs[runs.length - 1] = {
      ...before,
      range: { first: before.range.first, last: Math.max(before.range.last, run.range.last) },
      rows: before.rows + run.rows,
      objects: before.objects + run.objects,
    };
  }
  return runs;
}

function sumsOf(runs: readonly Run[]): Sums {
  const short = runs.filter((run) => run.foundRows < run.rows || (isEven(run) && run.foundObjects < run.objects));
  // An object may be there whose range was lost before its answer came: the buffer could not know.
  const surplus = (run: Run) => run.foundRows - run.lostRows - run.rows;
  const over = runs.filter((run) => surplus(run) > 0 || (isEven(run) && run.foundObjects > run.objects));
  const sum = (of: readonly Run[], rows: (run: Run) => number) =>
    of.reduce((total, run) => total + (rows(run) || Number.NaN), 0);
  return {
    short: new RangeSet(short.map((run) => run.range)),
    shortRows: sum(short, (run) => run.rows - run.foundRows),
    over: new RangeSet(over.map((run) => run.range)),
    overRows: sum(over, surplus),
  };
}

/** There are as many rows as promised. If there are not as many objects too, they are not the promised ones. */
function isEven(run: Run): boolean {
  return run.lostRows === 0 && run.foundRows === run.rows;
}
