/** What the values of a foreign field mean: words, units, text, absent values, several names for one field. */
import { expect, test } from "bun:test";
import { UsageError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, SensorCatalogue } from "../../core/sensor.ts";
import { readLines } from "../../testing/mapped-lines.ts";
import { Normalizer } from "../row/normalize.ts";
import { parseMapping } from "./map-file.ts";

const PROFILE: Profile = {
  name: "room",
  description: "",
  measures: [
    { name: "temperature", unit: "°C", plausible: [-20, 60] },
    { name: "pressure", unit: "hPa", plausible: [950, 1050] },
    { name: "humidity", unit: "%", plausible: [0, 100] },
    { name: "power", unit: "W", plausible: [0, 5000] },
    { name: "wind", unit: "m/s", plausible: [0, 60] },
    { name: "occupied", unit: "", plausible: [0, 1] },
  ],
};
const TIME = "2026-06-01T12:00:00Z";

type Taken = {
  readonly measures: Readonly<Record<string, number>>;
  readonly identity: readonly unknown[];
  readonly status: number | null | undefined;
  readonly flag: number | null | undefined;
  readonly extra: unknown;
  readonly flaws: readonly string[];
  readonly problem: string | undefined;
};

/** One row through a map. */
function taken(map: object, row: Readonly<Record<string, unknown>>): Taken {
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(map), "map.json", [PROFILE]);
  const block = new ReadingBlock(1);
  const whole: Record<string, unknown> = { sensor_id: "a", timestamp: TIME, ...row };
  const original = {
    received: () => ({ received: "", encoding: "utf8", bytes: 0 }) as const,
    textOf: (name: string) => JSON.stringify(whole[name]),
  };
  new Normalizer({ catalogue, profile: PROFILE, mapping }).add(block, whole, 0, original);
  const sensor = catalogue.sensors[block.sensor[0]!]!;
  const label = catalogue.labels[block.label[0]!];
  const values = sensor.measures.map((name, i) => [name, block.measures[sensor.slots[i]!]?.[0] ?? Number.NaN] as const);
  return {
    measures: Object.fromEntries(values.filter(([, value]) => !Number.isNaN(value))),
    identity: sensor.identity,
    status: label?.statusCode,
    flag: label?.anomalyFlag,
    extra: JSON.parse(block.extra.get(0) ?? "{}"),
    flaws: [...block.flaws.values()].map(({ reason, detail }) => `${reason}: ${detail}`),
    problem: block.malformed.get(0)?.detail,
  };
}

const at = (identity: readonly unknown[], column: IdentityColumn) => identity[IDENTITY_COLUMNS.indexOf(column)];

const one = (said: object | string, value: unknown, rest: object = {}) =>
  taken({ fields: { x: said }, ...rest }, { x: value, wind: 1 });

