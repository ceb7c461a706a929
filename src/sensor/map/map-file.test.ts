import { expect, test } from "bun:test";
import { UsageError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { conversionOf } from "../../core/units.ts";
import { Normalizer } from "../row/normalize.ts";
import { loadMapping, parseMapping } from "./map-file.ts";

const PROFILE: Profile = {
  name: "weather",
  description: "",
  measures: [
    { name: "temperature", unit: "°C", plausible: [-20, 60] },
    { name: "pressure", unit: "hPa", plausible: [950, 1050] },
    { name: "wear", unit: "points", plausible: [0, 10] },
  ],
};

function problemsOf(map: unknown): string {
  try {
    parseMapping(typeof map === "string" ? map : JSON.stringify(map), "map.json", [PROFILE]);
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
}

/** One row through a mapping: what it became. */
function read(
  map: unknown,
  row: Record<string, unknown>,
  written: Record<string, string> = {},
): Record<string, unknown> {
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(map), "map.json", [PROFILE]);
  const block = new ReadingBlock(1);
  const original = {
    received: () => ({ received: "", encoding: "utf8", bytes: 0 }) as const,
    textOf: (name: string) => written[name] ?? JSON.stringify(row[name]),
  };
  new Normalizer({ catalogue, profile: PROFILE, mapping }).add(block, row, 0, original);
  const sensor = catalogue.sensors[block.sensor[0]!]!;
  const measures = sensor.measures.map((name, i) => [name, block.measures[sensor.slots[i]!]?.[0] ?? Number.NaN]);
  return {
    id: sensor.identity[0],
    location: sensor.identity[4],
    time: block.time[0],
    ...Object.fromEntries(measures),
    extra: block.extra.get(0),
    problem: block.malformed.get(0)?.detail,
  };
}

test("foreign names, units, constants and a zone make a reading of a foreign row", () => {
  const map = {
    fields: {
      when: "timestamp",
      temp_f: { to: "temperature", unit: "°F" },
      p: { to: "pressure", scale: 0.1, offset: 300 },
      id: "sensor_id",
    },
    timestamp: { zone: "+02:00" },
    constants: { location: "roof" },
    drop: ["row"],
  };
  const row = {
    id: 17,
    when: "2026-06-01 12:00:00",
    temp_f: 72.5,
    p: 7130,
    row: 4,
    location: "theirs",
    temperature: 3,
  };
  expect(read(map, row)).toEqual({
    id: "17",
    location: "roof",
    time: Date.UTC(2026, 5, 1, 10),
    temperature: 22.5,
    pressure: 1013,
    wear: Number.NaN,
    extra: '{"location":"theirs","temperature":3}',
    problem: undefined,
  });
});

test("text is read as a number only where the mapping allows it, and blank text is an absent number", () => {
  const row = { sensor_id: "a", timestamp: "2026-06-01T12:00:00Z", temperature: " 21.5 ", pressure: "" };
  expect(read({}, row)["problem"]).toBe('temperature is text " 21.5 ", a number was expected');
  const taken = read({ text_numbers: true }, row);
  expect([taken["temperature"], taken["pressure"], taken["problem"]]).toEqual([21.5, Number.NaN, undefined]);
  const noted = (pressure: string) => read({ text_numbers: true }, { ...row, pressure })["extra"];
  expect(noted("12,5")).toBe('{"bad_fields":{"pressure":{"reason":"wrong_type","received":"12,5"}}}');
  expect(noted("nan")).toBe('{"bad_fields":{"pressure":{"reason":"not_finite","received":"nan"}}}');
});

test("values that mean no value are absent, as number and as text", () => {
  const map = { absent: ["NA", -999], text_numbers: true, fields: { temperature: { to: "temperature", unit: "K" } } };
  const row = { sensor_id: "a", timestamp: "2026-06-01T12:00:00Z", temperature: "-999", pressure: "NA", wear: -999 };
  const taken = read(map, row);
  expect([taken["temperature"], taken["pressure"], taken["wear"], taken["problem"]]).toEqual([
    Number.NaN,
    Number.NaN,
    Number.NaN,
    undefined,
  ]);
});

test("an absent value is absent in every kind of field: ids, flags, times, and words that JSON does not have", () => {
  const row = { sensor_id: "a", timestamp: "2026-06-01T12:00:00Z", temperature: 1 };
  const missing = [
    [["-"], { sensor_id: "-" }, "sensor_id is missing"],
    [[7], { sensor_id: "7" }, "sensor_id is missing"],
    [["1970-01-01T00:00:00Z"], { timestamp: "1970-01-01T00:00:00Z" }, "timestamp is missing"],
  ] as const;
  for (const [absent, more, problem] of missing) {
    expect(read({ absent }, { ...row, ...more })["problem"]).toBe(problem);
  }
  const unix = { timestamp: { format: "unix_s" }, absent: [0], text_numbers: true };
  for (const timestamp of [0, "0", "0.0", ""]) {
    expect(read(unix, { ...row, timestamp })["problem"]).toBe("timestamp is missing");
  }
  expect(read({ absent: ["nan"] }, { ...row, pressure: "NaN" })["extra"]).toBeUndefined();
  expect(read({}, { ...row, pressure: "NaN" })["extra"]).toContain('"reason":"not_finite"');
  const words = { absent: ["nan", "-inf"], text_numbers: true };
  for (const pressure of [Number.NaN, "NaN", " -nan ", "nan(ind)", Number.NEGATIVE_INFINITY, "-Infinity"]) {
    expect(read(words, { ...row, pressure })).toMatchObject({ pressure: Number.NaN, temperature: 1, extra: undefined });
  }
  expect(read(words, { ...row, pressure: "inf" })["extra"]).toContain("not_finite");
  expect(read({ absent: [2] }, { ...row, anomaly_flag: 2, status_code: "2" })["extra"]).toBeUndefined();
});

test("a field that cannot be read is null and noted; without any good measure, sensor or time the row is malformed", () => {
  const row = { sensor_id: "a", timestamp: "2026-06-01T12:00:00Z", temperature: 1, pressure: true, location: 5 };
  const taken = read({}, { ...row, bad_fields: 1 });
  expect(taken).toMatchObject({ temperature: 1, pressure: Number.NaN, location: null, problem: undefined });
  expect(JSON.parse(String(taken["extra"]))).toEqual({
    bad_fields: 1,
    bad_fields_: {
      pressure: { reason: "wrong_type", received: true },
      location: { reason: "wrong_type", received: 5 },
    },
  });
  expect(read({}, { ...row, temperature: null })["problem"]).toBe("pressure is true, a number was expected");
  expect(read({}, { ...row, pressure: null, temperature: null })["problem"]).toBeUndefined();
  expect(read({}, { ...row, sensor_id: 5 })["problem"]).toBe("sensor_id is 5, text was expected");
});

test("with only, no field is read by its own name; the rest goes to extra, or nowhere", () => {
  const row = {
    id: "a",
    t: "2026-06-01T12:00:00Z",
    temp: 20,
    pressure: 2795,
    sensor_id: "b",
    status_code: "x",
    note: 1,
  };
  const fields = { id: "sensor_id", t: "timestamp", temp: "temperature" };
  const taken = read({ fields, only: "mapped" }, row);
  expect(taken).toMatchObject({ id: "a", temperature: 20, pressure: Number.NaN, problem: undefined });
  expect(taken["extra"]).toBe('{"pressure":2795,"sensor_id":"b","status_code":"x","note":1}');
  expect(read({ fields, only: "mapped", drop: "rest" }, row)).toMatchObject({ temperature: 20, extra: undefined });
  expect(read({ fields, drop: "rest" }, row)).toMatchObject({
    pressure: 2795,
    extra: '{"bad_fields":{"status_code":{"reason":"wrong_type","received":"x"}}}',
  });
  expect(read({ fields, only: "mapped", drop: ["note", "pressure", "status_code"] }, row)["extra"]).toBe(
    '{"sensor_id":"b"}',
  );
});

test("a map under which no row can be a reading is refused", () => {
  expect(problemsOf({ only: "mapped", fields: { t: "temperature" } }).split("\n")).toEqual([
    'map.json:1:9: only: no row would have a timestamp: map a field to "timestamp"',
    'map.json:1:9: only: no row would have a sensor_id: map a field to "sensor_id", compose it, or make it a constant',
  ]);
  expect(problemsOf({ only: "mapped", fields: { t: "timestamp" }, constants: { sensor_id: "a" } })).toBe("");
  expect(problemsOf({ only: "all", drop: "none" })).toBe(
    'map.json:1:9: only: must be one of mapped, not "all"\nmap.json:1:22: drop: must be one of rest, not "none"',
  );
});

test("an integer of any size is an id, digit by digit", () => {
  const of = (id: string) => {
    const map = { fields: { id: "sensor_id" } };
    return read(map, { id: Number(id), timestamp: "2026-06-01T12:00:00Z" }, { id })["id"];
  };
  expect(["9007199254740993", "-2882429806056571124", "7", "2882429806056571125"].map(of)).toEqual([
    "9007199254740993",
    "-2882429806056571124",
    "7",
    "2882429806056571125",
  ]);
});

test("a problem names an integer by its own digits, and the format in which a number is a time", () => {
  const row = { sensor_id: "a", timestamp: "2026-06-01T12:00:00Z" };
  const of = (more: Readonly<Record<string, unknown>>, written: Readonly<Record<string, string>> = {}) =>
    read({}, { ...row, ...more }, written)["problem"];
  expect(of({ sensor_id: Number("9007199254740993") }, { sensor_id: "9007199254740993" })).toBe(
    "sensor_id is 9007199254740993, text was expected",
  );
  expect(of({ timestamp: 1_764_493_200 })).toBe(
    "timestamp is 1764493200, text in ISO 8601 was expected; as unix_s it is 2025-11-30",
  );
  expect(of({ timestamp: "1764493200123" })).toBe(
    'timestamp is text "1764493200123", ISO 8601 between 1970 and 9999 was expected; as unix_ms it is 2025-11-30',
  );
  expect(of({ timestamp: 5 })).toBe("timestamp is 5, text in ISO 8601 was expected");
});

test("Unix seconds are a timestamp where the mapping says so", () => {
  const map = { timestamp: { format: "unix_s" }, fields: { ts: "timestamp" }, constants: { sensor_id: "a" } };
  expect(read(map, { ts: 1_700_000_000.25 })["time"]).toBe(1_700_000_000_250);
  expect(read(map, { ts: "2026-06-01T12:00:00Z" })["problem"]).toContain("ts is text");
  expect(read(map, { ts: 1_700_000_000_123 })["problem"]).toBe(
    "ts is 1700000000123, a time in unix_s between 1970 and 9999 was expected; as unix_ms it is 2023-11-14",
  );
});

test("named units convert exactly enough and only within a quantity", () => {
  const through = (from: string, to: string, value: number): number => {
    const { scale, offset } = conversionOf(from, to)!;
    return Number((value * scale + offset).toPrecision(9));
  };
  expect(through("°F", "°C", -40)).toBe(-40);
  expect(through("K", "°C", 273.15)).toBe(0);
  expect(through("celsius", "°F", 100)).toBe(212);
  expect(through("kPa", "hPa", 101.325)).toBe(1013.25);
  expect(through("km/h", "m/s", 36)).toBe(10);
  expect(through("fraction", "%RH", 0.455)).toBe(45.5);
  expect(conversionOf("°C", "hPa")).toBeNull();
  expect(conversionOf("furlong", "m")).toBeNull();
  expect(conversionOf("points", "points")).toEqual({ scale: 1, offset: 0 });
});

test("every problem is reported at once, each with its path and the name that was probably meant", () => {
  const text = problemsOf({
    feilds: {},
    fields: {
      a: "temprature",
      b: { to: "temperature", unit: "farenheit" },
      c: { to: "pressure", unit: "°C" },
      d: { to: "pressure", scale: "2" },
      e: { to: "sensor_id", scale: 2 },
      f: { to: "wear", unit: "K", offset: 1 },
      g: 7,
      h: { too: "wear" },
      i: "location",
      j: "status_code",
    },
    timestamp: { format: "iso8601", zone: "Europe/Brusels" },
    constants: { location: 5, latitude: "5", place: "x", sensor_id: "", model: "m".repeat(257) },
    drop: ["j", 4],
    absent: [null, "-999"],
    text_numbers: "yes",
  });
  expect(text.split("\n").map((line) => line.replace(/^map\.json:1:\d+: /, ""))).toEqual([
    "feilds: is not known here; did you mean fields?",
    'fields.a: "temprature" is neither a measure of the profile nor a column of a reading; did you mean temperature?',
    'fields.b.unit: "farenheit" is not a known unit; did you mean fahrenheit?',
    'fields.c.unit: "°C" cannot be converted to pressure\'s unit "hPa"; give scale and offset instead',
    'fields.d.scale: must be a number, not "2"',
    'fields.e: scale and offset are for numbers, and "sensor_id" is not one',
    "fields.f: has a unit, and scale or offset: one of them is enough",
    'fields.f.unit: "K" cannot be converted to wear\'s unit "points"; give scale and offset instead',
    'fields.g: must be one of our names, or an object with "to", not 7',
    "fields.h.too: is not known here; did you mean to?",
    "fields.j: is in drop as well",
    'timestamp.format: must be one of iso, YYYY-MM-DD HH:MM:SS, unix, unix_s, unix_ms, unix_us, unix_ns, julian_day, excel_day, or a pattern such as %d/%m/%Y %H:%M:%S, not "iso8601"',
    'timestamp.zone: must be a time zone such as Europe/Brussels or +01:00, not "Europe/Brusels"; did you mean Europe/Brussels?',
    "constants.location: must be text, without a NUL character, not 5",
    'constants.latitude: must be a number, not "5"',
    expect.stringMatching(/^constants\.place: is not known here; known are sensor_id, firmware_version, /),
    'constants.sensor_id: must be text, without a NUL character, not ""',
    "constants.model: has more than 256 characters",
    "drop[1]: must be a field's name, not 4",
    "absent[0]: must be text or a number, not null",
    "absent[1]: must be the number -999, without quotes: it then means the text as well",
    'text_numbers: must be true or false, not "yes"',
  ]);
});

test("problems come in the order of the file, each at the wrong value, or at the key that is not known", () => {
  const map = `{
  "fields": {
    "a.b": "temprature",
    "c": { "to": "pressure",
           "unit": "K" }
  },
  "drop": ["a.b",
    5],
  "zone": "UTC"
}`;
  expect(problemsOf(map).split("\n")).toEqual([
    "map.json:3:5: fields.a.b: is in drop as well",
    'map.json:3:12: fields.a.b: "temprature" is neither a measure of the profile nor a column of a reading; did you mean temperature?',
    'map.json:5:20: fields.c.unit: "K" cannot be converted to pressure\'s unit "hPa"; give scale and offset instead',
    "map.json:8:5: drop[1]: must be a field's name, not 5",
    expect.stringContaining("map.json:9:3: zone: is not known here; known are $schema, fields, "),
  ]);
});

test("a file that is missing or is not JSON is reported by name", () => {
  expect(() => loadMapping("no-such-map.json", [PROFILE])).toThrow(
    'Cannot read map "no-such-map.json": there is no such file',
  );
  expect(problemsOf("{")).toBe("map.json:1:2: expected a key in double quotes, not the end of the file");
  expect(problemsOf('{"drop": ["a"],\n "drop": []}')).toBe('map.json:2:2: the key "drop" comes twice');
  expect(problemsOf([])).toBe("map.json:1:1: the file: must be an object, not []");
});
