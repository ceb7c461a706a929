import { expect, test } from "bun:test";
import fc from "fast-check";
import { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../core/sensor.ts";
import { cases } from "../testing/needs.ts";
import { type KeptWindow, type OpenWindow, Windows } from "./aggregate.ts";
import { SensorWindow } from "./sensor-window.ts";
import { packWindow, unpackWindow, windowRows } from "./window-row.ts";

const SETTINGS = { lengthMs: 60_000, graceMs: 5_000, holdMs: 10_000, futureMs: 300_000, maxAccumulators: 1_000 };
const NOW = Date.UTC(2026, 10, 23, 12);

type Reading = { sensor: number; time: number; value: number | null; broken: boolean };

const packed = (state: SensorWindow) => packWindow({ sensors: new Map([["s", state]]) });

/** As the buffer gives it back. */
function repacked(state: SensorWindow): SensorWindow {
  const [sensor] = unpackWindow(Bun.gzipSync(packed(state))) ?? [];
  if (sensor?.sensorId !== "s") throw new Error("what was packed cannot be read");
  return sensor.state;
}

function harness(settings = SETTINGS) {
  const catalogue = new SensorCatalogue();
  const kept = new Map<number, KeptWindow>();
  const make = () =>
    new Windows(settings, catalogue, (start) => {
      const found = kept.get(start);
      if (found === undefined) return null;
      // A copy, as from text: what an open window adds must not be in what was kept.
      const sensors = found.sensors.map((s) => ({ ...s, state: repacked(s.state) }));
      return { ...found, sensors };
    });
  const sensor = (n: number) =>
    catalogue.internSensor(
      IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? `s${n}` : null)),
      ["t"],
    );
  const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  const block = (readings: readonly Reading[]) => {
    const made = new ReadingBlock(readings.length);
    for (const { sensor: n, time, value, broken } of readings) {
      const row = made.add(sensor(n), time, label);
      made.column(catalogue.slotOf("t"))[row] = value ?? Number.NaN;
      if (broken) {
        made.findings.set(row, [
          { rule: "r", severity: "info", reason: "", observed: null, limit: null, window: null },
        ]);
      }
    }
    return made;
  };
  return { catalogue, kept, make, block };
}

/** What issuing does to the buffer, in memory. */
function issue(windows: Windows, due: OpenWindow[], kept: Map<number, KeptWindow>, throughSeq: number): OpenWindow[] {
  for (const window of due) {
    const sensors = Array.from(window.sensors, ([sensorId, state]) => ({ sensorId, state: repacked(state) }));
    window.revision++;
    kept.set(window.startMs, { revision: window.revision, throughSeq, sensors });
  }
  windows.issued(due);
  return due;
}

const rowsOf = (window: OpenWindow, revision: number) =>
  windowRows(window, ["t"], {
    epoch: "e",
    nodeId: "n",
    agentVersion: "v",
    lengthMs: SETTINGS.lengthMs,
    revision,
  })
    .text.trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number | string | null>);

const reading: fc.Arbitrary<Reading> = fc.record({
  sensor: fc.integer({ min: 0, max: 2 }),
  time: fc.integer({ min: NOW - 400_000, max: NOW + 400_000 }),
  value: fc.option(fc.double({ min: -1e4, max: 1e4, noNaN: true })),
  broken: fc.boolean(),
});

