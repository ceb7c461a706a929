import { expect, test } from "bun:test";
import fc from "fast-check";
import { ByteWriter } from "../../core/bytes/bytes.ts";
import { ReadingText } from "../../core/bytes/reading-text.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { cases } from "../../testing/needs.ts";
import type { Taken } from "../source.ts";
import { parseSimulatorUri } from "./parameters.ts";
import { SimulatorSource } from "./simulator.ts";

const NOW = Date.UTC(2026, 5, 1, 12);
const never = () => {
  throw new Error("the clock was read");
};

function open(query: string, cursor: string | null = null, catalogue = new SensorCatalogue()) {
  const source = new SimulatorSource(parseSimulatorUri(`simulator:?${query}`), catalogue, cursor, never);
  return { source, catalogue };
}

/** The rows of a block as text. */
function linesOf(block: ReadingBlock, catalogue: SensorCatalogue): string {
  const writer = new ByteWriter(1024);
  const text = new ReadingText(catalogue);
  for (let row = 0; row < block.count; row++) {
    text.write(writer, block, row);
    writer.text("}\n");
  }
  return new TextDecoder().decode(writer.view());
}

/** All readings as text, taken in blocks of the given sizes in turn; with `restart`, by a new source for each block. */
function textOf(query: string, sizes: readonly number[], restart: boolean): string {
  let text = "";
  let cursor: string | null = null;
  let { source, catalogue } = open(query);
  for (let turn = 0; ; turn++) {
    if (restart && turn > 0) ({ source, catalogue } = open(query, cursor));
    const block = new ReadingBlock(sizes[turn % sizes.length]!);
    const { state } = source.take(block, NOW);
    text += linesOf(block, catalogue);
    cursor = source.cursor();
    if (state === "ended") return text;
  }
}

/** Takes once at `nowMs` into a new block. */
function takeAt(source: SimulatorSource, nowMs: number, capacity = 1_000): { taken: Taken; times: number[] } {
  const block = new ReadingBlock(capacity);
  const taken = source.take(block, nowMs);
  return { taken, times: [...block.time.subarray(0, block.count)] };
}

test("the same seed, start and count give the same bytes, in blocks of any size and resumed anywhere", () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(),
        sensors: fc.integer({ min: 1, max: 9 }),
        count: fc.integer({ min: 1, max: 400 }),
        rate: fc.constantFrom("max", "0.05", "3"),
        anomaly: fc.constantFrom(0, 0.3, 1),
        faults: fc.constantFrom(0, 0.2, 1),
        profile: fc.constantFrom("environmental", "wind-turbine"),
      }),
      fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 4 }),
      (given, sizes) => {
        const query = `${Object.entries(given)
          .map((pair) => pair.join("="))
          .join("&")}&start=2025-03-01`;
        const whole = textOf(query, [400], false);
        expect(whole.match(/\n/g)?.length).toBe(given.count);
        expect(textOf(query, sizes, false)).toBe(whole);
        expect(textOf(query, sizes, true)).toBe(whole);
      },
    ),
    { numRuns: cases(60) },
  );
});

test("another seed gives other sensors and other values", () => {
  const ids = (seed: number) =>
    open(`seed=${seed}&sensors=200`)
      .catalogue.sensors.slice(1)
      .map((s) => s.identity[0]);
  expect(new Set([...ids(1), ...ids(2)]).size).toBe(400);
  expect(textOf("seed=1&count=5&start=2026-01-01", [9], false)).not.toBe(
    textOf("seed=2&count=5&start=2026-01-01", [9], false),
  );
});

test("every sensor has all sixteen identity columns, and many sensors differ in model, firmware and site", () => {
  for (const profile of ["environmental", "wind-turbine"]) {
    const sensors = open(`sensors=60&profile=${profile}`).catalogue.sensors.slice(1);
    expect(sensors.flatMap((sensor) => sensor.identity).filter((value) => value === null || value === "")).toEqual([]);
    const different = (column: (typeof IDENTITY_COLUMNS)[number]) =>
      new Set(sensors.map((sensor) => sensor.identity[IDENTITY_COLUMNS.indexOf(column)])).size;
    expect(different("sensor_id")).toBe(60);
    for (const column of ["model", "firmware_version", "location", "deployment_type"] as const) {
      expect(different(column)).toBeGreaterThan(1);
      expect(different(column)).toBeLessThan(20);
    }
    expect(different("sensor_type")).toBe(1);
  }
});

test("a paced simulation gives the readings that are due, with the times at which they were due, and says when the next one is due", () => {
  const { source } = open("sensors=4&rate=2");
  expect(takeAt(source, NOW)).toEqual({ taken: { state: "idle", wakeAtMs: NOW + 125 }, times: [NOW] });
  expect(takeAt(source, NOW + 124).times).toEqual([]);
  const later = takeAt(source, NOW + 400);
  expect(later.times).toEqual([NOW + 125, NOW + 250, NOW + 375]);
  expect(later.taken).toEqual({ state: "idle", wakeAtMs: NOW + 500 });
});

test("a fast simulation wakes for several readings at once, and none is missing", () => {
  const { source } = open("sensors=3&rate=997");
  expect(takeAt(source, NOW).taken).toEqual({ state: "idle", wakeAtMs: NOW + 20 });
  let rows = 0;
  for (let ms = 20; ms <= 1_000; ms += 20) rows += takeAt(source, NOW + ms).times.length;
  expect(rows).toBe(3 * 997);
});

