/** Ranges of seqs and their algebra. Both ends are inside; a range whose last seq is before its first is empty. */
export type SeqRange = { readonly first: number; readonly last: number };

/** The readings of a range whose event time is in one hour: what one object of a stage holds. */
export type HourRange = SeqRange & { readonly hourMs: number };

export function sizeOf({ first, last }: SeqRange): number {
  return Math.max(0, last - first + 1);
}

/** How many seqs the ranges have together; one that is in two of them counts twice. */
export function totalSize(ranges: readonly SeqRange[]): number {
  return ranges.reduce((sum, range) => sum + sizeOf(range), 0);
}

/** The seqs that are in both; may be empty. */
export function intersect(a: SeqRange, b: SeqRange): SeqRange {
  return { first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) };
}

/** Whether there is a seq that is in both. */
export function overlaps(a: SeqRange, b: SeqRange): boolean {
  return sizeOf(intersect(a, b)) > 0;
}

/** Whether every seq of `inner` is in `outer`. */
export function contains(outer: SeqRange, inner: SeqRange): boolean {
  return inner.last < inner.first || (outer.first <= inner.first && inner.last <= outer.last);
}

/** In order and disjoint, without empty ranges; ranges that touch are joined. */
export function mergeRanges(ranges: readonly SeqRange[]): SeqRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of ranges.filter((range) => sizeOf(range) > 0).sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

/** The seqs of `ranges` that are in none of `without`; in order, disjoint. */
export function subtractRanges(ranges: readonly SeqRange[], without: readonly SeqRange[]): SeqRange[] {
  const cuts = mergeRanges(without);
  const left: SeqRange[] = [];
  let skipped = 0;
  for (const { first, last } of mergeRanges(ranges)) {
    while ((cuts[skipped]?.last ?? first) < first) skipped++;
    let from = first;
    for (let at = skipped, cut = cuts[at]; cut !== undefined && cut.first <= last; cut = cuts[++at]) {
      if (cut.first > from) left.push({ first: from, last: cut.first - 1 });
      from = Math.max(from, cut.last + 1);
    }
    if (from <= last) left.push({ first: from, last });
  }
  return left;
}

/** The seqs of a range that are in none of `present`; in order, disjoint. */
export function missingIn(range: SeqRange, present: readonly SeqRange[]): SeqRange[] {
  return subtractRanges([range], present);
}

/** A range in consecutive ranges of at most `size` seqs. */
export function* chunksOf({ first, last }: SeqRange, size: number): Generator<SeqRange> {
  for (let from = first; from <= last; from += size) yield { first: from, last: Math.min(last, from + size - 1) };
}

/** Single seqs, in ascending order, as ranges. */
export function rangesOf(seqs: Iterable<number>): SeqRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const seq of seqs) {
    const before = ranges.at(-1);
    if (before?.last === seq - 1) before.last = seq;
    else ranges.push({ first: seq, last: seq });
  }
  return ranges;
}

/** As JSON outputs have them: `[[first, last], …]`. */
export function pairsOf(ranges: readonly SeqRange[]): [first: number, last: number][] {
  return ranges.map(({ first, last }) => [first, last]);
}

/** A set of seqs that is asked often: each question costs a binary search instead of a walk. */
export class RangeSet {
  /** Merged. */
  readonly ranges: readonly SeqRange[];
  /** For each range, how many seqs are in the ranges before it. */
  readonly #sizeBefore: readonly number[];

  constructor(ranges: readonly SeqRange[]) {
    this.ranges = mergeRanges(ranges);
    let sum = 0;
    this.#sizeBefore = this.ranges.map((range) => {
      const before = sum;
      sum += sizeOf(range);
      return before;
    });
  }

  /** How many seqs of the range are in the set. */
  countWithin({ first, last }: SeqRange): number {
    return last < first ? 0 : this.#countThrough(last) - this.#countThrough(first - 1);
  }

  containsAll(range: SeqRange): boolean {
    return this.countWithin(range) === sizeOf(range);
  }

  /** How many seqs of the set are at or below `seq`. */
  #countThrough(seq: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.ranges[middle]?.first ?? Number.POSITIVE_INFINITY) <= seq) low = middle + 1;
      else high = middle;
    }
    const range = this.ranges[low - 1];
    if (range === undefined) return 0;
    return (this.#sizeBefore[low - 1] ?? 0) + Math.min(seq, range.last) - range.first + 1;
  }
}
