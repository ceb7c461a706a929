import { afterEach, expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { brokenInMemory, brokenStored } from "../episodes/broken-readings.ts";
import { seriesNames, WatchedColumns } from "../series/watched-series.ts";
import { WrittenBuffer, type WrittenReading } from "../series/written-buffer.suite.ts";
import { LastSeen } from "./last-seen.ts";
import { LIVE_POINTS_MOST, LivePointsReader, thinPoints } from "./live-points.ts";

const START = Date.UTC(2026, 10, 23, 8);
let open: WrittenBuffer[] = [];
afterEach(() => {
  for (const one of open) one.close();
  open = [];
});
function written(recentRows: number): WrittenBuffer {
  const made = new WrittenBuffer(["t", "h"], recentRows);
  open.push(made);
  return made;
}

const RULES = new Map([["about-t", ["t"]]]);
function readings(count: number): WrittenReading[] {
  return Array.from({ length: count }, (_, i): WrittenReading => {
    const sensor = ["a", "b", "c"][i % 3] ?? "";
    if (i % 17 === 0) return { sensor, at: START + i, values: {}, isMalformed: true };
    const values = i % 5 === 0 ? { h: i } : { t: i, h: -i };
    return { sensor, at: START + i * 10, values, broke: i % 7 === 0 ? ["about-t", "other"] : [] };
  });
}
function columnsOf({ buffer }: WrittenBuffer): WatchedColumns {
  const names = seriesNames(["a\0t", "b\0h", "none\0t"]);
  if (typeof names === "string") throw new Error(names);
  return new WatchedColumns(names, buffer.catalogue);
}

test("points and broken readings are the same from memory and from the database", () => {
  const [kept, stored] = [written(10_000), written(1)];
  for (const one of [kept, stored]) {
    for (let i = 0; i < 300; i += 50) one.commit(START + i, readings(300).slice(i, i + 50));
  }
  const range = { first: 31, last: 222 };
  const [inMemory, inDatabase] = [kept, stored].map((one) => {
    const reader = new LivePointsReader(columnsOf(one));
    reader.read(one.buffer, range, RULES);
    return Object.fromEntries(reader.take());
  });
  expect(kept.buffer.recent.cover(range)).not.toBeNull();
  expect(stored.buffer.recent.cover(range)).toBeNull();
  expect(inMemory).toEqual(inDatabase ?? {});
  expect(inMemory?.["a\0t"]?.anomalies.length).toBeGreaterThan(3);
  expect(Object.keys(inMemory ?? {})).toEqual(["a\0t", "b\0h"]);

  const blocks = kept.buffer.recent.cover(range) ?? [];
  const fromMemory = [...brokenInMemory(blocks, range, kept.buffer.catalogue)];
  const bySeq = (list: typeof fromMemory) => list.toSorted((a, b) => a.seq - b.seq);
  const all: typeof fromMemory = [];
  for (let left: typeof range | null = range; left !== null; ) {
    const { readings: some, next } = brokenStored(stored.buffer, left, 4);
    all.push(...some);
    left = next;
  }
  expect(bySeq(all)).toEqual(bySeq(fromMemory));
  expect(all.some(({ sensorId, findings }) => sensorId === "" && findings[0]?.rule === "malformed")).toBe(true);
});

test("of many points of an event few are sent, with the least and the greatest value, oldest first", () => {
  const points = fc.array(fc.record({ atMs: fc.nat(5_000), value: fc.integer({ min: -99, max: 99 }) }), {
    minLength: 1,
    maxLength: 400,
  });
  fc.assert(
    fc.property(points, (all) => {
      const thin = thinPoints(all, LIVE_POINTS_MOST);
      expect(thin.length).toBeLessThanOrEqual(Math.min(all.length, LIVE_POINTS_MOST));
      const values = (list: readonly { value: number }[]) => list.map(({ value }) => value);
      expect([Math.min(...values(thin)), Math.max(...values(thin))]).toEqual([
        Math.min(...values(all)),
        Math.max(...values(all)),
      ]);
      expect(thin.map(({ atMs }) => atMs)).toEqual(thin.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
    }),
    { numRuns: cases(500) },
  );
});

test("a sensor whose first reading comes later is watched from then on", () => {
  const one = written(10_000);
  one.commit(START, [{ sensor: "x", at: START, values: { t: 1 } }]);
  const reader = new LivePointsReader(columnsOf(one));
  one.commit(START, [{ sensor: "a", at: START + 5, values: { t: 7 } }]);
  reader.read(one.buffer, { first: 1, last: 2 }, RULES);
  expect(reader.take().get("a\0t")).toEqual({ atMs: [START + 5], values: [7], anomalies: [] });
  expect(reader.take().size).toBe(0);
});

test("the last time of each sensor is found, however long ago that was, and a later look only takes what is new", () => {
  const one = written(1);
  one.commit(START, [{ sensor: "old", at: START - 5_000, values: { t: 1 } }]);
  for (let i = 0; i < 25_000; i += 1_000) {
    one.commit(
      START,
      Array.from({ length: 1_000 }, (_, k) => ({ sensor: "busy", at: START + i + k, values: { t: 1 } })),
    );
  }
  const lastSeen = new LastSeen(one.buffer);
  const times = () => {
    const looks = [...lastSeen.look(START + 60_000)].length;
    const found = one.buffer.catalogue.interned.slice(1).map(({ handle }) => (lastSeen.times.get(handle) ?? 0) - START);
    return { looks, found };
  };
  expect(times()).toEqual({ looks: 5, found: [-5_000, 24_999] });
  one.commit(START, [{ sensor: "busy", at: START + 10, values: { t: 1 } }]);
  one.commit(START, [{ sensor: "new", at: START + 20, values: { t: 1 } }]);
  expect(times().found).toEqual([-5_000, 24_999, 20]);
});
