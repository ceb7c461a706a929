/** Arithmetic over ranges of integers, both ends inside: what is missing, what is there, what was lost. */
export type Range = readonly [first: number, last: number];

/** In order, disjoint, and joined where one goes on behind another. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** What of `ranges` is in none of `without`; in order, disjoint. */
export function subtractRanges(ranges: readonly Range[], without: readonly Range[]): Range[] {
  const cuts = mergeRanges(without);
  const left: Range[] = [];
  let at = 0;
  for (const [first, last] of mergeRanges(ranges)) {
    while (at < cuts.length && cuts[at]![1] < first) at++;
    let from = first;
    for (let i = at; i < cuts.length && cuts[i]![0] <= last; i++) {
      const [cutFirst, cutLast] = cuts[i]!;
      if (cutFirst > from) left.push([from, cutFirst - 1]);
      from = Math.max(from, cutLast + 1);
    }
    if (from <= last) left.push([from, last]);
  }
  return left;
}

export function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** Questions to a set of ranges that is asked often: each costs a binary search, not a walk. */
export class RangeSet {
  /** Merged. */
  readonly ranges: readonly Range[];
  /** Integers in all ranges before each. */
  readonly #before: number[] = [];

  constructor(ranges: readonly Range[]) {
    this.ranges = mergeRanges(ranges);
    let sum = 0;
    for (const [first, last] of this.ranges) {
      this.#before.push(sum);
      sum += last - first + 1;
    }
    this.#before.push(sum);
  }

  /** How many integers of [first, last] are inside. */
  countWithin(first: number, last: number): number {
    return last < first ? 0 : this.#through(last) - this.#through(first - 1);
  }

  holds(first: number, last: number): boolean {
    return this.countWithin(first, last) === last - first + 1;
  }

  #through(value: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ranges[middle]![0] <= value) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const [first, last] = this.ranges[low - 1]!;
    return this.#before[low - 1]! + Math.min(value, last) - first + 1;
  }
}
