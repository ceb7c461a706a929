/** Fields of a reading that are computed from the record, and records that are chosen, by expressions in CEL. */
import { expect, test } from "bun:test";
import type { Profile } from "../../core/profile.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { LineDecoder } from "../lines/decoder.ts";
import { LineSplitter } from "../lines/splitter.ts";
import { Normalizer } from "../row/normalize.ts";
import { parseMapping } from "./map-file.ts";

const measure = (name: string, unit: string) => ({ name, unit, plausible: [0, 1] as const });
const PROFILE: Profile = {
  name: "environmental",
  description: "",
  measures: [measure("power", "W"), measure("temperature", "°C"), measure("occupied", "")],
};

/** What lines became, and what was wrong with them. */
function taken(map: object, ...records: readonly object[]) {
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(map), "map.json", [PROFILE]);
  const decoder = new LineDecoder(new Normalizer({ catalogue, profile: PROFILE, mapping }));
  const splitter = new LineSplitter(1 << 20);
  const block = new ReadingBlock(records.length * 2 + 1);
  for (const record of records) {
    const line = JSON.stringify({ sensor_id: "a", timestamp: "2026-06-01T12:00:00Z", ...record });
    splitter.push(Buffer.from(`${line}\n`));
    while (splitter.next()) decoder.decode(block, splitter, 0);
  }
  const flaws = [...block.flaws.values()].map(({ reason, field, detail, count }) => ({ reason, field, detail, count }));
  return { readings: readingsOf(block, catalogue), flaws };
}

const valuesOf = (map: object, ...records: readonly object[]) =>
  taken(map, ...records).readings.map((reading) => Object.fromEntries(JSON.parse(JSON.stringify(reading)).measures));

const computed = (text: string, record: object, more: object = {}) =>
  taken({ compute: { power: text }, ...more }, { temperature: 1, ...record });

