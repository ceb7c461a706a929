import { expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import type { Profile } from "../../core/profile.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { cases } from "../../testing/needs.ts";
import { parseMapping } from "../map/map-file.ts";
import { type Mapping, NO_MAPPING } from "../row/fields.ts";
import { Normalizer } from "../row/normalize.ts";
import { TimestampReader } from "../row/timestamp.ts";
import { LineDecoder } from "./decoder.ts";
import { LineScan } from "./scan.ts";
import { LineSplitter } from "./splitter.ts";

const PROFILE: Profile = {
  name: "environmental",
  description: "",
  measures: ["temperature", "humidity", "pressure"].map((name) => ({ name, unit: "°C", plausible: [0, 1] as const })),
};
const TURBINE: Profile = {
  ...PROFILE,
  name: "wind-turbine",
  measures: [{ name: "rpm", unit: "rpm", plausible: [0, 1] }],
};

/** Every row as what it says, whatever the handles are. */
function rowsOf(text: string[], mapping: Mapping, fast: boolean): unknown[] {
  const catalogue = new SensorCatalogue();
  const options = { catalogue, profile: PROFILE, profiles: [TURBINE], mapping };
  const splitter = new LineSplitter(1 << 20);
  const block = new ReadingBlock(text.length + 1);
  let decoder = new LineDecoder(new Normalizer(options));
  for (const line of text) {
    splitter.push(Buffer.from(`${line}\n`));
    while (splitter.next()) {
      // A decoder that has seen no line has no template: this is the slow path.
      if (!fast) decoder = new LineDecoder(new Normalizer(options));
      decoder.decode(block, splitter, 0);
    }
  }
  return readingsOf(block, catalogue);
}

function expectSame(lines: string[], mapping: Mapping = NO_MAPPING): void {
  expect(rowsOf(lines, mapping, true)).toEqual(rowsOf(lines, mapping, false));
}

const number = fc.oneof(
  fc.integer({ min: -99_999, max: 99_999 }).map((n) => String(n / 100)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
  fc.constantFrom(
    "null",
    "0",
    "-0",
    "1e5",
    "0.1e-7",
    "-0.0",
    "123456789012",
    "12345678901234567890",
    "0.30000000000000004",
  ),
  fc.constantFrom(
    "1E+2",
    "9007199254740993",
    "1e999",
    "-1e999",
    "0.00000000000000000000000001",
    "01",
    "1.",
    ".5",
    "+1",
    "NaN",
    '"21.5"',
    "true",
    "[]",
  ),
);
const label = fc.constantFrom(
  "0",
  "1",
  "null",
  "true",
  "false",
  "2",
  '"0"',
  "200",
  "-3",
  "1.5",
  "1e2",
  "9007199254740993",
);
const type = fc.constantFrom(
  "null",
  '"spike"',
  '"sp\\u0069ke"',
  '"größer"',
  '""',
  "7",
  `"${"x".repeat(256)}"`,
  `"${"x".repeat(257)}"`,
  '"a\\u0000b"',
  '"\\ud800"',
);
const time = fc.constantFrom(
  '"2026-11-23T08:00:00.000Z"',
  '"2026-11-23 08:00:00"',
  '"2026-11-23T08:00:00.123456+01:00"',
  '"2026-02-30T08:00:00Z"',
  '"2026-11-23T08:00\\u003a00Z"',
  "1700000000",
  "1700000000.5",
  "null",
  '"1700000000"',
  '""',
);
const identity = fc.constantFrom(
  '"sensor_id":"a"',
  '"sensor_id":"b","location":"Hall 1"',
  '"sensor_id":"b","location":"Hall 2"',
  '"sensor_id":"gr\\u00f6n"',
  '"sensor_id":"grön"',
  '"sensor_id":"a","latitude":1.5',
  '"sensor_id":"a","latitude":"1.5"',
  '"sensor_id":7',
  '"location":"x"',
  '"sensor_id":"a","sensor_id":"b"',
  '"sensor_id":"t","sensor_type":"wind-turbine","rpm":12',
  '"\\u0073ensor_id":"a"',
  '"sensor_id":"a","sensor_type":"\\"sensor_id\\":\\"b\\""',
);
const unknown = fc.constantFrom(
  "",
  '"note":"x"',
  '"note":"y"',
  '"note":"é"',
  '"rssi":-60',
  '"rssi":-61.50',
  '"rssi":1e999',
  '"deep":{"a":[1,{"b":"}"}]}',
  '"on":true',
  '"7":1,"3":2',
  '"__proto__":{"x":1}',
  '"__proto__":5',
  '"note":null',
  '"n":12345678901234567890,"m":-0',
  '"temperature":5',
  '"sno":"4"',
  '"sno":5',
  '"sno":[1]',
  '"x":"\\n"',
  '"sno":true',
);

const line = fc
  .record({
    identity,
    time,
    t: number,
    h: number,
    status: label,
    flag: label,
    type,
    unknown,
    order: fc.nat(5),
    space: fc.constantFrom("", "", " ", "\t"),
  })
  .map(({ identity, time, t, h, status, flag, type, unknown, order, space }) => {
    const parts = [
      identity,
      `"timestamp":${time}`,
      `"temperature":${t}`,
      `"humidity":${space}${h}`,
      unknown,
      `"status_code":${status}`,
      `"anomaly_flag":${flag}`,
      `"anomaly_type":${type}`,
    ];
    const turned = [...parts.slice(order), ...parts.slice(0, order)].filter((part) => part !== "");
    return `{${turned.join(`,${space}`)}}`;
  });
/** A stream of lines as sensors write them: mostly alike, with a change of one part now and then, and some broken bytes. */
const stream = fc
  .array(
    fc.record({
      line,
      again: fc.nat(3),
      cut: fc.option(fc.tuple(fc.nat(300), fc.constantFrom("", "}", '"', ",", "0", "x", "\u0000", "\\", "é"))),
    }),
    { maxLength: 12 },
  )
  .map((items) =>
    items.flatMap(({ line, again, cut }) => {
      const broken =
        cut === null ? [] : [line.slice(0, cut[0] % line.length) + cut[1] + line.slice((cut[0] % line.length) + 1)];
      return [...Array.from({ length: again + 1 }, () => line), ...broken, line];
    }),
  );

test("a line gives the same row whether a template or JSON.parse reads it", () => {
  fc.assert(
    fc.property(stream, (lines) => expectSame(lines)),
    { numRuns: cases(250) },
  );
});

test("the same is true under every kind of mapping", () => {
  const maps = [
    { text_numbers: true, drop: ["sno"], absent: [-999, "NA", 5] },
    {
      constants: { sensor_id: "room", latitude: 4 },
      fields: { temperature: { to: "temperature", scale: 1.8, offset: 32 } },
      drop: ["sno"],
    },
    {
      timestamp: { format: "unix_s" },
      text_numbers: true,
      fields: { humidity: "temperature", temperature: "humidity" },
    },
    { timestamp: { zone: "America/New_York" }, fields: { sensor_id: "sensor_id", note: "location" } },
  ].map((map) => parseMapping(JSON.stringify(map), "map.json", [PROFILE, TURBINE]));
  fc.assert(
    fc.property(stream, fc.constantFrom(...maps), (lines, mapping) => expectSame(lines, mapping)),
    { numRuns: cases(250) },
  );
});

test("two sensors that differ in one value are distinct, and so are changes of one sensor", () => {
  const of = (place: string, celsius: number): string =>
    `{"sensor_id":"a","location":"${place}","timestamp":"2026-11-23T08:00:00.000Z","temperature":${celsius}}`;
  const lines = [of("x", 1), of("x", 2), of("y", 3), of("x", 4), of("y", 5), of("yy", 6), of("x", 7)];
  const rows = rowsOf(lines, NO_MAPPING, true) as { identity: unknown[]; measures: [string, number][] }[];
  expect(rows.map(({ identity, measures }) => [identity[4], measures[0]![1]])).toEqual([
    ["x", 1],
    ["x", 2],
    ["y", 3],
    ["x", 4],
    ["y", 5],
    ["yy", 6],
    ["x", 7],
  ]);
});

test("a number is read from bytes as exactly the double that JSON.parse gives", () => {
  const scan = new LineScan(new TimestampReader());
  const text = fc.oneof(
    fc.stringMatching(/^-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?$/),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  );
  fc.assert(
    fc.property(text, (written) => {
      const bytes = Buffer.from(`${written},`);
      expect(scan.number(bytes, 0)).toBe(written.length);
      expect(Object.is(scan.value, JSON.parse(written))).toBe(true);
    }),
    { numRuns: cases(8_000) },
  );
  for (const wrong of ["", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "NaN", "x"]) {
    expect([wrong, scan.number(Buffer.from(`${wrong},`), 0)]).toEqual([wrong, -1]);
  }
});

test("values that change within unknown objects and arrays leave a line on the fast path", () => {
  const lineOf = (i: number) =>
    `{"sensor_id":"a","timestamp":"2026-11-23T08:00:0${i}Z","temperature":${i},"on":${i % 2 === 0},"deep":{"a":[${i}, {"b":"x${i}"}],"ö":null}, "rssi":-${i}0.50,"fw":"1.2"}`;
  const lines = Array.from({ length: 9 }, (_, i) => lineOf(i + 1));
  const parse = spyOn(JSON, "parse");
  try {
    rowsOf(lines, NO_MAPPING, true);
    expect(parse).toHaveBeenCalledTimes(1);
  } finally {
    parse.mockRestore();
  }
  expectSame(lines);
});
