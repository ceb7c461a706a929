/** The algebra of ranges against a plain set of seqs. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  chunksOf,
  contains,
  intersect,
  mergeRanges,
  missingIn,
  overlaps,
  pairsOf,
  RangeSet,
  rangesOf,
  type SeqRange,
  sizeOf,
  subtractRanges,
  totalSize,
} from "./seq-range.ts";

/** Some are empty. */
const range = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: -2, max: 8 }))
  .map(([first, more]): SeqRange => ({ first, last: first + more }));
const ranges = fc.array(range, { maxLength: 12 });

function seqsOf(...of: readonly SeqRange[]): Set<number> {
  const seqs = new Set<number>();
  for (const { first, last } of of) for (let seq = first; seq <= last; seq++) seqs.add(seq);
  return seqs;
}

/** In order, none empty, none touching the next, and exactly these seqs. */
function expectCanonical(found: readonly SeqRange[], seqs: ReadonlySet<number>): void {
  expect(seqsOf(...found)).toEqual(new Set(seqs));
  for (const { first, last } of found) expect(first).toBeLessThanOrEqual(last);
  for (const [at, { last }] of found.entries()) expect(found[at + 1]?.first ?? Infinity).toBeGreaterThan(last + 1);
}

test("merging gives the same seqs as disjoint ranges in order", () => {
  fc.assert(fc.property(ranges, (some) => expectCanonical(mergeRanges(some), seqsOf(...some))));
});

test("subtracting gives the seqs that are in no other range", () => {
  fc.assert(
    fc.property(ranges, ranges, range, (some, others, one) => {
      expectCanonical(subtractRanges(some, others), seqsOf(...some).difference(seqsOf(...others)));
      expectCanonical(missingIn(one, others), seqsOf(one).difference(seqsOf(...others)));
    }),
  );
});

test("two ranges: what both have, whether they overlap, whether one contains the other", () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      const [seqsOfA, seqsOfB] = [seqsOf(a), seqsOf(b)];
      expect(seqsOf(intersect(a, b))).toEqual(seqsOfA.intersection(seqsOfB));
      expect(overlaps(a, b)).toBe(!seqsOfA.isDisjointFrom(seqsOfB));
      expect(contains(a, b)).toBe(seqsOfB.isSubsetOf(seqsOfA));
      expect(sizeOf(a)).toBe(seqsOfA.size);
    }),
  );
});

test("sizes add up, merged or not", () => {
  fc.assert(
    fc.property(ranges, (some) => {
      expect(totalSize(some)).toBe(some.reduce((sum, one) => sum + seqsOf(one).size, 0));
      expect(totalSize(mergeRanges(some))).toBe(seqsOf(...some).size);
    }),
  );
});

test("a set counts the seqs within a range", () => {
  fc.assert(
    fc.property(ranges, range, (some, one) => {
      const set = new RangeSet(some);
      const within = seqsOf(...some).intersection(seqsOf(one));
      expectCanonical(set.ranges, seqsOf(...some));
      expect(set.countWithin(one)).toBe(within.size);
      expect(set.containsAll(one)).toBe(within.size === sizeOf(one));
    }),
  );
});

test("chunks follow each other, and each but the last is full", () => {
  fc.assert(
    fc.property(range, fc.integer({ min: 1, max: 5 }), (one, size) => {
      const chunks = [...chunksOf(one, size)];
      expect(mergeRanges(chunks)).toEqual(mergeRanges([one]));
      expect(totalSize(chunks)).toBe(sizeOf(one));
      for (const chunk of chunks.slice(0, -1)) expect(sizeOf(chunk)).toBe(size);
    }),
  );
});

test("ascending seqs become ranges, and ranges become pairs", () => {
  fc.assert(fc.property(ranges, (some) => expect(rangesOf(seqsOf(...mergeRanges(some)))).toEqual(mergeRanges(some))));
  expect(pairsOf(rangesOf([1, 2, 5, 7, 8, 9]))).toEqual([
    [1, 2],
    [5, 5],
    [7, 9],
  ]);
});