test("the highest revision of each window equals a recomputation, for any order, cut and restart", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(reading, { minLength: 1, maxLength: 12 }), { maxLength: 12 }),
      fc.nat(),
      (commits, cut) => {
        const { kept, make, block } = harness();
        let windows = make();
        let seq = 1;
        let issuedThrough = 1;
        const blocks: [ReadingBlock, number][] = [];
        const last = new Map<string, Record<string, number | string | null>>();
        const out = (due: OpenWindow[]) => {
          for (const window of issue(windows, due, kept, seq - 1)) {
            for (const row of rowsOf(window, window.revision)) last.set(`${window.startMs} ${row["sensor_id"]}`, row);
          }
          issuedThrough = windows.dirtyFrom([], seq);
        };
        commits.forEach((commit, i) => {
          const made = block(commit);
          blocks.push([made, seq]);
          windows.add(made, seq, NOW + i * 4_000);
          seq += commit.length;
          out(windows.due(NOW + i * 4_000));
          if (i === cut % Math.max(1, commits.length)) {
            // A crash: memory is gone, the kept windows and the readings are not.
            windows = make();
            for (const [old, first] of blocks) if (first + old.count > issuedThrough) windows.add(old, first, NOW);
          }
        });
        out(windows.due(NOW, true));
        const all = commits.flat();
        const expected = Map.groupBy(all, (r) => `${Math.floor(r.time / 60_000) * 60_000} s${r.sensor}`);
        expect([...last.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [key, group] of expected) {
          const row = last.get(key)!;
          const valid = group.filter((r) => !r.broken);
          const values = valid.flatMap((r) => (r.value === null ? [] : [r.value]));
          expect(row["record_count"]).toBe(valid.length);
          expect(row["anomaly_count"]).toBe(group.length - valid.length);
          if (values.length === 0) expect(row["avg_t"]).toBeNull();
          else {
            const mean = values.reduce((a, b) => a + b, 0) / values.length;
            expect(Number(row["avg_t"])).toBeCloseTo(mean, 6);
            expect(row["min_t"]).toBe(Math.min(...values) + 0);
            expect(row["max_t"]).toBe(Math.max(...values) + 0);
            const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1);
            if (values.length > 1) expect(Number(row["stddev_t"])).toBeCloseTo(Math.sqrt(variance), 4);
            else expect(row["stddev_t"]).toBeNull();
          }
        }
      },
    ),
    { numRuns: cases(300) },
  );
});

test("a window goes out when the watermark passes its end and the grace, once", () => {
  const { make, block, kept } = harness();
  const windows = make();
  windows.add(block([{ sensor: 0, time: NOW, value: 1, broken: false }]), 1, NOW);
  expect(windows.due(NOW)).toEqual([]);
  windows.add(block([{ sensor: 0, time: NOW + 65_000, value: 1, broken: false }]), 2, NOW);
  expect(issue(windows, windows.due(NOW), kept, 2).map((w) => w.startMs)).toEqual([NOW]);
  expect(windows.due(NOW)).toEqual([]);
});

test("windows that have not gone out are counted: windows, their rows, and the first reading in them", () => {
  const { make, block, kept } = harness();
  const windows = make();
  expect(windows.waiting()).toEqual({ windows: 0, rows: 0, fromSeq: Number.POSITIVE_INFINITY });
  const at = (sensor: number, time: number) => ({ sensor, time, value: 1, broken: false });
  windows.add(block([at(0, NOW), at(1, NOW), at(0, NOW + 1), at(0, NOW + 60_000)]), 1, NOW);
  expect(windows.waiting()).toEqual({ windows: 2, rows: 3, fromSeq: 1 });
  windows.add(block([at(0, NOW + 65_000)]), 5, NOW);
  issue(windows, windows.due(NOW), kept, 5);
  expect(windows.waiting()).toEqual({ windows: 1, rows: 1, fromSeq: 4 });
});

test("a late reading re-issues its window with a higher revision, after the hold", () => {
  const { make, block, kept } = harness();
  const windows = make();
  windows.add(block([{ sensor: 0, time: NOW, value: 1, broken: false }]), 1, NOW);
  windows.add(block([{ sensor: 0, time: NOW + 65_000, value: 1, broken: false }]), 2, NOW + 65_000);
  issue(windows, windows.due(NOW + 65_000), kept, 2);
  windows.add(block([{ sensor: 0, time: NOW + 1, value: 3, broken: false }]), 3, NOW + 70_000);
  expect(windows.due(NOW + 70_000)).toEqual([]);
  const [again] = windows.due(NOW + 80_000);
  expect(again?.startMs).toBe(NOW);
  expect(rowsOf(again!, again!.revision + 1)[0]).toMatchObject({ revision: 1, record_count: 2, avg_t: 2 });
});