/** The problems of a map, one a line. */
function problemsOf(map: object): string {
  try {
    parseMapping(JSON.stringify(map), "map.json", [PROFILE]);
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
}

test("of several foreign names for one field, the first in the map's order that has a value counts, with its own unit", () => {
  const map = {
    fields: {
      temp_c: "temperature",
      temp_f: { to: "temperature", unit: "°F" },
      temp_k: { to: "temperature", unit: "K" },
    },
    absent: ["NA"],
  };
  const read = (row: object) => {
    const { measures, extra } = taken(map, { ...row });
    return [measures["temperature"], extra];
  };
  expect(read({ temp_f: 72.5 })).toEqual([22.5, {}]);
  expect(read({ temp_k: 293.15 })).toEqual([20, {}]);
  expect(read({ temp_k: 293.15, temp_f: 72.5, temp_c: 1 })).toEqual([1, { temp_k: 293.15, temp_f: 72.5 }]);
  expect(read({ temp_f: 72.5, temp_c: null })).toEqual([22.5, {}]);
  expect(read({ temp_k: 293.15, temp_f: 72.5, temp_c: "NA" })).toEqual([22.5, { temp_k: 293.15 }]);
  expect(read({ temp_c: "broken", temp_f: 72.5, wind: 1 })[1]).toMatchObject({ temp_f: 72.5, bad_fields: {} });
});

test("several names for the id, the time and the type: the first that has a value", () => {
  const map = {
    fields: { dev: "sensor_id", mac: "sensor_id", at: "timestamp", time: "timestamp" },
  };
  expect(taken(map, { mac: "m", time: TIME, wind: 1 }).identity[0]).toBe("m");
  expect(taken(map, { mac: "m", dev: "d", at: TIME, wind: 1 })).toMatchObject({ extra: { mac: "m" } });
  expect(taken(map, { time: TIME, wind: 1 }).problem).toBe("dev or mac is missing");
  expect(taken(map, { mac: "m", wind: 1 }).problem).toBe("at or time is missing");
});

test("words are numbers in any case, and so are true and false of JSON; null is no value", () => {
  const said = { to: "occupied", words: { ON: 1, Off: 0, true: 1, false: 0, unknown: null, "7": 0.5 } };
  for (const on of ["ON", "on", " On ", true, "TRUE"]) expect(one(said, on).measures).toEqual({ occupied: 1, wind: 1 });
  for (const off of ["off", false]) expect(one(said, off).measures).toEqual({ occupied: 0, wind: 1 });
  expect(one(said, 7).measures).toEqual({ occupied: 0.5, wind: 1 });
  expect(one(said, 0.25).measures).toEqual({ occupied: 0.25, wind: 1 });
  expect(one(said, "Unknown")).toMatchObject({ measures: { wind: 1 }, flaws: [], extra: {} });
  expect(one(said, "maybe").flaws).toEqual([
    'wrong_type: x is text "maybe", a number or one of the words 7, on, off, true, false, … was expected',
  ]);
});

test("words of text columns are text, those of status_code and anomaly_flag numbers", () => {
  expect(one({ to: "location", words: { "1": "north", S: "south" } }, 1).identity[4]).toBe("north");
  expect(one({ to: "location", words: { "1": "north", S: "south" } }, "s").identity[4]).toBe("south");
  expect(one({ to: "location", words: { "1": "north" } }, "attic").identity[4]).toBe("attic");
  expect(one({ to: "status_code", words: { ok: 200 } }, "OK").status).toBe(200);
  expect(one({ to: "anomaly_flag", words: { alarm: 1, normal: 0 } }, "Alarm").flag).toBe(1);
});

test("a value is absent in one field and not in the others; words in any case", () => {
  const map = {
    fields: { t: { to: "temperature", absent: [85, -127, "err"] }, p: "pressure" },
    absent: ["n/a"],
    text_numbers: true,
  };
  const read = (t: unknown, p: unknown) => taken(map, { t, p, wind: 1 });
  expect(read(85, 85)).toMatchObject({ measures: { pressure: 85, wind: 1 }, flaws: [] });
  expect(read("-127", "-127").measures).toEqual({ pressure: -127, wind: 1 });
  expect(read("ERR", "N/A")).toMatchObject({ measures: { wind: 1 }, flaws: [] });
  expect(read("N/A", 1)).toMatchObject({ measures: { pressure: 1, wind: 1 }, flaws: [] });
  expect(read(1, "err").flaws).toHaveLength(1);
});

test("literals of programs are absent in one field", () => {
  const map = { fields: { t: { to: "temperature", absent: ["nan", "-inf"] } } };
  for (const value of [Number.NaN, "NaN", "-nan", Number.NEGATIVE_INFINITY, "-Infinity"]) {
    expect(taken(map, { t: value, wind: 1 })).toMatchObject({ measures: { wind: 1 }, flaws: [], problem: undefined });
  }
  expect(taken(map, { t: "inf", wind: 1 }).flaws).toHaveLength(1);
});

test("a number in text has its unit behind it, which is converted where it fits the measure", () => {
  const map = { text_numbers: true };
  const read = (row: object) => taken(map, { ...row }).measures;
  expect(read({ temperature: "21.5 °C", humidity: "45 %", power: "12 kW", wind: "36 km/h" })).toEqual({
    temperature: 21.5,
    humidity: 45,
    power: 12_000,
    wind: 10,
  });
  expect(read({ temperature: "-3.5°C", pressure: "101.3 kPa" })).toEqual({ temperature: -3.5, pressure: 1013 });
  expect(read({ temperature: "72.5F", pressure: "1 013.2 hPa" })).toEqual({ temperature: 22.5, pressure: 1013.2 });
  expect(read({ temperature: "70 Fahrenheit", humidity: "0.5 /" })).toEqual({
    temperature: 21.1111111111,
    humidity: 50,
  });
  expect(read({ temperature: "−3,5 °C" })).toEqual({});
});

test("a unit that is not known, or measures something else, is a flaw that names it, and never a number", () => {
  const map = { text_numbers: true };
  const read = (row: object) => taken(map, { wind: 1, ...row });
  expect(read({ temperature: "21.5 furlong" })).toMatchObject({
    measures: { wind: 1 },
    flaws: ['unknown_unit: temperature is in "furlong", which is not a known unit'],
    extra: { bad_fields: { temperature: { reason: "unknown_unit", received: "21.5 furlong" } } },
  });
  expect(read({ temperature: "21.5 hPa" }).flaws).toEqual([
    'unknown_unit: temperature is in "hPa", which cannot be converted to °C',
  ]);
  for (const text of ["12:30", "1.2.3", "0x1F", "12abc34", "21.5 22.5", "5/3", "2026-06-01", "--3", "1,2,3"]) {
    expect([text, read({ temperature: text }).measures]).toEqual([text, { wind: 1 }]);
  }
});

test("a field may be scaled whatever is behind its numbers", () => {
  expect(one({ to: "temperature", scale: 0.1 }, "215 dC", { text_numbers: true }).measures).toEqual({
    temperature: 21.5,
    wind: 1,
  });
  expect(one({ to: "temperature", scale: 0.1 }, "0x1F", { text_numbers: true }).measures).toEqual({ wind: 1 });
});

test("decimals are behind a comma where the map says so, for all fields or for one", () => {
  const map = { decimal: "," };
  const read = (pressure: string) => taken(map, { pressure, wind: 1 }).measures["pressure"];
  expect(["21,5", "1.013,25", "1 013,2 hPa", "1.013", "1013", "-1.234.567,5", "1\u00a0013,2", "1e3"].map(read)).toEqual(
    [21.5, 1013.25, 1013.2, 1013, 1013, -1234567.5, 1013.2, 1000],
  );
  expect(["21.5", "1,013.25", "1.01,5", "1,5,5"].map(read)).toEqual([undefined, undefined, undefined, undefined]);
  expect(taken({ fields: { p: { to: "pressure", decimal: "," } } }, { p: "21,5", wind: "1" })).toMatchObject({
    measures: { pressure: 21.5 },
    flaws: ['wrong_type: wind is text "1", a number was expected'],
  });
});

test("without a word about the comma only what has one meaning is read", () => {
  const map = { text_numbers: true };
  const read = (pressure: string) => taken(map, { pressure, wind: 1 });
  expect(
    ["1,013.25", "1.013,25", "1,234,567", "1'013.2", "1 013,2", "1 013"].map((text) => read(text).measures["pressure"]),
  ).toEqual([1013.25, 1013.25, 1_234_567, 1013.2, 1013.2, 1013]);
  for (const text of ["21,5", "1,013", "12,34.5", "1 01"]) expect(read(text).measures).toEqual({ wind: 1 });
  expect(read("21,5").flaws).toEqual([
    'wrong_type: pressure is text "21,5", a number was expected; with "decimal": "," in the map it is one',
  ]);
  expect(taken({ decimal: "." }, { pressure: "1,013", wind: 1 }).measures["pressure"]).toBe(1013);
});

test("another field has the unit's name", () => {
  const map = { fields: { t: { to: "temperature", unit_from: "TempUnit" } } };
  const read = (t: unknown, TempUnit: unknown) =>
    taken(map, { t, wind: 1, ...(TempUnit !== undefined && { TempUnit }) });
  expect(["C", "F", "K", "degC", "Cel", "fahrenheit"].map((unit) => read(50, unit).measures["temperature"])).toEqual([
    50, 10, -223.15, 50, 50, 10,
  ]);
  expect(read(50, "F").extra).toEqual({ TempUnit: "F" });
  expect(read(50, "X").flaws).toEqual(['unknown_unit: t is in "X", which is not a known unit']);
  expect(read(50, undefined).flaws).toEqual(["unknown_unit: t is 50 without a unit: TempUnit has none"]);
  expect(read(50, 7).flaws).toEqual(["wrong_type: TempUnit is 7, the name of a unit was expected"]);
  const known = { fields: { t: { to: "temperature", unit_from: "u", unit: "°F" } } };
  expect(taken(known, { t: 50, wind: 1 }).measures["temperature"]).toBe(10);
  expect(taken(known, { t: 50, u: "C", wind: 1 }).measures["temperature"]).toBe(50);
});

test("scale and offset are for any number, and a unit also for a height", () => {
  const map = {
    fields: {
      lat_e7: { to: "latitude", scale: 1e-7 },
      height: { to: "height_meters", unit: "ft" },
      code: { to: "status_code", offset: 200 },
    },
  };
  const { identity, status } = taken(map, { lat_e7: 504_500_000, height: 100, code: 4, wind: 1 });
  expect([at(identity, "latitude"), at(identity, "height_meters"), status]).toEqual([50.45, 30.48, 204]);
});

test("what a map cannot say of a value is refused", () => {
  expect(problemsOf({ fields: { x: { to: "location", scale: 2 } } })).toContain(
    'fields.x: scale and offset are for numbers, and "location" is not one',
  );
  expect(problemsOf({ fields: { x: { to: "status_code", unit: "V" } } })).toContain(
    "unit and unit_from are for measures",
  );
  expect(problemsOf({ fields: { x: { to: "location", words: { a: 1 } } } })).toContain(
    'fields.x.words.a: "location" is text: it must be text',
  );
  expect(problemsOf({ fields: { x: { to: "wind", words: { a: "1" } } } })).toContain('"wind" is a number');
  expect(problemsOf({ fields: { x: { to: "wind", words: { ON: 1, on: 2 } } } })).toContain('is the same word as "ON"');
  expect(problemsOf({ fields: { x: { to: "timestamp", words: { a: 1 } } } })).toContain("has no meaning");
  expect(problemsOf({ fields: { x: { to: "wind", unit_from: "u", scale: 2 } } })).toContain("one of them is enough");
  expect(problemsOf({ decimal: ";" })).toContain("decimal");
});

test("ids of 64 bits are words to the letter, and fields that nothing names stay as they are", () => {
  const map = { fields: { gw: { to: "location", words: { "2882429806056571125": "roof" } } } };
  const lines = ["2882429806056571124", "2882429806056571125"].map(
    (gw) => `{"sensor_id":"a","timestamp":"${TIME}","temperature":1,"gw":${gw},"trace":9007199254740993}`,
  );
  const { readings } = readLines(map, lines);
  expect(readings.map(({ location, extra }) => [location, extra])).toEqual([
    ["2882429806056571124", '{"trace":9007199254740993}'],
    ["roof", '{"trace":9007199254740993}'],
  ]);
});

test("a time that means no value in its field is missing wherever its line is, also between lines that are alike", () => {
  const map = { fields: { ts: { to: "timestamp", absent: ["1970-01-01T00:00:00Z"] } } };
  const line = (ts: string) => `{"sensor_id":"a","ts":"${ts}","temperature":1}`;
  const none = line("1970-01-01T00:00:00Z");
  const { readings } = readLines(map, [none, line(TIME), none, line(TIME), line(TIME), none]);
  expect(readings.map(({ malformed }) => malformed)).toEqual([
    "missing_field: ts is missing",
    undefined,
    "missing_field: ts is missing",
    undefined,
    undefined,
    "missing_field: ts is missing",
  ]);
});

test("words of C and Python for no number are absent where the field says so, as they are in a line", () => {
  const map = { fields: { t: { to: "temperature", absent: ["nan", "inf"] }, h: { to: "humidity", unit: "%RH" } } };
  const lines = ["nan", "-nan", "NaN", '"nan"', "Infinity"].map(
    (t) => `{"sensor_id":"a","timestamp":"${TIME}","t":${t},"h":45,"note":NaN}`,
  );
  const { readings, flaws } = readLines(map, lines);
  expect(flaws).toEqual([]);
  expect(readings.map(({ temperature, humidity }) => [temperature, humidity])).toEqual(
    lines.map(() => [undefined, 45]),
  );
});

test("a name that the map asks for and no record has is reported: of a unit, of an expression, of a lookup", () => {
  const line = (i: number) =>
    `{"sensor_id":"a","timestamp":"${TIME}","t":${i},"TempUnit":"C","state":"on","devEui":"70b3d57ed0"}`;
  const reportedBy = (map: object) => readLines(map, [line(1), line(2)], {}, "docs/map.json").reported.join();
  expect(reportedBy({ fields: { t: { to: "temperature", unit_from: "TmpUnit" } } })).toContain(
    '"TmpUnit" (did you mean TempUnit?)',
  );
  expect(reportedBy({ fields: { t: { to: "temperature", unit_from: "TempUnit" } } })).toBe("");
  expect(reportedBy({ fields: { t: { to: "temperature", unit_from: "TmpUnit", unit: "K" } } })).toBe("");
  expect(reportedBy({ compute: { temperature: "tt * 2" } })).toContain('"tt"');
  expect(reportedBy({ compute: { temperature: "t * 2" } })).toBe("");
  expect(reportedBy({ compute: { temperature: "has(r.tt) ? tt : t" } })).toBe("");
  expect(reportedBy({ where: { expression: "stat != 'off'" } })).toContain('"stat" (did you mean state?)');
  const lookup = { from: "examples/devices.csv", key: "eui", fields: { room: "location" } };
  expect(reportedBy({ lookup: Object.assign({ by: "devEu" }, lookup) })).toContain("did you mean devEui?");
  expect(reportedBy({ lookup: Object.assign({ by: "devEui" }, lookup) })).toBe("");
});

test("a unit that no profile can use is reported once, however many profiles have the measure", () => {
  const map = JSON.stringify({ fields: { t: { to: "temperature", unit: "Kelvn" } } });
  expect(() => parseMapping(map, "map.json", [PROFILE, PROFILE])).toThrow(
    /^map\.json:1:\d+: fields\.t\.unit: "Kelvn" is not a known unit; did you mean kelvin\?$/,
  );
});
