/** Whatever a map and a profile say, a line gives the same row whether a template or JSON.parse reads it. */
import { expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import type { Profile } from "../../core/profile.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { cases } from "../../testing/needs.ts";
import { parseMapping } from "../map/map-file.ts";
import type { Mapping } from "../row/fields.ts";
import { Normalizer } from "../row/normalize.ts";
import { TIMESTAMP_FORMATS } from "../row/timestamp.ts";
import { LineDecoder } from "./decoder.ts";
import { LineSplitter } from "./splitter.ts";
import { LineTemplate } from "./template.ts";

const measure = (name: string, unit: string) => ({ name, unit, plausible: [0, 1] as const });
const PROFILE: Profile = {
  name: "environmental",
  description: "",
  measures: [measure("temperature", "°C"), measure("humidity", "%RH"), measure("pressure", "hPa")],
};
const TURBINE: Profile = { name: "wind-turbine", description: "", measures: [measure("rpm", "rpm")] };
const PROFILES = [PROFILE, TURBINE];

/** Every row as what it says, whatever the handles are. A decoder that has seen no line has no template: the slow path. */
function rowsOf(lines: readonly string[], mapping: Mapping, fast: boolean): unknown[] {
  const catalogue = new SensorCatalogue();
  const normalizer = new Normalizer({ catalogue, profile: PROFILE, profiles: [TURBINE], mapping });
  const make = () => new LineDecoder(normalizer);
  const splitter = new LineSplitter(1 << 20);
  const block = new ReadingBlock(lines.length * 2 + 1);
  let decoder = make();
  for (const line of lines) {
    splitter.push(Buffer.from(`${line}\n`));
    while (splitter.next()) {
      if (!fast) decoder = make();
      decoder.decode(block, splitter, 0);
    }
  }
  return readingsOf(block, catalogue);
}

/** Rows that a template read, in `expectSame`. */
let matched = 0;

function expectSame(lines: readonly string[], mapping: Mapping): void {
  const match = LineTemplate.prototype.match;
  const spy = spyOn(LineTemplate.prototype, "match").mockImplementation(function (this: LineTemplate, ...args) {
    const found = match.apply(this, args);
    if (found) matched++;
    return found;
  });
  try {
    const fast = rowsOf(lines, mapping, true);
    spy.mockRestore();
    expect(fast).toEqual(rowsOf(lines, mapping, false));
  } finally {
    spy.mockRestore();
  }
}

const ABSENT = [
  "NA",
  "nan",
  -999,
  0,
  1,
  "1970-01-01T00:00:00Z",
  "1970-01-01T00:00:00",
  "spike",
  "-inf",
  1e300,
] as const;
const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);