test("a reading from the future does not move the watermark, and still goes out", () => {
  const { make, block } = harness();
  const windows = make();
  const future = NOW + 86_400_000;
  windows.add(block([{ sensor: 0, time: NOW, value: 1, broken: false }]), 1, NOW);
  windows.add(block([{ sensor: 0, time: future, value: 1, broken: false }]), 2, NOW);
  expect(windows.watermarkMs).toBe(NOW);
  expect(windows.due(NOW).length).toBe(0);
  expect(windows.due(NOW + 10_000).map((w) => w.startMs)).toEqual([future]);
});

test("a clock that jumped back holds no window for ever", () => {
  const { make, block } = harness();
  const windows = make();
  windows.add(block([{ sensor: 0, time: NOW - 600_000, value: 1, broken: false }]), 1, NOW + 3_600_000);
  windows.add(block([{ sensor: 0, time: NOW - 500_000, value: 1, broken: false }]), 2, NOW + 3_600_000);
  expect(windows.due(NOW).length).toBe(2);
});

test("beyond the bound on accumulators the windows touched longest ago go out early", () => {
  const { make, block } = harness({ ...SETTINGS, maxAccumulators: 5 });
  const windows = make();
  for (let i = 0; i < 20; i++) {
    windows.add(block([{ sensor: 0, time: NOW + 400_000 + i * 60_000, value: 1, broken: false }]), i + 1, NOW + i);
  }
  expect(windows.due(NOW + 20).length).toBe(15);
});

test("a reading for a window whose accumulators were deleted enters no aggregate, and is counted once", () => {
  const catalogue = new SensorCatalogue();
  const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? "s" : null));
  const sensor = catalogue.internSensor(identity, ["t"]);
  const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  const windows = new Windows(SETTINGS, catalogue, (startMs) => (startMs < NOW ? { expiredThroughSeq: 1 } : null));
  const block = new ReadingBlock(4);
  for (const time of [NOW - 60_000, NOW, NOW - 30_000, NOW - 60_000]) block.add(sensor, time, label);
  windows.add(block, 1, NOW);
  // The first one went out, or was counted before.
  const startMs = NOW - 60_000;
  expect(windows.late()).toEqual([{ startMs, count: 2, throughSeq: 4 }]);
  windows.lateCounted();
  expect(windows.late()).toEqual([]);
  expect(windows.due(NOW, true).map((window) => window.startMs)).toEqual([NOW]);
});

test("accumulators that were changed after packing are refused, and a sum beyond a number is null as before", () => {
  const state = new SensorWindow();
  state.seen([0]);
  for (const value of [1.5e308, 1.5e308]) state.add(0, value);
  const row = (one: SensorWindow) =>
    JSON.parse(
      windowRows({ startMs: 0, sensors: new Map([["s", one]]) }, ["t"], {
        epoch: "e",
        nodeId: "n",
        agentVersion: "0",
        lengthMs: 60_000,
        revision: 1,
      }).text,
    );
  expect(row(repacked(state))).toEqual(row(state));
  const text = packed(state);
  const states = ["{", "null", "[]", "[1,2]", "[1,2,[[0,[1,2]]]]", "[1,2,[[64,[1,2,3,4,5,6]]]]", '["1",2,[]]'];
  states.push("[1,2,[[-1,[1,2,3,4,5,6]]]]", "[1,2,[null]]");
  const broken = ["", "{", "null", "[]", "[[]]", '[["s"]]', "[[1,[1,2,[]]]]", text.slice(0, -1), `${text}]`];
  broken.push(...states.map((one) => `[["s",${one}]]`));
  const bytes = broken.map((one) => Buffer.from(one));
  bytes.push(Buffer.from(Bun.gzipSync(text)).subarray(0, 30));
  expect(unpackWindow(Buffer.from(text))).toHaveLength(1);
  expect(bytes.map(unpackWindow)).toEqual(bytes.map(() => null));
});
