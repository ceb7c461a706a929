import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { SERIES_ANOMALIES_MOST } from "../wire.ts";
import { drawnSpan, pixelOf, startOf, ThinnedSeries } from "./thinned-series.ts";

const anomaly = (atMs: number, seq: number) => ({ atMs, seq, value: null, rules: ["r"], reason: "broken" });

test("every moment of a span is in one pixel, and there are no more pixels than were asked for", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1e12, max: 4e12 }),
      fc.integer({ min: 0, max: 1e11 }),
      fc.integer({ min: 1, max: 4_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (fromMs, lengthMs, wanted, share) => {
        const span = drawnSpan(fromMs, fromMs + lengthMs, wanted);
        const at = fromMs + Math.round(lengthMs * share);
        const pixel = pixelOf(span, at);
        expect(span.pixels).toBeLessThanOrEqual(wanted);
        expect([pixel >= 0, pixel < span.pixels]).toEqual([true, true]);
        expect(startOf(span, pixel)).toBeLessThanOrEqual(at);
        expect(startOf(span, pixel + 1)).toBeGreaterThan(at);
      },
    ),
    { numRuns: cases(1_000) },
  );
});

test("thinning keeps the least and the greatest value of every pixel, in their order, and every anomaly", () => {
  const readings = fc.array(
    fc.record({ at: fc.integer({ min: 0, max: 999 }), value: fc.integer({ min: -5, max: 5 }), isBroken: fc.boolean() }),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(readings, fc.integer({ min: 1, max: 120 }), (all, pixels) => {
      const span = drawnSpan(0, 999, pixels);
      const series = new ThinnedSeries(span);
      for (const [seq, { at, value, isBroken }] of all.entries()) {
        series.add(at, value);
        if (isBroken) series.addAnomaly(anomaly(at, seq));
      }
      const part = series.part({ first: 0, last: span.pixels - 1 });
      const points = part.atMs.map((at, i) => ({ at, value: part.values[i] })).filter(({ value }) => value !== null);
      expect(points.map(({ at }) => at)).toEqual(points.map(({ at }) => at).toSorted((a, b) => a - b));
      for (let pixel = 0; pixel < span.pixels; pixel++) {
        const here = all.filter(({ at }) => pixelOf(span, at) === pixel).map(({ value }) => value);
        const drawn = points.filter(({ at }) => pixelOf(span, at) === pixel);
        expect(drawn.length).toBeLessThanOrEqual(2);
        if (here.length === 0) expect(drawn).toEqual([]);
        else {
          const values = drawn.map(({ value }) => Number(value));
          expect([Math.min(...values), Math.max(...values)]).toEqual([Math.min(...here), Math.max(...here)]);
        }
        // Each point is a reading.
        for (const { at, value } of drawn) expect(all.some((one) => one.at === at && one.value === value)).toBe(true);
      }
      const broken = all.flatMap(({ at, isBroken }, seq) => (isBroken ? [[at, seq]] : []));
      expect(part.anomalies.map(({ atMs, seq }) => [atMs, seq])).toEqual(
        broken.toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0)),
      );
      expect(part.anomaliesLeftOut).toBeUndefined();
    }),
    { numRuns: cases(1_000) },
  );
});

test("of more anomalies than are listed the newest are, in whatever order they came, and the part says so", () => {
  const span = drawnSpan(0, 99_999, 10);
  const times = Array.from({ length: 3 * SERIES_ANOMALIES_MOST + 7 }, (_, i) => (i * 7_919) % 99_991);
  const series = new ThinnedSeries(span);
  for (const [seq, at] of times.entries()) series.addAnomaly(anomaly(at, seq));
  const part = series.part({ first: 0, last: 9 });
  expect(part.anomalies.map(({ atMs }) => atMs)).toEqual(times.toSorted((a, b) => a - b).slice(-SERIES_ANOMALIES_MOST));
  expect(part.anomaliesLeftOut).toBe(true);
});

test("the line is broken where nothing came for much longer than usual, also where the next point is in another part", () => {
  const span = drawnSpan(0, 99_999, 1_000);
  const series = new ThinnedSeries(span);
  for (let at = 0; at < 20_000; at += 500) series.add(at, 1);
  for (let at = 60_000; at < 80_000; at += 500) series.add(at, 2);
  const whole = series.part({ first: 0, last: 999 });
  const gaps = whole.atMs.filter((_, i) => whole.values[i] === null);
  expect(gaps).toEqual([(19_500 + 60_000) / 2]);
  const left = series.part({ first: 0, last: 300 });
  expect(left.values.at(-1)).toBeNull();
  // A slow sensor has no gaps.
  const slow = new ThinnedSeries(span);
  for (let at = 0; at < 99_000; at += 10_000) slow.add(at, 1);
  expect(slow.part({ first: 0, last: 999 }).values).not.toContain(null);
});

test("only the pixels that changed are sent again", () => {
  const series = new ThinnedSeries(drawnSpan(0, 999, 10));
  series.add(510, 1);
  series.add(730, 1);
  expect(series.changed).toEqual({ first: 5, last: 7 });
  series.part(series.changed);
  series.add(520, 1);
  expect(series.changed.last).toBeLessThan(series.changed.first);
  series.add(520, 2);
  expect(series.changed).toEqual({ first: 5, last: 5 });
});