const NUMBERS = one(
  ...["0", "-0", "1", "21.5", "-999", "-999.0", "1e2", "1E+2", "0.1e-7", "1.10", "1e400", "-1e400", "1e300"],
  ...["9007199254740993", "12345678901234567890", "0.30000000000000004", "1700000000", "1700000000123", "200"],
);
const TEXTS = one(
  ...['""', '"NA"', '"nan"', '"-nan"', '"21.5"', '" 21.5 "', '"-999"', '"0"', '"1"', '"1e2"', '"1e400"', '"spike"'],
  ...['"sp\\u0069ke"', '"größer"', '"a\\u0000b"', '"\\ud800"', '"x\\"y"', `"${"x".repeat(257)}"`, '"wind-turbine"'],
  ...['"21.5 °C"', '"45%"', '"1 013,2"', '"21,5"', '"1,013.25"', '"na"', '"SPIKE"', '"F"', '"degC"', '" NA "'],
);
const TIMES = one(
  ...['"2026-11-23T08:00:00.000Z"', '"2026-11-23 08:00:00"', '"2026-11-23T08:00:01.5+01:00"', '"2026-10-25T02:30:00"'],
  ...['"1970-01-01T00:00:00Z"', '"1970-01-01T00:00:00.000Z"', '"1970-01-01 00:00:00"', '"1970-01-01T00:00:00"'],
  ...['"1970-01-01T00:00:10"', '"2026-11-23T24:00:00"', '"2026-11-23 24:00:00.000"'],
  ...[
    '"2026-02-30T08:00:00Z"',
    '"2026-11-23T08:00\\u003a00Z"',
    '"2026-11-23T08:00:60Z"',
    `"2026-11-23T08:00:00.${"1".repeat(60)}Z"`,
  ],
  ...[
    '"2026-11-23T08:00:00.123456Z"',
    '"2026-11-23T08:00:00.123000Z"',
    '" 2026-11-23 08:00:00 UTC"',
    '"20261123T080000Z"',
  ],
  ...['"2016-12-31T23:59:60Z"', '"2026-10-25 02:50:00"', '"2026-10-25 02:10:00.0001"', '"1700000000.12345678"'],
  ...[
    "1700000000.123456789",
    "1700000000123456",
    "1700000000123456789",
    "1700000000123000001",
    "45292.5",
    "2460311.12345",
  ],
  ...[
    '"23.11.2026 08:00:00"',
    '"23.11.2026 8:00:01.25"',
    '"30.02.2026 08:00:00"',
    '"23\\u002e11.2026 08:00:00"',
    "20261123",
  ],
  ...[
    '"23.11.2026 08:00:00 CET"',
    '"25.10.2026 02:30:00"',
    '" 23.11.2026 08:00:00"',
    '"23.11.2026 08:00:00\\t"',
    '""',
    '" "',
  ],
  ...["0", "1", "1700000000", "1700000000.5", "1700000000123", '"1700000000"', '"0"', "-999", '"-999"'],
);
const OTHERS = one(
  "null",
  "true",
  "false",
  "[]",
  '{"id":9007199254740993}',
  '{ "a" : [1, {"b":"}"}] }',
  "NaN",
  "-inf",
  "01",
  "x",
);
const anything = fc.oneof(NUMBERS, TEXTS, TIMES, OTHERS);
/** Mostly what the field is for. */
const USUAL = {
  sensor_id: fc.oneof(
    one('"a"', '"b"', '"grön"'),
    one("7", "9007199254740993", "9007199254740995", '"\\u0061"', '"NA"'),
  ),
  location: one('"Hall 1"', '"Hall 2"', '"NA"', "5"),
  latitude: one("1.5", "-0", "-999", '"1.5"'),
  sensor_type: one('"environmental"', '"wind-turbine"', '"NA"'),
  timestamp: TIMES,
  temperature: NUMBERS,
  humidity: fc.oneof(NUMBERS, TEXTS),
  rpm: NUMBERS,
  status_code: one("0", "200", "-0", "1e2", "1.5", "-999", "null", '"0"', "9007199254740993"),
  anomaly_flag: one("0", "1", "null", "true", "false", '"0"', "2"),
  anomaly_type: one("null", '"spike"', '"größer"', '"NA"', '"drift"'),
  note: anything,
  deep: fc.tuple(anything, anything, TEXTS).map(([a, b, c]) => `{"a":[${a}, {"grün" :${b}}],"on":${c},"none":[]}`),
  rssi: fc.oneof(NUMBERS, OTHERS),
} as const;
const OURS = Object.keys(USUAL) as (keyof typeof USUAL)[];
const FOREIGN: Readonly<Record<string, keyof typeof USUAL>> = {
  id: "sensor_id",
  ts: "timestamp",
  t: "temperature",
  h: "humidity",
  kind: "sensor_type",
  place: "location",
  st: "status_code",
  fl: "anomaly_flag",
  ty: "anomaly_type",
  n: "rpm",
};
const NAMES = [...OURS, ...Object.keys(FOREIGN), "timestamp_received", "__proto__", "7", "grön", "k\\u0065y"];

const CONVERSIONS = [
  ...[{}, { unit: "°F" }, { scale: 1.8, offset: 32 }, { scale: 1e308 }, { scale: -1 }],
  ...[{ unit_from: "note" }, { unit_from: "ty", unit: "K" }, { words: { spike: 7, na: null, true: 1, "21.5": 2 } }],
  ...[{ absent: [21.5, "spike"], unit: "°F" }, { decimal: "," }, { decimal: ".", absent: ["nan"] }],
] as const;
/** Of fields that are no measures. */
const OTHER_SAYINGS: Readonly<Record<string, readonly object[]>> = {
  status_code: [{}, { scale: 2, offset: 1 }, { words: { na: 200, "0": 7, false: null } }, { absent: [200] }],
  anomaly_flag: [{}, { words: { spike: 1, "0": 1, true: 0 } }, { absent: [1] }],
  anomaly_type: [{}, { words: { spike: "drift", "1": "one" } }, { absent: ["SPIKE"] }],
  timestamp: [{}, { absent: ["1970-01-01 00:00:00", 1] }],
  sensor_id: [{}, { words: { a: "b", "7": "seven" } }, { absent: ["b", 7] }],
  location: [{}, { words: { "hall 1": "Hall 2" } }],
};
const GERMAN = "%d.%m.%Y %H:%M:%S";
const FORMATS = [
  undefined,
  ...TIMESTAMP_FORMATS,
  GERMAN,
  [GERMAN, `${GERMAN}.%f`, `${GERMAN} %Z`],
  ["iso", GERMAN, "unix"],
  ["unix_s", "%Y%m%d"],
  "%d\\%m.%Y",
] as const;

