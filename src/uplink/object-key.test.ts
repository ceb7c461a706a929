import { expect, test } from "bun:test";
import fc from "fast-check";
import { safeNodeId } from "../core/node-id.ts";
import { parseKey, type ReadingKey, readingKey, readKey, type WindowKey, windowKey } from "./object-key.ts";

const HOUR = 3_600_000;
const EPOCH = "01jdb3z8k6v0q2w4e6r8t0y1x3";
const hours = fc.integer({ min: 0, max: 8.64e15 / HOUR - 1 }).map((n) => n * HOUR);
const anyTime = fc.date({ noInvalidDate: true }).map((date) => date.getTime());
const nodes = fc.string({ unit: "binary", maxLength: 90 }).map(safeNodeId);
const epochs = fc.stringMatching(/^[0-9a-hjkmnp-tv-z]{26}$/);
const seqs = fc.maxSafeInteger().map(Math.abs);

const readingKeys: fc.Arbitrary<ReadingKey> = fc
  .record({
    hourMs: hours,
    node: nodes,
    epoch: epochs,
    a: seqs,
    b: seqs,
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ hourMs, node, epoch, a, b, share }) => {
    const first = Math.min(a, b);
    const last = Math.max(a, b);
    return { hourMs, node, epoch, first, last, count: Math.floor((last - first) * share) };
  });
const windowKeys: fc.Arbitrary<WindowKey> = fc.record({
  windowStartMs: fc.oneof(
    anyTime,
    fc.integer({ min: 0, max: 4e9 }).map((s) => s * 1000),
  ),
  node: nodes,
  epoch: epochs,
  revision: fc.nat(),
  count: fc.nat(),
});

test("the key of readings names hour, node, epoch, range and count", () => {
  const of = { hourMs: Date.UTC(2026, 10, 23, 8), node: "pump-7", epoch: EPOCH, first: 1, last: 1000, count: 998 };
  expect(readingKey(of)).toBe(`date=2026-11-23/hour=08/pump-7/${EPOCH}.000000000001-000000001000.998.json.gz`);
});

test("the key of a window names its start, revision and count, and has no dot for milliseconds", () => {
  const of = { windowStartMs: Date.UTC(2026, 10, 23, 8), node: "pump-7", epoch: EPOCH, revision: 2, count: 5 };
  expect(windowKey(of)).toBe(`date=2026-11-23/hour=08/pump-7/${EPOCH}.20261123T080000Z.r2.5.json.gz`);
  expect(windowKey({ ...of, windowStartMs: of.windowStartMs + 500 })).toContain(`.20261123T080000500Z.r2.5.`);
});

test("a key may be of a whole day; gathered windows are read by their issue numbers; nothing near to them is", () => {
  const of = { hourMs: Date.UTC(2026, 10, 23), node: "pump-7", epoch: EPOCH, first: 1, last: 1000, count: 998 };
  const day = readingKey({ ...of, isDay: true });
  expect(day).toBe(`date=2026-11-23/hour=all/pump-7/${EPOCH}.000000000001-000000001000.998.json.gz`);
  expect(parseKey("raw", day)).toEqual({ kind: "readings", ...of, isDay: true });
  expect(readKey("raw", day)).toEqual({ endMs: of.hourMs + 24 * HOUR, count: 998 });
  expect(readKey("raw", readingKey(of))).toEqual({ endMs: of.hourMs + HOUR, count: 998 });
  // Two issues of windows of many sensors.
  const gathered = day.replace("1000.998", "0002.998");
  expect(readKey("aggregated", gathered)).toEqual({ endMs: of.hourMs + 24 * HOUR, count: 998 });
  expect(readKey("aggregated", gathered.replace("hour=all", "hour=08"))?.endMs).toBe(of.hourMs + 9 * HOUR);
  const window = windowKey({ windowStartMs: of.hourMs, node: "n", epoch: EPOCH, revision: 0, count: 1 });
  expect(readKey("aggregated", window)).toEqual({ endMs: of.hourMs + HOUR, count: 1 });
  const near = [
    `archive/${day}`,
    day.replace("11-23", "13-23"),
    day.replace("11-23", "02-30"),
    day.replace(".998.", ".0998."),
    day.replace("000000000001-", "000000002000-"),
    day.replace("/pump-7/", "/pump-7/more/"),
    day.replace("hour=all", "hour=24"),
    day.replace("hour=all", "hour="),
    day.replace(".json.gz", ".json"),
  ];
  for (const key of near) expect([key, readKey("raw", key), readKey("aggregated", key)]).toEqual([key, null, null]);
  for (const key of [gathered, window.replace("hour=00", "hour=all")]) expect(readKey("raw", key)).toBeNull();
  expect(readKey("aggregated", window.replace("hour=00", "hour=all"))).toBeNull();
});

