import { afterEach, expect, test } from "bun:test";
import fc from "fast-check";
import { cases, testWith } from "../../testing/needs.ts";
import type { SeriesAnswer } from "../wire.ts";
import { History } from "./history.ts";
import { drawnSpan, pixelOf } from "./thinned-series.ts";
import { seriesNames, WatchedColumns } from "./watched-series.ts";
import { WrittenBuffer, type WrittenReading } from "./written-buffer.suite.ts";

/** Of the clocks of sensors, which may be that far ahead. */
const AHEAD_MS = 60_000;
const START = Date.UTC(2026, 10, 23, 8);
const RULES = new Map([
  ["about-t", ["t"]],
  ["about-h", ["h"]],
  ["about-all", []],
]);
const KEYS = ["a\0t", "a\0h", "b\0t", "none\0t", "a\0none"];
let written: WrittenBuffer | null = null;
afterEach(() => {
  written?.close();
  written = null;
});

/** As the page does: a part replaces what earlier ones said of its time. */
type Drawn = Map<
  string,
  { points: (readonly [number, number])[]; anomalies: { atMs: number; rules: readonly string[] }[] }
>;
function merge(drawn: Drawn, { series, fromMs, toMs }: SeriesAnswer): void {
  for (const [key, part] of Object.entries(series)) {
    const before = drawn.get(key) ?? { points: [], anomalies: [] };
    const isOutside = (at: number) => at < fromMs || at >= toMs;
    const points = part.atMs.flatMap((at, i): [number, number][] => {
      const value = part.values[i] ?? null;
      return value === null ? [] : [[at, value]];
    });
    for (const [at] of points) expect(isOutside(at)).toBe(false);
    drawn.set(key, {
      points: [...before.points.filter(([at]) => isOutside(at)), ...points].sort(([a], [b]) => a - b),
      anomalies: [...before.anomalies.filter(({ atMs }) => isOutside(atMs)), ...part.anomalies],
    });
  }
}

function readAll(of: WrittenBuffer, span: ReturnType<typeof drawnSpan>): { drawn: Drawn; last: SeriesAnswer } {
  const names = seriesNames(KEYS);
  if (typeof names === "string") throw new Error(names);
  const columns = new WatchedColumns(names, of.buffer.catalogue);
  let clock = 0;
  // Each look seems to take long, so that steps are as small as they get.
  const running = () => (clock += 50);
  const history = new History({ buffer: of.buffer, columns, span, sinceMs: span.fromMs, rules: RULES, running });
  const drawn: Drawn = new Map();
  let last: SeriesAnswer | null = null;
  while (!history.isDone) {
    history.step();
    const answer = history.answer();
    if (answer === null) continue;
    expect(last?.isWhole).not.toBe(true);
    merge(drawn, answer);
    last = answer;
  }
  if (last === null) throw new Error("no answer");
  return { drawn, last };
}

const reading = fc.record({
  sensor: fc.constantFrom("a", "b", "c"),
  /** Against its commit: mostly a little late, sometimes very, sometimes ahead. */
  late: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: -AHEAD_MS, max: 4_000_000 })),
  t: fc.option(fc.integer({ min: -20, max: 20 })),
  h: fc.option(fc.integer({ min: -20, max: 20 })),
  broke: fc.subarray(["about-t", "about-h", "about-all", "t-of-old-rules"]),
});
const commits = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 120_000 }),
    readings: fc.array(reading, { minLength: 1, maxLength: 40 }),
  }),
  { minLength: 1, maxLength: 60 },
);

testWith("time")(
  "the history of some series equals that of a plain model, whatever came late",
  () => {
    fc.assert(
      fc.property(
        commits,
        fc.integer({ min: -1_000_000, max: 3_000_000 }),
        fc.integer({ min: 0, max: 3_000_000 }),
        fc.integer({ min: 1, max: 300 }),
        (all, from, length, pixels) => {
          const of = new WrittenBuffer(["t", "h"]);
          try {
            const known: WrittenReading[] = [];
            let now = START;
            for (const { afterMs, readings } of all) {
              now += afterMs;
              const rows = readings.map(({ sensor, late, t, h, broke }): WrittenReading => {
                const values = { ...(t !== null && { t }), ...(h !== null && { h }) };
                return { sensor, at: now - late, values, broke };
              });
              known.push(...rows);
              of.commit(now, rows);
            }
            const span = drawnSpan(START + from, START + from + length, pixels);
            const { drawn, last } = readAll(of, span);
            expect(last.isWhole).toBe(true);
            for (const key of KEYS) expectAsModelled(drawn, key, known, span);
          } finally {
            of.close();
          }
        },
      ),
      { numRuns: cases(60) },
    );
  },
  120_000,
);