test("after a full block the rest comes at once", () => {
  const { source } = open("sensors=1&rate=10");
  takeAt(source, NOW);
  expect(takeAt(source, NOW + 1_000, 4).taken).toEqual({ state: "more" });
  expect(takeAt(source, NOW + 1_000, 4).times.length).toBe(4);
  expect(takeAt(source, NOW + 1_000, 4)).toEqual({
    taken: { state: "idle", wakeAtMs: NOW + 1_100 },
    times: [NOW + 900, NOW + 1_000],
  });
});

test("after a gap it continues from now and does not replay the gap", () => {
  const { source } = open("sensors=1&rate=1");
  takeAt(source, NOW);
  const restarted = open("sensors=1&rate=1", source.cursor()).source;
  const day = 86_400_000;
  expect(takeAt(restarted, NOW + day).times).toEqual([NOW + day]);
  expect(takeAt(restarted, NOW + day + 1_000).times).toEqual([NOW + day + 1_000]);
});

test("a short stall is caught up", () => {
  const { source } = open("sensors=1&rate=1");
  takeAt(source, NOW);
  expect(takeAt(source, NOW + 4_000).times.length).toBe(4);
});

test("with a start it gives everything since then at once, and then paces itself", () => {
  const { source } = open(`sensors=1&rate=1&start=${new Date(NOW - 60_000).toISOString()}`);
  const all = takeAt(source, NOW);
  expect(all.times.length).toBe(61);
  expect(all.times[0]).toBe(NOW - 60_000);
  expect(all.taken).toEqual({ state: "idle", wakeAtMs: NOW + 1_000 });
  const early = open(`sensors=1&start=${new Date(NOW + 5_000).toISOString()}`).source;
  expect(takeAt(early, NOW).taken).toEqual({ state: "idle", wakeAtMs: NOW + 5_000 });
});

test("a clock that jumps neither stalls nor floods it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -10_000_000_000, max: 10_000_000_000 }), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (jumps, fixed) => {
        const { source } = open(`sensors=2&rate=1${fixed ? "&start=2026-06-01T11:00" : ""}`);
        let now = NOW;
        const drain = () => {
          for (let turns = 0; turns < 100; turns++) {
            const { taken } = takeAt(source, now);
            if (taken.state === "idle") return taken.wakeAtMs!;
          }
          throw new Error("it never gets idle");
        };
        drain();
        for (const jump of jumps) {
          // Forwards with a start, all of the jump is replayed: that is asked for, and slow to test.
          now += fixed ? -Math.abs(jump) : jump;
          expect(drain() - now).toBeLessThanOrEqual(6_000);
          now += 10_000;
          expect(takeAt(source, now).times.length).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: cases(30) },
  );
});

test("rate=max advances by a second a sensor and, counted, ends about now; the cursor remembers the start", () => {
  const { source } = open("sensors=2&rate=max&count=10");
  expect(source.cursor()).toBeNull();
  const first = takeAt(source, NOW, 4);
  expect(first).toEqual({
    taken: { state: "more" },
    times: [NOW - 5_000, NOW - 4_500, NOW - 4_000, NOW - 3_500],
  });
  const restarted = open("sensors=2&rate=max&count=10", source.cursor()).source;
  const rest = takeAt(restarted, NOW + 86_400_000);
  expect(rest.taken).toEqual({ state: "ended" });
  expect(rest.times.at(-1)).toBe(NOW - 500);
  expect(takeAt(restarted, NOW)).toEqual({ taken: { state: "ended" }, times: [] });
});

test("rows never hold what another source left in the block", () => {
  const catalogue = new SensorCatalogue();
  const foreign = catalogue.slotOf("co2");
  const { source } = open("count=3&rate=max", null, catalogue);
  const block = new ReadingBlock(4);
  block.column(foreign).fill(400);
  block.add(0, NOW, 0);
  source.take(block, NOW);
  expect(block.count).toBe(4);
  expect([...block.column(foreign).subarray(1)]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
});

test("a cursor that it did not write is refused", () => {
  for (const cursor of ["", "{}", "7", '{"next":-1,"start":0}', '{"next":1.5,"start":0}', "null"]) {
    expect(() => open("", cursor)).toThrow(/^Cannot resume "simulator:\?": its cursor/);
  }
});

test("faults of time make exact duplicates, late readings, readings out of order and wrong clocks", () => {
  const { source, catalogue } = open("sensors=1&rate=max&count=20000&faults=0.08&anomaly=0&start=2026-01-01");
  const block = new ReadingBlock(20_000);
  source.take(block, NOW);
  const lines = linesOf(block, catalogue).trim().split("\n");
  const start = Date.UTC(2026, 0, 1);
  const seen = { duplicate: 0, outOfOrder: 0, late: 0, clock: 0 };
  lines.forEach((line, i) => {
    const behind = start + i * 1_000 - block.time[i]!;
    if (line === lines[i - 1]) seen.duplicate++;
    else if (behind === 1_500) seen.outOfOrder++;
    else if (behind > 1_500 && behind <= 601_000 && behind !== 90_000) seen.late++;
    else if (behind !== 0) seen.clock++;
  });
  for (const count of Object.values(seen)) expect(Math.abs(count / 20_000 - 0.02)).toBeLessThan(0.006);
  const orderly = lines.filter((_, i) => block.time[i] === start + i * 1_000).length;
  expect(Math.abs(orderly / 20_000 - 0.92)).toBeLessThan(0.01);
});
