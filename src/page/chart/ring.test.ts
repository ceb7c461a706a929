import { describe, expect, test } from "bun:test";
import type { SeriesAnomaly, SeriesPart } from "../../dashboard/wire.ts";
import { lowerBound, RING_ANOMALIES_MOST, RING_POINTS_MOST, SeriesRing, thinned } from "./ring.ts";

const NOW = 1_000_000;
const part = (points: readonly (readonly [number, number | null])[], anomalies: SeriesAnomaly[] = []): SeriesPart => ({
  atMs: points.map(([at]) => at),
  values: points.map(([, value]) => value),
  anomalies,
});
const anomaly = (seq: number, atMs: number): SeriesAnomaly => ({
  atMs,
  value: 1,
  seq,
  rules: ["temperature-range"],
  reason: "temperature 99 is above 30",
});
const pointsOf = (ring: SeriesRing) => ring.part.atMs.map((at, index) => [at, ring.part.values[index]]);

describe("the points of a series", () => {
  test("live ones follow each other, history goes before them, late ones are put in their place", () => {
    const ring = new SeriesRing(NOW);
    ring.add(part([[500, 5]]), NOW);
    ring.add(part([[700, 7]]), NOW);
    ring.add(
      part([
        [300, 3],
        [400, 4],
      ]),
      NOW,
    );
    ring.add(part([[100, 1]]), NOW);
    ring.add(
      part([
        [450, 4.5],
        [600, 6],
        [800, 8],
      ]),
      NOW,
    );
    expect(pointsOf(ring)).toEqual([
      [100, 1],
      [300, 3],
      [400, 4],
      [450, 4.5],
      [500, 5],
      [600, 6],
      [700, 7],
      [800, 8],
    ]);
  });

  test("a point that came live and again with history is held once; two values of one time are both held", () => {
    const ring = new SeriesRing(NOW);
    ring.add(
      part([
        [100, 1],
        [200, 2],
        [200, 3],
        [300, null],
      ]),
      NOW,
    );
    ring.add(
      part([
        [100, 1],
        [200, 3],
        [200, 2],
        [200, 4],
        [300, null],
      ]),
      NOW,
    );
    expect(pointsOf(ring)).toEqual([
      [100, 1],
      [200, 2],
      [200, 3],
      [200, 4],
      [300, null],
    ]);
  });

  test("history takes the place of a gap that was seen before late readings came", () => {
    const ring = new SeriesRing(NOW);
    ring.add(
      part([
        [50, null],
        [100, 1],
        [150, null],
        [200, 2],
        [300, null],
      ]),
      NOW,
    );
    ring.addHistory(part([[120, 1.2]]), { fromMs: 100, toMs: 250 }, NOW);
    expect(pointsOf(ring)).toEqual([
      [50, null],
      [100, 1],
      [120, 1.2],
      [200, 2],
      [300, null],
    ]);
  });

  test("a part that is out of order is put in order", () => {
    const ring = new SeriesRing(NOW);
    ring.add(
      part([
        [300, 3],
        [100, 1],
        [200, 2],
      ]),
      NOW,
    );
    expect(ring.part.atMs).toEqual([100, 200, 300]);
    expect(ring.part.values).toEqual([1, 2, 3]);
  });

  test("any order of the same parts gives the same series", () => {
    const parts = [0, 1, 2, 3, 4, 5].map((piece) =>
      part(Array.from({ length: 50 }, (_, index) => [piece * 40 + index, (piece * 40 + index) % 7] as const)),
    );
    const orders = [
      [0, 1, 2, 3, 4, 5],
      [5, 4, 3, 2, 1, 0],
      [3, 0, 5, 1, 4, 2],
      [2, 2, 5, 0, 1, 3, 4],
    ];
    const results = orders.map((order) => {
      const ring = new SeriesRing(NOW);
      for (const index of order) ring.add(parts[index]!, NOW);
      return pointsOf(ring);
    });
    for (const result of results) expect(result).toEqual(results[0]!);
    expect(results[0]).toHaveLength(250);
  });

  test("what is older than it keeps is left out, seen from the newest; a reading from the future pushes nothing out", () => {
    const ring = new SeriesRing(1000);
    ring.add(part([[NOW - 5000, 1]], [anomaly(1, NOW - 5000)]), NOW);
    expect(ring.size).toBe(1); // All that there is, however old.
    ring.add(
      part([
        [NOW - 500, 2],
        [NOW, 3],
      ]),
      NOW,
    );
    expect(ring.part.values).toEqual([2, 3]);
    expect(ring.part.anomalies).toEqual([]);
    ring.add(part([[NOW * 9, 4]]), NOW);
    expect(ring.part.values).toEqual([2, 3, 4]);
  });

  test("more points than the limit are thinned, and their peaks stay", () => {
    const ring = new SeriesRing(1e9);
    for (let at = 0; at < 8 * RING_POINTS_MOST; at += 100) {
      ring.add(
        part(
          Array.from({ length: 100 }, (_, index) => [
            at + index,
            at + index === 23_451 ? 1e6 : Math.sin((at + index) / 500),
          ]),
        ),
        1e9,
      );
      expect(ring.size).toBeLessThanOrEqual(RING_POINTS_MOST);
    }
    expect(ring.isThinned).toBe(true);
    expect(ring.part.values).toContain(1e6);
    expect(ring.part.atMs.at(-1)).toBe(8 * RING_POINTS_MOST - 1);
    expect([...ring.part.atMs].sort((a, b) => a - b)).toEqual([...ring.part.atMs]);
  });

  test("anomalies are held once, by seq, in the order of time, and of too many the newest", () => {
    const ring = new SeriesRing(NOW);
    ring.add(part([[10, 1]], [anomaly(7, 30), anomaly(5, 10)]), NOW);
    ring.add(part([[20, 1]], [anomaly(5, 10), anomaly(6, 20)]), NOW);
    expect(ring.part.anomalies.map(({ seq }) => seq)).toEqual([5, 6, 7]);
    ring.add(
      part(
        [[30, 1]],
        Array.from({ length: RING_ANOMALIES_MOST }, (_, index) => anomaly(100 + index, 100 + index)),
      ),
      NOW,
    );
    expect(ring.part.anomalies).toHaveLength(RING_ANOMALIES_MOST);
    expect(ring.part.anomalies[0]?.seq).toBe(100);
  });
});

test("thinning keeps the least and the greatest of each step, and a gap where a step has no value", () => {
  const values = [1, 5, 2, null, null, null, 3, 3, 9];
  const thin = thinned({ atMs: values.map((_, index) => index * 10), values }, 2.9);
  expect(thin).toEqual({ atMs: [0, 10, 30, 60, 80], values: [1, 5, null, 3, 9] });
});

test("the lower bound is the first that is not less", () => {
  expect([0, 1, 2, 5, 6].map((least) => lowerBound([1, 2, 2, 5], least))).toEqual([0, 0, 1, 3, 4]);
});