function expectAsModelled(
  drawn: Drawn,
  key: string,
  known: readonly WrittenReading[],
  span: ReturnType<typeof drawnSpan>,
): void {
  const [sensorId, measure = ""] = key.split("\0");
  const own = known.filter(({ sensor, at }) => sensor === sensorId && at >= span.fromMs && at <= span.toMs);
  const { points, anomalies } = drawn.get(key) ?? { points: [], anomalies: [] };
  const byPixel = Map.groupBy(
    own.filter(({ values }) => values[measure] !== undefined),
    ({ at }) => pixelOf(span, at),
  );
  const drawnByPixel = Map.groupBy(points, ([at]) => pixelOf(span, at));
  expect([...drawnByPixel.keys()].sort()).toEqual([...byPixel.keys()].sort());
  for (const [pixel, readings] of byPixel) {
    const values = readings.map((one) => Number(one.values[measure]));
    const shown = drawnByPixel.get(pixel)?.map(([, value]) => value) ?? [];
    expect([Math.min(...shown), Math.max(...shown)]).toEqual([Math.min(...values), Math.max(...values)]);
  }
  if (sensorId === "none" || measure === "none") return;
  const concerned = own.flatMap(({ at, broke = [] }) => {
    const about = broke.filter((rule) => rule === `about-${measure}` || rule === "about-all");
    return about.length > 0 ? [{ atMs: at, rules: about }] : [];
  });
  const plain = (list: readonly { atMs: number; rules: readonly string[] }[]) =>
    list.map(({ atMs, rules }) => `${atMs} ${[...rules].sort()}`).sort();
  expect(plain(anomalies)).toEqual(plain(concerned));
}

test("the newest part comes first, and each step says how much is done", () => {
  written = new WrittenBuffer(["t", "h"]);
  for (let i = 0; i < 60; i++) {
    const at = START + i * 60_000;
    const readings = Array.from({ length: 60 }, (_, k) => ({
      sensor: "a",
      at: at - 59_000 + k * 1_000,
      values: { t: k },
    }));
    written.commit(at, readings);
  }
  const names = seriesNames(["a\0t"]);
  if (typeof names === "string") throw new Error(names);
  const columns = new WatchedColumns(names, written.buffer.catalogue);
  const span = drawnSpan(START, START + 3_600_000, 600);
  let clock = 0;
  const history = new History({
    buffer: written.buffer,
    columns,
    span,
    sinceMs: span.fromMs,
    rules: RULES,
    running: () => (clock += 50),
  });
  const answers: SeriesAnswer[] = [];
  while (!history.isDone) {
    history.step();
    const answer = history.answer();
    if (answer !== null) answers.push(answer);
  }
  expect(answers.length).toBeGreaterThan(3);
  const starts = answers.map(({ fromMs }) => fromMs);
  expect(starts).toEqual(starts.toSorted((a, b) => b - a));
  const shares = answers.map(({ doneShare }) => doneShare);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(answers.map(({ isWhole }) => isWhole)).toEqual([...answers.slice(1).map(() => false), true]);
});

test("a span before and behind everything is whole and empty; so is an empty buffer", () => {
  written = new WrittenBuffer(["t", "h"]);
  for (const from of [START - 10_000_000, START + 10_000_000]) {
    const { last, drawn } = readAll(written, drawnSpan(from, from + 1_000, 100));
    expect([last.isWhole, drawn.get("a\0t")?.points]).toEqual([true, []]);
  }
  written.commit(START, [{ sensor: "a", at: START, values: { t: 1 } }]);
  const { last, drawn } = readAll(written, drawnSpan(START + 10_000_000, START + 10_001_000, 100));
  expect([last.isWhole, drawn.get("a\0t")?.points]).toEqual([true, []]);
});
