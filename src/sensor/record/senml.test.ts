/** Packs of RFC 8428: its own examples, and what the agent says of others. */
import { expect, test } from "bun:test";
import { readLine, readLines, TAKEN_AT } from "../../testing/mapped-lines.ts";

const MAP = { each: "senml", fields: { bn: "sensor_id", t: "timestamp" }, timestamp: { format: "unix_s" } };

/** What the pack becomes: time, measures and what is in `extra`. */
function read(pack: unknown, map: object = MAP): Record<string, unknown>[] {
  return readLine(map, typeof pack === "string" ? pack : JSON.stringify(pack));
}

test("names and times are resolved: base fields hold from their entry on, until they change", () => {
  const pack = [
    { bn: "urn:dev:ow:10e2073a01080063", bt: 1.320067464e9, bu: "%RH", n: "humidity", v: 20 },
    { u: "lon", n: "lon", v: 24.30621 },
    { t: 60, n: "humidity", v: 20.3 },
    { bn: "other", bt: 1320067500, n: "humidity", t: 24, v: 21 },
  ];
  expect(read(pack)).toEqual([
    {
      sensor_id: "urn:dev:ow:10e2073a01080063",
      timestamp: "2011-10-31T13:24:24.000Z",
      humidity: 20,
      extra: '{"lon":24.30621,"u":{"humidity":"%RH","lon":"lon"}}',
    },
    {
      sensor_id: "urn:dev:ow:10e2073a01080063",
      timestamp: "2011-10-31T13:25:24.000Z",
      humidity: 20.3,
      extra: '{"u":{"humidity":"%RH"}}',
    },
    { sensor_id: "other", timestamp: "2011-10-31T13:25:24.000Z", humidity: 21, extra: '{"u":{"humidity":"%RH"}}' },
  ]);
});

test("a time below 2^28 is relative to now, and a pack without one is of now: the reading says arrival", () => {
  const at = (ms: number) => new Date(TAKEN_AT + ms).toISOString();
  const pack = [
    { bn: "a", n: "temperature", v: 1 },
    { n: "temperature", t: -5.5, v: 2 },
    { n: "temperature", t: 60, v: 3 },
    { bt: -10, n: "temperature", t: 1, v: 4 },
    { bt: 2 ** 28, n: "temperature", v: 5 },
  ];
  const seen = (lines: readonly string[]) =>
    readLines(MAP, lines).readings.map((each) => [each["timestamp"], each["temperature"], each["time_quality"]]);
  expect(seen([JSON.stringify(pack)])).toEqual([
    [at(0), 1, "arrival"],
    [at(-5_500), 2, "arrival"],
    [at(60_000), 3, "arrival"],
    [at(-9_000), 4, "arrival"],
    ["1978-07-04T21:24:16.000Z", 5, undefined],
  ]);
  // Whichever way of reading the lines before have made the usual one.
  const times = [1_704_110_700, 1_704_110_760, -60, -60, 1_704_110_820, undefined, 1_704_110_880];
  const lines = times.map((t) => JSON.stringify([{ bn: "a", n: "temperature", t, v: 1 }]));
  expect(seen(lines)).toEqual(
    times.map((t) => {
      const isOwn = t !== undefined && t > 0;
      return [isOwn ? new Date(t * 1_000).toISOString() : at((t ?? 0) * 1_000), 1, isOwn ? undefined : "arrival"];
    }),
  );
});

test("a sum of times has no digits that neither had, and a time alone keeps its own", () => {
  const times = (pack: unknown) => read(pack).map(({ timestamp, extra }) => [timestamp, extra]);
  expect(times([{ bn: "a", bt: 1320067464.1, t: 0.223, n: "temperature", v: 1 }])).toEqual([
    ["2011-10-31T13:24:24.323Z", undefined],
  ]);
  expect(times('[{"bn":"a","t":1320067464.123456789,"n":"temperature","v":1}]')).toEqual([
    ["2011-10-31T13:24:24.123Z", '{"timestamp_received":1320067464.123456789}'],
  ]);
});

test("base values and sums are added; texts, booleans, data and sums are kept, and digits stay", () => {
  const pack =
    '[{"bn":"a","bt":1320067464,"bv":20,"bs":100,"n":"temperature","v":1.5},{"n":"humidity"},{"n":"energy","s":5.50},' +
    '{"bv":0,"bs":0,"n":"count","v":9007199254740993},{"n":"label","vs":"x"},{"n":"open","vb":true},{"n":"raw","vd":"AQ"},{"n":"s","s":7.10}]';
  expect(read(pack)).toEqual([
    {
      sensor_id: "a",
      timestamp: "2011-10-31T13:24:24.000Z",
      temperature: 21.5,
      humidity: 20,
      extra:
        '{"energy":20,"count":9007199254740993,"label":"x","open":true,"raw":"AQ","s":null,' +
        '"s_":{"temperature":100,"humidity":100,"energy":105.5,"s":7.10}}',
    },
  ]);
});

