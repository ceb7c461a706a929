/** `wide`: rows of one quantity each become readings of several. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { readLines } from "../../testing/mapped-lines.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";

const T = "2026-01-01T00:00:00.000Z";
const LATER = "2026-01-01T00:00:10.000Z";
const HOME = {
  where: { field: "entity_id", like: ["sensor.*_temperature", "sensor.*_humidity"] },
  extract: { entity_id: ["sensor.{room}_temperature", "sensor.{room}_humidity"] },
  wide: { name: "entity_id", value: "state", within: "2s" },
  fields: {
    room: "sensor_id",
    "sensor.kitchen_temperature": "temperature",
    "sensor.kitchen_humidity": "humidity",
    at: "timestamp",
  },
  text_numbers: true,
  absent: ["unavailable", "unknown"],
  only: "mapped",
  drop: "rest",
};
const state = (id: string, value: unknown, at: string) => JSON.stringify({ entity_id: id, state: value, at });

test("rows of one sensor and time become one reading, whatever stands between them", () => {
  const map = {
    wide: { name: "quantity", value: "v" },
    fields: { id: "sensor_id", t: "timestamp", T: "temperature", RH: "humidity" },
  };
  const lines = [
    { id: "a", t: T, quantity: "T", v: 20.5, site: "north" },
    { id: "b", t: T, quantity: "T", v: 7 },
    { id: "a", t: T, quantity: "RH", v: 40.0, site: "north" },
    { id: "a", t: T, quantity: "dust", v: 12345678901234567890n },
    { id: "a", t: LATER, quantity: "RH", v: 41 },
  ].map((row) =>
    JSON.stringify(row, (_, value) => (typeof value === "bigint" ? "@" : value)).replace('"@"', "12345678901234567890"),
  );
  expect(readLines(map, lines).readings).toEqual([
    {
      sensor_id: "a",
      timestamp: T,
      temperature: 20.5,
      humidity: 40,
      extra: '{"site":"north","dust":12345678901234567890}',
    },
    { sensor_id: "b", timestamp: T, temperature: 7 },
    { sensor_id: "a", timestamp: LATER, humidity: 41 },
  ]);
});

test("a recorder of a home: entities become measures of a room; what is unknown is no value, what is not wanted is left out", () => {
  const lines = [
    state("sensor.kitchen_temperature", "21.5", T),
    state("light.hall", "on", T),
    state("sensor.kitchen_humidity", "45", "2026-01-01T00:00:01.500Z"),
    state("sensor.kitchen_temperature", "unavailable", LATER),
    state("sensor.kitchen_humidity", "46", LATER),
  ];
  const { readings, filtered } = readLines(HOME, lines);
  expect(filtered).toBe(1);
  expect(readings).toEqual([
    { sensor_id: "kitchen", timestamp: T, temperature: 21.5, humidity: 45 },
    { sensor_id: "kitchen", timestamp: LATER, humidity: 46 },
  ]);
});

test("many rooms need two names and no list: the part with * is as long as it can be", () => {
  const { where, fields, ...rest } = HOME;
  const map = {
    ...rest,
    extract: { entity_id: "sensor.{room*}_{quantity}" },
    wide: { name: "quantity", value: "state" },
    fields: { room: "sensor_id", at: "timestamp", temperature: "temperature", humidity: "humidity" },
  };
  expect(
    readLines(map, [state("sensor.living_room_temperature", "20", T), state("sensor.living_room_humidity", "50", T)])
      .readings,
  ).toEqual([{ sensor_id: "living_room", timestamp: T, temperature: 20, humidity: 50 }]);
});

test("a second value of one quantity is of the next reading, and a row that cannot be one is malformed alone", () => {
  const map = {
    wide: { name: "q", value: "v", within: "1m" },
    fields: { id: "sensor_id", t: "timestamp" },
  };
  const lines = [
    { id: "a", t: T, q: "temperature", v: 20 },
    { id: "a", t: T, q: "humidity", v: "wet" },
    { id: "a", t: T, q: 7, v: 1 },
    { id: "a", t: T, v: 1 },
    { id: "a", t: T, q: "pressure" },
    { t: T, q: "pressure", v: 1 },
    { id: "a", t: LATER, q: "temperature", v: 21 },
    { id: "a", t: LATER, q: "humidity", v: 50 },
  ].map((row) => JSON.stringify(row));
  const { readings } = readLines(map, lines);
  expect(readings.filter((row) => !("malformed" in row))).toEqual([
    { sensor_id: "a", timestamp: T, temperature: 20 },
    { sensor_id: "a", timestamp: LATER, temperature: 21, humidity: 50 },
  ]);
  expect(readings.flatMap((row) => row["malformed"] ?? [])).toEqual([
    'wrong_type: humidity is text "wet", a number was expected',
    "wrong_type: q is no text, and the map's \"wide\" takes a quantity's name from it",
    'missing_field: q is missing, and the map\'s "wide" needs it',
    'missing_field: v is missing, and the map\'s "wide" needs it',
    "missing_field: id is missing",
  ]);
});

test("any rows, stopped anywhere and continued from the first row of the open set, give the same readings", () => {
  const profile = loadProfile("environmental");
  const map = JSON.stringify({
    wide: { name: "q", value: "v", within: "1s" },
    fields: { id: "sensor_id", t: "timestamp" },
  });
  const rows = fc.array(
    fc.record({
      id: fc.constantFrom("a", "b", "c"),
      t: fc.integer({ min: 0, max: 40 }).map((tenth) => new Date(Date.UTC(2026, 0, 1) + tenth * 500).toISOString()),
      q: fc.constantFrom("temperature", "humidity", "pressure", "dust"),
      v: fc.integer({ min: 0, max: 99 }),
    }),
    { maxLength: 60 },
  );
  const reader = () => {
    const catalogue = new SensorCatalogue();
    const normalizer = new Normalizer({ catalogue, profile, mapping: parseMapping(map, "map.json", [profile]) });
    return { catalogue, normalizer };
  };
  const original = (row: object) => ({
    received: () => ({ received: "", encoding: "utf8", bytes: 0 }) as const,
    textOf: (name: string) => JSON.stringify(Object(row)[name]),
  });
  const shown = (block: ReadingBlock, catalogue: SensorCatalogue) =>
    readingsOf(block, catalogue).map((each) => JSON.stringify(each));
  fc.assert(
    fc.property(rows, fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 10 }), (all, lives) => {
      const whole = reader();
      const expected = new ReadingBlock(200);
      for (const row of all) whole.normalizer.addRecord(expected, row, 0, original(row));
      whole.normalizer.wide?.flush(expected);
      const taken: string[] = [];
      let from = 0;
      for (const life of [...lives, 1_000]) {
        const { catalogue, normalizer } = reader();
        const block = new ReadingBlock(1);
        let held = from;
        for (let at = from; at < Math.min(all.length, from + life); at++) {
          const sets = normalizer.wide?.sets;
          normalizer.addRecord(block, all[at], 0, original(all[at] ?? {}));
          if (normalizer.wide?.sets !== sets) held = at;
        }
        if (from + life >= all.length) {
          normalizer.wide?.flush(block);
          held = all.length;
        }
        taken.push(...shown(block, catalogue));
        from = held;
      }
      expect(taken).toEqual(shown(expected, whole.catalogue));
    }),
  );
});

test("many lines of one form are joined as the first ones are: no template reads them", () => {
  const map = { wide: { name: "q", value: "v" }, fields: { id: "sensor_id", t: "timestamp" } };
  const second = (i: number) => new Date(Date.UTC(2026, 0, 1) + i * 1_000).toISOString();
  const lines = Array.from({ length: 300 }, (_, i) => {
    return JSON.stringify({ id: "a", t: second(i >> 1), q: i % 2 === 0 ? "temperature" : "humidity", v: i });
  });
  const { readings } = readLines(map, lines);
  expect(readings.length).toBe(150);
  expect(readings[149]).toEqual({ sensor_id: "a", timestamp: second(149), temperature: 298, humidity: 299 });
});

test("each quantity is in the unit that its own row names", () => {
  const map = {
    wide: { name: "q", value: "v" },
    fields: {
      id: "sensor_id",
      t: "timestamp",
      temperature: { to: "temperature", unit_from: "u" },
      humidity: { to: "humidity", unit_from: "u" },
      pressure: { to: "pressure", unit_from: "u" },
    },
  };
  const lines = [
    { id: "a", t: T, q: "humidity", v: 0.45, u: "fraction" },
    { id: "a", t: T, q: "temperature", v: 158, u: "°F" },
    { id: "a", t: T, q: "pressure", v: 101325, u: "Pa" },
    { id: "b", t: T, q: "temperature", v: 20, u: "°C" },
    { id: "b", t: T, q: "pressure", v: 3, u: "furlong" },
  ].map((row) => JSON.stringify(row));
  const { readings, flaws } = readLines(map, lines);
  expect(readings.map(({ extra, ...rest }) => rest)).toEqual([
    expect.objectContaining({ malformed: expect.stringContaining("furlong") }),
    { sensor_id: "a", timestamp: T, temperature: 70, humidity: 45, pressure: 1013.25 },
    { sensor_id: "b", timestamp: T, temperature: 20 },
  ]);
  expect(flaws).toEqual([]);
});

test("a quantity is never an identity or a time, and takes the place of another field with its name", () => {
  const map = {
    extract: { entity: "sensor.{room*}_{quantity}" },
    wide: { name: "quantity", value: "state" },
    fields: { room: "sensor_id", ts: "timestamp" },
    text_numbers: true,
  };
  const row = (entity: string, value: string) => JSON.stringify({ entity, state: value, ts: T, temperature: 99 });
  const lines = [row("sensor.hall_room", "Kitchen"), row("sensor.hall_ts", "5"), row("sensor.hall_temperature", "20")];
  const { readings } = readLines(map, lines);
  expect(readings).toEqual([
    {
      sensor_id: "hall",
      timestamp: T,
      temperature: 20,
      extra: '{"room_":"Kitchen","ts_":"5","temperature_":99}',
    },
  ]);
});