function problemOf(map: object): string {
  try {
    parseMapping(JSON.stringify(map, null, 1), "map.json", [PROFILE]);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test("a measure is computed of fields, at any depth and of any name; whole numbers may stand beside decimal ones", () => {
  const power = (text: string, record: object) => {
    const [reading] = valuesOf({ compute: { power: text } }, { temperature: 1, ...record });
    return reading?.["power"] ?? null;
  };
  expect(power("voltage * current", { voltage: 230, current: 2.5 })).toBe(575);
  expect(power("voltage * current / 1000", { voltage: 230, current: 2 })).toBe(0.46);
  expect(power("ENERGY.Power + 1", { ENERGY: { Power: 10 } })).toBe(11);
  expect(power('r["Power (kW)"] * 1000', { "Power (kW)": 1.5 })).toBe(1500);
  expect(power('r["ENERGY.Power"]', { ENERGY: { Power: 10 } })).toBe(10);
  expect(power("values[1].v", { values: [{ v: 1 }, { v: 7 }] })).toBe(7);
  expect(power("max(a, 0)", { a: -3 })).toBe(0);
  expect(power('state == "ON" ? 60.0 : 0.0', { state: "ON" })).toBe(60);
  expect(power("has(r.a) ? a : b", { b: 4 })).toBe(4);
  expect(power("double(size(values))", { values: [1, 2, 3] })).toBe(3);
});

test("without a field that it reads, or with one that means no value, there is no value, and nothing is wrong", () => {
  for (const record of [{ voltage: 230 }, { voltage: 230, current: null }, { voltage: 230, current: -999 }]) {
    const { readings, flaws } = computed("voltage * current", record, { absent: [-999] });
    expect([readings.length, flaws]).toEqual([1, []]);
  }
  expect(computed("a.b.c", { a: { b: {} } }).flaws).toEqual([]);
});

test("a computed field that fails is null with a flaw, and the rest of the reading is kept", () => {
  const { readings, flaws } = computed("voltage * current", { voltage: "high", current: 1 });
  expect(readings).toHaveLength(1);
  expect(flaws).toEqual([
    {
      reason: "expression_failed",
      field: "power",
      detail: "power cannot be computed by voltage * current: no such overload: *(string, double)",
      count: 1,
    },
  ]);
  expect(computed("1.0 / a", { a: 0 }).flaws).toMatchObject([{ reason: "not_finite", field: "power" }]);
  expect(computed("a", { a: { b: 1 } }).flaws).toMatchObject([{ reason: "expression_failed" }]);
});

test("numbers in text are numbers of an expression where the map says so", () => {
  const map = { compute: { power: "u * i" }, decimal: "," };
  expect(valuesOf(map, { u: "2,5", i: "4", temperature: "1" })).toMatchObject([{ power: 10 }]);
});

test("true and false are 1 and 0, and identity columns are text", () => {
  expect(valuesOf({ compute: { occupied: 'state == "ON"' } }, { state: "ON" }, { state: "OFF" })).toMatchObject([
    { occupied: 1 },
    { occupied: 0 },
  ]);
  const map = { compute: { location: 'building + "/" + string(int(floor))' } };
  const [reading] = taken(map, { building: "B", floor: 3, temperature: 1 }).readings;
  expect(JSON.stringify(reading)).toContain('"B/3"');
});

test("where an expression is not true, a record is no reading, and is counted", () => {
  const map = { where: { expression: 'state != "unavailable" && temperature > -50' } };
  const { readings, flaws } = taken(
    map,
    { state: "ok", temperature: 1 },
    { state: "unavailable", temperature: 1 },
    { state: "ok", temperature: -60 },
    { temperature: 1 },
  );
  expect(readings).toHaveLength(1);
  expect(flaws).toMatchObject([{ reason: "filtered", count: 3 }]);
});

test("a record of which the expression cannot say whether it is wanted is malformed", () => {
  const { readings } = taken({ where: { expression: "state > 5" } }, { state: "high", temperature: 1 });
  expect(JSON.stringify(readings)).toContain("expression_failed");
});

test("what is wrong with an expression is said when the map is read, at its place", () => {
  const power = (text: string) => problemOf({ compute: { power: text } });
  expect(power("voltage * ")).toMatch(/^map\.json:3:\d+: compute\.power: /);
  expect(power("nosuch(a)")).toContain("no matching overload for 'nosuch(dyn)'");
  expect(power('"x" + name')).toContain('"power" is a number, and this gives text');
  expect(power("a.map(x, x.map(y, y))")).toContain("a loop inside a loop");
  expect(power(`${"a + ".repeat(2000)}a`)).toContain("longer than 4096");
  expect(power("r.size()")).toContain('"r" is the record');
  expect(power("has(a) ? a : 0.0")).toContain("write has(r.name)");
  expect(problemOf({ compute: { powr: "a" } })).toContain("did you mean power?");
  expect(problemOf({ compute: { power: "a" }, fields: { p: "power" } })).toContain('a field leads to "power" as well');
  expect(problemOf({ compute: { location: "1.5" } })).toContain("write string(…)");
  expect(problemOf({ where: { expression: "1 + a.size()" } })).toContain("must say true or false");
});

test("a loop over a long list is an error of the record, not a long wait", () => {
  const values = Array.from({ length: 10_001 }, (_, i) => i);
  expect(computed("double(size(values.filter(v, v > 5)))", { values }).flaws).toMatchObject([
    { reason: "expression_failed", detail: expect.stringContaining("a list of more than 10000 items") },
  ]);
});

test("many lines that are alike are computed, chosen and converted each by its own values", () => {
  const map = {
    fields: { "s.t": { to: "temperature", unit_from: "s.unit" }, state: "location" },
    compute: { power: "s.u * s.i" },
    where: { expression: 's.u > 5 && state != "off"' },
  };
  const records = Array.from({ length: 60 }, (_, i) => {
    return { s: { t: 50 + i, unit: i % 7 === 3 ? "F" : "C", u: i % 11, i: 2 }, state: i % 5 === 0 ? "off" : "on" };
  });
  const wanted = records.filter(({ s, state }) => s.u > 5 && state !== "off");
  const expected = wanted.map(({ s }) => {
    const celsius = s.unit === "C" ? s.t : Number((((s.t - 32) * 5) / 9).toPrecision(12));
    return { power: s.u * 2, temperature: celsius, occupied: null };
  });
  expect(valuesOf(map, ...records)).toEqual(expected);
  const without = { fields: map.fields, where: map.where };
  expect(valuesOf(without, ...records)).toEqual(
    expected.map(({ temperature }) => ({ power: null, temperature, occupied: null })),
  );
  expect(valuesOf({ fields: map.fields }, ...records)).toHaveLength(60);
});