test("a known unit is converted where the map names none; one of something else is a problem of its field", () => {
  const pack = [
    { bn: "a", bt: 1320067464, n: "temperature", u: "K", v: 300.15 },
    { n: "humidity", u: "/", v: 0.5 },
    { n: "pressure", u: "Cel", v: 1 },
    { n: "voltage", u: "mV", v: 3300 },
  ];
  const map = { each: "senml", timestamp: MAP.timestamp, drop: ["u"] };
  const fields = { bn: "sensor_id", t: "timestamp", voltage: { to: "voltage", scale: 2 } };
  expect(read(pack, { each: map.each, timestamp: map.timestamp, drop: map.drop, fields })).toEqual([
    {
      sensor_id: "a",
      timestamp: "2011-10-31T13:24:24.000Z",
      temperature: 27,
      humidity: 50,
      voltage: 6600,
      extra: '{"bad_fields":{"pressure":{"reason":"unknown_unit","received":1}}}',
    },
  ]);
});

test("a unit that is not known never becomes a number, with u kept or dropped; no unit is ours, and so are lat and lon", () => {
  const line = (id: string, u: string | undefined, v: number) => [
    { bn: id, bt: 1320067464, n: "temperature", u, v },
    { n: "humidity", v: 50 },
  ];
  for (const drop of [[], ["u"]]) {
    const map = { ...MAP, drop };
    const units = ["far", "xyzzy", "count", "lx", "cel", "", undefined];
    const temperatures = units.flatMap((u) => read(line("a", u, 70), map).map(({ temperature }) => temperature));
    expect(temperatures).toEqual([undefined, undefined, undefined, undefined, undefined, 70, 70]);
    expect(read(line("a", "far", 70).slice(0, 1), map).map(({ malformed }) => malformed)).toEqual([
      'unknown_unit: temperature is in "far", which is not a known unit',
    ]);
    // A line like one that was read before takes the short way.
    const lines = ["K", "K", "far", "far", "K"].map((u) => JSON.stringify(line("a", u, 300)));
    expect(readLines(map, lines).readings.map(({ temperature }) => temperature)).toEqual([
      26.85,
      26.85,
      undefined,
      undefined,
      26.85,
    ]);
  }
  const place = [
    { bn: "a", bt: 1320067464, n: "latitude", u: "lat", v: 50.45 },
    { n: "longitude", u: "lon", v: 30.52 },
    { n: "humidity", u: "/100", v: 45 },
  ];
  expect(read(place, { ...MAP, drop: ["u"] })).toMatchObject([{ latitude: 50.45, longitude: 30.52, humidity: 45 }]);
});

test("a name twice at one time is two readings; a value without a name, t, bn and unknown fields have theirs", () => {
  expect(
    read([
      { bver: 5 },
      { bn: "a", bt: 1320067464, vendor: "v" },
      { n: "temperature", v: 1 },
      { n: "temperature", v: 2 },
      { v: 3, x: 1 },
      { n: "t", v: 4 },
      { n: "bn", v: 5, ut: 60 },
    ]),
  ).toEqual([
    {
      sensor_id: "a",
      timestamp: "2011-10-31T13:24:24.000Z",
      temperature: 1,
      extra: '{"vendor":{"":"v"}}',
    },
    {
      sensor_id: "a",
      timestamp: "2011-10-31T13:24:24.000Z",
      temperature: 2,
      extra: '{"value":3,"t_":4,"bn_":5,"x":{"value":1},"ut":{"bn_":60}}',
    },
  ]);
});

test("what is no pack, or one that must be understood and is not, is malformed as a whole", () => {
  const problems = (pack: unknown) => read(pack).map(({ malformed }) => malformed);
  const good = { bn: "a", bt: 1320067464, n: "temperature", v: 1 };
  expect(problems({ bn: "a" })).toEqual(["wrong_type: the record is not a SenML pack, which is an array of objects"]);
  expect(problems([good, 5])).toEqual(["wrong_type: the record is not a SenML pack, which is an array of objects"]);
  expect(problems([{ bver: 11 }, good])).toEqual([
    "wrong_type: [0]: bver is 11, at most version 10 of SenML is understood",
  ]);
  expect(problems([good, { n: "x", v: 1, must_: 1 }])).toEqual([
    'wrong_type: [1]: "must_" must be understood, and is not',
  ]);
  expect(problems([good, { n: "x", v: 1, t: "now" }])).toEqual(["wrong_type: [1]: t is not a number"]);
  expect(problems([{ bt: 1320067464, n: "temperature", v: 1 }])).toEqual(["missing_field: bn is missing"]);
  expect(read([])).toEqual([]);
  const many = Array.from({ length: 10_001 }, (_, i) => ({ bn: "a", n: "temperature", t: 1_320_067_464 + i, v: 1 }));
  expect(problems(many)).toEqual(["too_many_readings: the record has more than 10000 readings"]);
});
