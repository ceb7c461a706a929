/** The part of `reconcile` for the stages whose objects hold readings: by key, by sums, and by whether a range adds up. */

import { RangeSet } from "../core/seq-range.ts";
import { READING_STAGES, type ReadingStage } from "../core/stage.ts";
import type { ReadingKey } from "../uplink/object-key.ts";
import type { Findings, FoldedRun, Promises, StoredObject } from "./audit.ts";
import { judgeSpans, type Part, type Sums, type Verdicts } from "./spans.ts";

type Held = { readonly object: StoredObject; readonly of: ReadingKey; readonly promised: boolean };
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
    for (const held of kept) account(held, stage, runs, lost, parts, found[stage]);
    for (const batch of promises.batches) {
      if (batch.stage !== stage || batch.range === null) continue;
      used.add(stage);
      parts.push({ stage, first: batch.range[0], last: batch.range[1], count: batch.count });
    }
    if (runs.length > 0) used.add(stage);
    sums[stage] = sumsOf(runs);
    found[stage].pending.push(...promises.unplanned[stage]);
  }
  const { plannedThrough } = promises;
  const verdicts = { sums: sums as Verdicts["sums"], lost, used, always, plannedThrough };
  judgeSpans(parts, verdicts, found);
}

/** Promised objects by their keys; of the others those that hold no row twice. The rest are duplicates. */
function claim(stage: ReadingStage, promises: Promises, objects: readonly StoredObject[], found: Findings): Held[] {
  const expected = new Map(
    promises.batches.filter((batch) => batch.stage === stage).map((batch) => [batch.key, batch]),
  );
  const byHour = new Map<number, Held[]>();
  for (const object of objects) {
    const { of } = object;
    if (object.stage !== stage || of.kind !== "readings") continue;
    const promised = expected.delete(object.key);
    const hour = byHour.get(of.hourMs);
    if (hour === undefined) byHour.set(of.hourMs, [{ object, of, promised }]);
    else hour.push({ object, of, promised });
  }
  for (const { range, state } of expected.values()) {
    const listOf = { delivered: found.missing, planned: found.pending, parked: found.parked };
    if (range !== null) listOf[state].push(range);
  }
  return [...byHour.values()].flatMap((hour) => withoutOverlaps(hour, found));
}

/** Within an hour of event time no seq is in two objects of a stage: where it is, the promised one counts, then the wider. */
function withoutOverlaps(hour: Held[], found: Findings): Held[] {
  const kept: Held[] = [];
  hour.sort((a, b) => a.of.first - b.of.first);
  for (let at = 0; at < hour.length; ) {
    const cluster: Held[] = [];
    let last = Number.NEGATIVE_INFINITY;
    while (at < hour.length && (cluster.length === 0 || hour[at]!.of.first <= last)) {
      last = Math.max(last, hour[at]!.of.last);
      cluster.push(hour[at++]!);
    }
    const own: Held[] = [];
    if (cluster.length > 1) {
      cluster.sort((a, b) => Number(b.promised) - Number(a.promised) || widthOf(b) - widthOf(a));
    }
    for (const held of cluster) {
      if (own.some(({ of }) => of.first <= held.of.last && held.of.first <= of.last)) duplicate(held, found);
      else own.push(held);
    }
    kept.push(...own);
  }
  return kept;
}

/** An object that holds nothing twice goes to what accounts for it: its promise, a folded run, or a loss. */
function account(
  held: Held,
  stage: ReadingStage,
  runs: readonly Run[],
  lost: RangeSet,
  parts: Part[],
  found: Findings,
): void {
  if (held.promised) return;
  const { first, last, count } = held.of;
  const isLost = lost.holds(first, last);
  const run = runs.find(({ range }) => range[0] <= first && last <= range[1]);
  if (run !== undefined) {
    run.foundRows += count;
    run.foundObjects++;
    if (isLost) run.lostRows += count;
  } else if (!isLost) {
    duplicate(held, found);
    return;
  }
  parts.push({ stage, first, last, count });
}

function duplicate(held: Held, found: Findings): void {
  found.duplicate.push([held.of.first, held.of.last]);
  found.strays.push(held.object);
}

/** Runs that overlap (an hour of a range was halved, another was not) are one: no listing tells whose an object is. */
function runsOf(folded: readonly FoldedRun[]): Run[] {
  const runs: Run[] = [];
  for (const run of [...folded].sort((a, b) => a.range[0] - b.range[0])) {
    const before = runs.at(-1);
    if (before === undefined || run.range[0] > before.range[1]) {
      runs.push({ ...run, foundRows: 0, foundObjects: 0, lostRows: 0 });
      continue;
    }
    runs[runs.length - 1] = {
      ...before,
      range: [before.range[0], Math.max(before.range[1], run.range[1])],
      rows: before.rows + run.rows,
      objects: before.objects + run.objects,
    };
  }
  return runs;
}

function sumsOf(runs: readonly Run[]): Sums {
  const short = runs.filter((run) => run.foundRows < run.rows || (isEven(run) && run.foundObjects < run.objects));
  // An object whose range was lost before its answer came may be there, and the buffer could not know.
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

/** As many rows as promised: then as many objects too, or they are not the ones that were promised. */
function isEven(run: Run): boolean {
  return run.lostRows === 0 && run.foundRows === run.rows;
}

function widthOf({ of }: Held): number {
  return of.last - of.first;
}