function isNumeric(format: (typeof FORMATS)[number]): boolean {
  const names: readonly string[] = typeof format === "string" ? [format] : (format ?? []);
  return names.some((name) => /^unix|_day$/.test(name));
}

const anyTime = fc
  .record({
    format: fc.constantFrom(...FORMATS),
    zone: one(undefined, "Europe/Brussels", "+01:00"),
    missing: one(undefined, "arrival"),
    from: one(undefined, undefined, undefined, ["ts"], ["note", "ts"]),
  })
  .map(({ format, zone, missing, from }) => ({
    ...(format !== undefined && { format }),
    ...(zone !== undefined && { zone }),
    ...(missing !== undefined && { missing }),
    ...(from !== undefined && !(from.length > 1 && isNumeric(format)) && { from }),
  }));

/** Any map that `parseMapping` takes; what contradicts itself is left out. */
const anyMap = fc
  .record({
    foreign: fc.subarray(Object.keys(FOREIGN)),
    others: fc.subarray(["note", "7", "__proto__", "sensor_type"]),
    conversion: one(...CONVERSIONS),
    timestamp: anyTime,
    constants: fc.subarray(["sensor_id", "latitude", "sensor_type", "location"]),
    drop: fc.oneof(fc.subarray(["note", "rssi", "sensor_type", "humidity", "t", "7", "grön"]), one("rest" as const)),
    only: fc.boolean(),
    absent: fc.oneof(fc.constant([]), fc.subarray([...ABSENT])),
    text_numbers: fc.boolean(),
    decimal: one(undefined, undefined, undefined, ",", "."),
    sayings: fc.nat(3),
    hasSeveral: fc.boolean(),
  })
  .map(({ sayings, hasSeveral, decimal, foreign, others, conversion, constants, drop, only, timestamp, ...rest }) => {
    const from: readonly string[] = timestamp.from ?? [];
    const values = { sensor_id: "room", latitude: 4, sensor_type: "wind-turbine", location: "roof" } as const;
    const taken = new Set<string>(constants);
    const fields: Record<string, unknown> = {};
    const put = (name: string, to: string, how: object) => {
      if (hasSeveral ? Object.hasOwn(values, to) && constants.includes(to as "location") : taken.has(to)) return;
      taken.add(to);
      Object.defineProperty(fields, name, { value: { to, ...how }, enumerable: true, configurable: true });
    };
    const saying = (to: string) => OTHER_SAYINGS[to]?.[sayings] ?? {};
    for (const name of foreign) put(name, FOREIGN[name]!, name === "t" ? conversion : saying(FOREIGN[name]!));
    for (const name of others) put(name, "pressure", {});
    if (hasSeveral) for (const name of ["temperature", "sensor_id", "status_code"] as const) put(name, name, {});
    if (from.length > 0) {
      for (const [name, said] of Object.entries(fields)) {
        if (from.includes(name) || (said as { to: string }).to === "timestamp") delete fields[name];
      }
      taken.add("timestamp");
    }
    const needed = taken.has("timestamp") && taken.has("sensor_id");
    return {
      fields,
      ...(decimal !== undefined && { decimal }),
      ...(only && needed && { only: "mapped" }),
      timestamp,
      constants: Object.fromEntries(constants.map((name) => [name, values[name as keyof typeof values]])),
      drop: drop === "rest" ? drop : drop.filter((name) => !Object.hasOwn(fields, name) && !from.includes(name)),
      ...rest,
    };
  });

