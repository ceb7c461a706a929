/**
 * The points of one series, bounded: what comes live and what history brings, in the order of time. Late ones are put in their place,
 * a point that came twice is held once.
 */
import type { SeriesAnomaly, SeriesPart } from "../../dashboard/wire.ts";

/** Points of a series in the page; more are thinned to half of it, the least and the greatest of each step stay. */
export const RING_POINTS_MOST = 6000;
/** Marks of a series in the page; of more, the newest. */
export const RING_ANOMALIES_MOST = 1000;

export const NO_POINTS: SeriesPart = { atMs: [], values: [], anomalies: [] };

export class SeriesRing {
  #atMs: number[] = [];
  #values: (number | null)[] = [];
  #anomalies: SeriesAnomaly[] = [];
  #isThinned = false;

  readonly #keepMs: number;

  /** `keepMs`: points older than this, seen from the newest, are left out. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** What it holds now. Its arrays change with the next {@link add}; the object is another one each time. */
  get part(): SeriesPart {
    return { atMs: this.#atMs, values: this.#values, anomalies: this.#anomalies };
  }

  get size(): number {
    return this.#atMs.length;
  }

  /** Points were left out to stay within {@link RING_POINTS_MOST}. */
  get isThinned(): boolean {
    return this.#isThinned;
  }

  /** `nowMs`: of the agent. A reading from the future must not push out what is from today. */
  add(part: SeriesPart, nowMs: number): void {
    const { atMs, values } = inOrder(part);
    this.#merge(atMs, values);
    if (part.anomalies.length > 0) this.#anomalies = mergedAnomalies(this.#anomalies, part.anomalies);
    this.#leaveOut(nowMs);
  }

  /**
   * What the buffer holds of `span`: a gap that was seen there is over where this part has points. The points themselves stay: what
   * comes live is not thinned.
   */
  addHistory(part: SeriesPart, span: { readonly fromMs: number; readonly toMs: number }, nowMs: number): void {
    const from = lowerBound(this.#atMs, span.fromMs);
    const to = lowerBound(this.#atMs, span.toMs + 1);
    for (let index = to - 1; index >= from; index--) {
      if (this.#values[index] !== null) continue;
      this.#atMs.splice(index, 1);
      this.#values.splice(index, 1);
    }
    this.add(part, nowMs);
  }

  #merge(atMs: readonly number[], values: readonly (number | null)[]): void {
    const first = atMs[0];
    if (first === undefined) return;
    const from = lowerBound(this.#atMs, first);
    const oldAt = this.#atMs.splice(from);
    const oldValues = this.#values.splice(from);
    let old = 0;
    for (const [index, at] of atMs.entries()) {
      for (; old < oldAt.length && oldAt[old]! <= at; old++) this.#push(oldAt[old]!, oldValues[old] ?? null);
      this.#push(at, values[index] ?? null);
    }
    for (; old < oldAt.length; old++) this.#push(oldAt[old]!, oldValues[old] ?? null);
  }

  #push(at: number, value: number | null): void {
    for (let index = this.#atMs.length - 1; index >= 0 && this.#atMs[index] === at; index--) {
      if (this.#values[index] === value) return;
    }
    this.#atMs.push(at);
    this.#values.push(value);
  }

  #leaveOut(nowMs: number): void {
    const newest = this.#atMs.at(-1);
    if (newest === undefined) return;
    const floor = Math.min(newest, nowMs) - this.#keepMs;
    const old = lowerBound(this.#atMs, floor);
    if (old > 0) {
      this.#atMs.splice(0, old);
      this.#values.splice(0, old);
    }
    if (this.#anomalies.length > 0 && this.#anomalies[0]!.atMs < floor) {
      this.#anomalies = this.#anomalies.filter((anomaly) => anomaly.atMs >= floor);
    }
    if (this.#atMs.length <= RING_POINTS_MOST) return;
    const thin = thinned({ atMs: this.#atMs, values: this.#values }, RING_POINTS_MOST / 4);
    this.#atMs = thin.atMs;
    this.#values = thin.values;
    this.#isThinned = true;
  }
}

type Points = { readonly atMs: readonly number[]; readonly values: readonly (number | null)[] };

function inOrder(part: Points): Points {
  if (part.atMs.every((at, index) => index === 0 || at >= part.atMs[index - 1]!)) return part;
  const order = part.atMs.map((_, index) => index).sort((a, b) => part.atMs[a]! - part.atMs[b]!);
  return { atMs: order.map((index) => part.atMs[index]!), values: order.map((index) => part.values[index] ?? null) };
}

function mergedAnomalies(old: readonly SeriesAnomaly[], more: readonly SeriesAnomaly[]): SeriesAnomaly[] {
  const bySeq = new Map(old.map((anomaly) => [anomaly.seq, anomaly]));
  for (const anomaly of more) bySeq.set(anomaly.seq, anomaly);
  return [...bySeq.values()].sort((a, b) => a.atMs - b.atMs || a.seq - b.seq).slice(-RING_ANOMALIES_MOST);
}

/** The index of the first that is not less than `least`. */
export function lowerBound(sorted: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The least and the greatest of each of `steps` equal steps of time, and one null where a step holds only nulls. */
export function thinned(points: Points, steps: number): { atMs: number[]; values: (number | null)[] } {
  const { atMs, values } = points;
  const first = atMs[0] ?? 0;
  const stepMs = Math.max(1, ((atMs.at(-1) ?? 0) - first) / steps);
  const thin: { atMs: number[]; values: (number | null)[] } = { atMs: [], values: [] };
  const keep = (index: number) => {
    thin.atMs.push(atMs[index]!);
    thin.values.push(values[index] ?? null);
  };
  for (let start = 0; start < atMs.length; ) {
    const step = Math.floor((atMs[start]! - first) / stepMs);
    let least = -1;
    let greatest = -1;
    let end = start;
    for (; end < atMs.length && Math.floor((atMs[end]! - first) / stepMs) === step; end++) {
      const value = values[end] ?? null;
      if (value === null) continue;
      if (least < 0 || value < values[least]!) least = end;
      if (greatest < 0 || value > values[greatest]!) greatest = end;
    }
    if (least < 0) keep(start);
    else if (least === greatest) keep(least);
    else {
      keep(Math.min(least, greatest));
      keep(Math.max(least, greatest));
    }
    start = end;
  }
  return thin;
}