test("a key is read back as it was written", () => {
  fc.assert(
    fc.property(readingKeys, (of) => {
      expect(parseKey("raw", readingKey(of))).toEqual({ kind: "readings", ...of });
    }),
  );
  fc.assert(
    fc.property(windowKeys, (of) => {
      expect(parseKey("aggregated", windowKey(of))).toEqual({ kind: "window", ...of });
    }),
  );
});

test("any time within the hour gives the hour's key", () => {
  fc.assert(
    fc.property(readingKeys, fc.nat(HOUR - 1), (of, ms) => {
      expect(readingKey({ ...of, hourMs: of.hourMs + ms })).toBe(readingKey(of));
    }),
  );
});

test("within a node and an epoch keys sort as their hours and ranges do", () => {
  const order = fc.record({ hourMs: fc.nat(100_000).map((n) => n * HOUR), first: fc.nat(), size: fc.nat(1000) });
  fc.assert(
    fc.property(fc.array(order, { maxLength: 30 }), (list) => {
      const of = list.map(({ hourMs, first, size }) => ({
        hourMs,
        first,
        last: first + size,
        node: "n",
        epoch: "e",
        count: 1,
      }));
      const byValue = [...of].sort((a, b) => a.hourMs - b.hourMs || a.first - b.first || a.last - b.last);
      expect(of.map(readingKey).sort()).toEqual(byValue.map(readingKey));
    }),
  );
});

test("a key that is not exactly ours is null, never a guess", () => {
  const ours = `date=2026-11-23/hour=08/pump-7/${EPOCH}.000000000001-000000001000.998.json.gz`;
  const window = `date=2026-11-23/hour=08/pump-7/${EPOCH}.20261123T080000Z.r2.5.json.gz`;
  const foreign = [
    "",
    "readme.txt",
    ours.replace("hour=08", "hour=8"),
    ours.replace("hour=08", "hour=24"),
    ours.replace("2026-11-23", "2026-02-30"),
    ours.replace("2026-11-23", "2026-13-01"),
    ours.replace("000000000001-", "1-"),
    ours.replace("000000000001-", "0000000000001-"),
    ours.replace("000000000001-", "000000002000-"),
    ours.replace(".998.", ".1001."),
    ours.replace(".998.", ".0998."),
    ours.replace(".json.gz", ".json"),
    ours.replace("pump-7", "pump/7"),
    `${ours}.tmp`,
    `x/${ours}`,
  ];
  for (const key of foreign) expect({ key, parsed: parseKey("raw", key) }).toEqual({ key, parsed: null });
  for (const key of [
    window.replace("T080000Z", "T090000Z"),
    window.replace("T080000Z", "T080000000Z"),
    window.replace(".r2.", ".r02."),
    window.replace("1123T", "1131T"),
  ]) {
    expect({ key, parsed: parseKey("aggregated", key) }).toEqual({ key, parsed: null });
  }
  expect(parseKey("raw", window)).toBeNull();
  expect(parseKey("aggregated", ours)).toBeNull();
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => parseKey("raw", text) === null));
});