/** The same fields in every line, now and then with a value that is unusual, in another order, or one of them twice. */
const stream = anyMap.chain((map) => {
  const useful = (ours: string) => Object.keys(map.fields).find((name) => FOREIGN[name] === ours) ?? ours;
  const usual = (name: string) => USUAL[(FOREIGN[name] ?? name) as keyof typeof USUAL] ?? anything;
  return fc
    .tuple(fc.constant(map), fc.subarray(NAMES, { maxLength: 8 }), one(",", ", ", " , "))
    .chain(([, more, comma]) => {
      const names = [...new Set([useful("sensor_id"), useful("timestamp"), useful("temperature"), ...more])];
      const value = (name: string) =>
        fc.oneof({ weight: 12, arbitrary: usual(name) }, { weight: 1, arbitrary: anything });
      const values = fc.tuple(...names.map(value));
      const numeric = isNumeric(map.timestamp.format);
      const good = [
        one('"a"', '"b"'),
        numeric ? one("1700000000", "1700000005") : one('"2026-11-23T08:00:00Z"'),
        one("1", "2.5"),
      ];
      const goodValues = fc.tuple(...names.map((name, i) => good[i] ?? value(name)));
      const line = fc
        .tuple(fc.oneof({ weight: 3, arbitrary: goodValues }, { weight: 2, arbitrary: values }), fc.nat(20), fc.nat(20))
        .map(([written, turned, twice]) => {
          const parts = names.map((name, i) => `"${name}":${comma.slice(1)}${written[i]}`);
          const all = twice < parts.length && twice > 17 ? [...parts, parts[twice]!] : parts;
          return turned === 1 ? [...all.slice(1), all[0]!].join(comma) : all.join(comma);
        })
        .map((inner) => `{${inner}}`);
      return fc.tuple(fc.constant(map), fc.array(line, { minLength: 2, maxLength: 12 }));
    });
});

test("a line gives the same row by a template as by JSON.parse, under any map", () => {
  matched = 0;
  fc.assert(
    fc.property(stream, ([map, lines]) => expectSame(lines, parseMapping(JSON.stringify(map), "map.json", PROFILES))),
    { numRuns: cases(800) },
  );
  expect(matched).toBeGreaterThan(cases(100));
}, 300_000);

/** Few values and few fields, so that a line is often like the one before but for one value. */
const VALUE_MAPS: readonly object[] = [
  { fields: { t: { to: "temperature", unit: "°F", absent: [21.5, "na"] }, h: "humidity" }, text_numbers: true },
  { fields: { t: "temperature", temperature: { to: "temperature", unit: "K" } }, absent: ["na"] },
  { fields: { t: { to: "temperature", unit_from: "u" } } },
  { fields: { t: { to: "temperature", words: { na: 0, "1": 7, true: 3 } } }, text_numbers: true },
  { fields: { t: { to: "temperature", words: { na: null, "": 5 } } }, text_numbers: true },
  { fields: { t: { to: "temperature", scale: 0.1 } }, decimal: "," },
  { fields: { t: { to: "temperature", decimal: "," } }, text_numbers: true },
  { fields: { st: { to: "status_code", scale: 10, absent: [1] }, t: "temperature" } },
  { fields: { st: { to: "status_code", words: { na: 1 } }, u: { to: "anomaly_type", words: { C: "cold" } } } },
  { fields: { u: { to: "anomaly_flag", words: { C: 1, F: 0 } }, t: { to: "anomaly_flag", absent: [1] } } },
  { fields: { id: "sensor_id", sensor_id: "sensor_id", t: "temperature" }, text_numbers: true },
  { fields: { ts: "timestamp", t: "temperature" }, timestamp: { format: "unix_s" }, decimal: "," },
  { fields: { ts: "timestamp", t: "temperature" }, timestamp: { format: "unix_s" }, absent: ["NA", 1_700_000_001] },
];
const ODD = one("null", '"1"', '"21.5"', '"21,5"', '"na"', '"NA"', '""', "true", '"21.5 °C"', '"1.021"');
const SMALL = fc.oneof({ weight: 3, arbitrary: one("1", "21.5", "7") }, { weight: 1, arbitrary: ODD });

test("values that mean something else by a map mean the same in a line that is like the one before", () => {
  const lines = fc.array(
    fc.tuple(
      one(0, 0, 1),
      SMALL,
      SMALL,
      one("1", '"1"', '"21.5"'),
      one('"C"', '"C"', '"F"', '"X"', "null"),
      one(..."1111223n"),
    ),
    { minLength: 4, maxLength: 16 },
  );
  matched = 0;
  fc.assert(
    fc.property(one(...VALUE_MAPS), lines, (map, given) => {
      const isUnix = "timestamp" in map;
      const texts = given.map(([isOther, t, temperature, h, u, st], i) => {
        const time = isUnix ? (i % 2 ? `"170000000${i % 3}"` : `"170000000${i % 3}.5"`) : '"2026-11-23T08:00:00Z"';
        const fields = `"sensor_id":"a","${isUnix ? "ts" : "timestamp"}":${time},"t":${t},"u":${u},"st":${st === "n" ? "null" : st},"h":${h}`;
        return isOther ? `{${fields},"temperature":${temperature}}` : `{${fields}}`;
      });
      expectSame(texts, parseMapping(JSON.stringify(map), "map.json", PROFILES));
    }),
    { numRuns: cases(600) },
  );
  expect(matched).toBeGreaterThan(cases(100));
}, 300_000);
