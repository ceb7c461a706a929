import { expect, test } from "bun:test";
import { readLine, readLines } from "../../testing/mapped-lines.ts";

const AT = '"at":"2024-01-01T00:00:00Z"';
const timestamp = "2024-01-01T00:00:00.000Z";
const FIELDS = { id: "sensor_id", at: "timestamp" } as const;

/** The measure that this path reads, and what is left in `extra`. */
function read(path: string, json: string): [temperature: unknown, extra: unknown] {
  const map = { fields: { id: "sensor_id", at: "timestamp", [path]: "temperature" } };
  const [reading] = readLine(map, `{"id":"a",${AT},${json}}`);
  return [reading?.["temperature"] ?? null, reading?.["extra"] ?? null];
}

test("a path goes through objects and arrays, and what it does not read stays as it was received", () => {
  const cases: [path: string, json: string, temperature: number | null, extra: string | null][] = [
    ["a.b", '"a":{"b":1.50}', 1.5, null],
    ["a.b", '"a":{"b":1,"c":2.50}', 1, '{"a":{"c":2.50}}'],
    ["a.b", '"a": { "x" : 9007199254740993 , "b" : 1 , "c" : [ 1 ] }', 1, '{"a":{"x":9007199254740993,"c":[ 1 ]}}'],
    ["a.b.c", '"a":{"b":{"c":1},"d":{}}', 1, '{"a":{"d":{}}}'],
    ["a[1]", '"a":[5,6,7]', 6, '{"a":[5,null,7]}'],
    ["a[0].v", '"a":[{"v":1},{"v":2}]', 1, '{"a":[null,{"v":2}]}'],
    ["a[0].v", '"a":[{"v":1,"n":"x"}]', 1, '{"a":[{"n":"x"}]}'],
    ["a[0]", '"a":[3]', 3, null],
    ["a[0][1]", '"a":[[1,2]]', 2, '{"a":[[1,null]]}'],
    // The whole name wins, also where there is an object of its first part.
    ["a.b", '"a":{"b":1},"a.b":2', 2, '{"a":{"b":1}}'],
    ["a.b", '"a":1,"a.b":2', 2, '{"a":1}'],
    ["a\\.b", '"a.b":2', 2, null],
    ["a\\.b.c", '"a.b":{"c":2}', 2, null],
    ["a\\[0]", '"a[0]":2', 2, null],
    ["Temp. outside", '"Temp. outside":2', 2, null],
    ["T [°C]", '"T [°C]":2', 2, null],
    // There is no such value.
    ["a.b", '"a":1', null, '{"a":1}'],
    ["a.b", '"a":[1]', null, '{"a":[1]}'],
    ["a[0]", '"a":{"0":1}', null, '{"a":{"0":1}}'],
    ["a[5]", '"a":[1]', null, '{"a":[1]}'],
    ["a.length", '"a":[1]', null, '{"a":[1]}'],
    ["a.toString", '"a":{}', null, '{"a":{}}'],
    ["a.b", '"a":{"b":null}', null, null],
    // Names that JavaScript has for itself, names with escapes, a name twice.
    ["a.__proto__", '"a":{"__proto__":1}', 1, null],
    ["__proto__.a", '"__proto__":{"a":1,"b":2}', 1, '{"__proto__":{"b":2}}'],
    ["a.k\u00e9y", '"a":{"k\\u00e9y":1,"\\"q\\"":2}', 1, '{"a":{"\\"q\\"":2}}'],
    ["a.b", '"a":{"b":1,"b":2,"c":3}', 2, '{"a":{"c":3}}'],
    ["a.b", '"a":{"b":7},"a":{"b":2,"c":3}', 2, '{"a":{"c":3}}'],
  ];
  for (const [path, json, temperature, extra] of cases) {
    expect([path, json, read(path, json)]).toEqual([path, json, [temperature, extra]]);
  }
});

test("a value within an object that cannot be read is noted by its path, as it was received", () => {
  const map = { fields: { id: "sensor_id", at: "timestamp", "a.t": "temperature", "a.h": "humidity" } };
  const { readings, flaws } = readLines(map, [
    `{"id":"a",${AT},"a":{"t":nan,"h":40}}`,
    `{"id":"a",${AT},"a":{"t":"NaN","h":41,"x":-inf}}`,
    `{"id":"a",${AT},"a":{"t":[1],"h":42}}`,
  ]);
  const notes = (reason: string, received: unknown) => ({ bad_fields: { "a.t": { reason, received } } });
  expect(readings.map(({ humidity, extra }) => [humidity, JSON.parse(String(extra))])).toEqual([
    [40, notes("not_finite", "nan")],
    [41, { a: { x: "-inf" }, bad_fields: notes("not_finite", "NaN").bad_fields }],
    [42, notes("wrong_type", [1])],
  ]);
  expect(flaws).toEqual([
    expect.stringContaining("not_finite a.t: a.t is NaN"),
    expect.stringContaining("wrong_type a.t: a.t is an array"),
  ]);
});

test("a text that is an id comes through a path digit by digit, and into a composed one", () => {
  const map = {
    fields: { "dev.eui": "serial_number", at: "timestamp" },
    compose: { sensor_id: "{dev.eui}/{dev.port}" },
  };
  expect(readLine(map, `{${AT},"dev":{"eui":2882429806056571124,"port":1.50}}`)).toEqual([
    { sensor_id: "2882429806056571124/1.50", serial_number: "2882429806056571124", timestamp },
  ]);
});

test("paths are dropped within objects, and names by patterns, but what the map names is read", () => {
  const map = {
    fields: { id: "sensor_id", at: "timestamp", "Signal t": "temperature" },
    drop: ["wifi.rssi", "Signal *", "arr[0]", "x\\.y", "?"],
  };
  const line = `{"id":"a",${AT},"wifi":{"rssi":-60,"ssid":"w"},"Signal t":1,"Signal 1":2,"signal 1":3,"arr":[1,2],"x.y":4,"q":5}`;
  expect(readLine(map, line)).toEqual([
    { sensor_id: "a", timestamp, temperature: 1, extra: '{"wifi":{"ssid":"w"},"signal 1":3,"arr":[null,2]}' },
  ]);
  expect(readLine({ fields: { id: "sensor_id", at: "timestamp", "w.t": "temperature" }, drop: "rest" }, line)).toEqual([
    { sensor_id: "a", timestamp },
  ]);
  // A pattern leaves out a field of our name, as a name in drop does.
  expect(readLine({ fields: FIELDS, drop: ["temp*"] }, `{"id":"a",${AT},"temperature":1,"humidity":2}`)).toEqual([
    { sensor_id: "a", timestamp, humidity: 2 },
  ]);
});

test("an item's own field wins, and nothing of the fields around it is lost", () => {
  const map = { each: "list[]", fields: { id: "sensor_id", at: "timestamp", v: "temperature" } };
  const line = `{"id":"gateway","v":0,${AT},"list":[{"id":"a","v":1},{"v":2},{"id":"c"}],"n":{"x":1}}`;
  expect(readLine(map, line)).toEqual([
    { sensor_id: "a", timestamp, temperature: 1, extra: '{"id_":"gateway","v_":0,"n":{"x":1}}' },
    { sensor_id: "gateway", timestamp, temperature: 2, extra: '{"v_":0,"n":{"x":1}}' },
    { sensor_id: "c", timestamp, temperature: 0, extra: '{"id_":"gateway","n":{"x":1}}' },
  ]);
});

test("a member's name is kept where nothing reads it; members that are no objects are fields around the readings", () => {
  const map = { each: "s.*", fields: { id: "sensor_id", at: "timestamp", t: "temperature" } };
  expect(readLine(map, `{"id":"a",${AT},"s":{"one":{"t":1},"count":2,"two":{"t":2}}}`)).toEqual([
    { sensor_id: "a", timestamp, temperature: 1, extra: '{"s":{"count":2},"@key":"one"}' },
    { sensor_id: "a", timestamp, temperature: 2, extra: '{"s":{"count":2},"@key":"two"}' },
  ]);
});

test("scalars, nulls and arrays are items too; several paths give all of their items", () => {
  const map = {
    each: ["t[]", "s.*"],
    fields: { id: "sensor_id", at: "timestamp", value: "temperature", "@key": "model" },
  };
  expect(readLine(map, `{"id":"a",${AT},"t":[1.5,null],"s":{"x":{"value":3}}}`)).toEqual([
    { sensor_id: "a", model: "0", timestamp, temperature: 1.5 },
    { sensor_id: "a", model: "1", timestamp },
    { sensor_id: "a", model: "x", timestamp, temperature: 3 },
  ]);
  const one = { each: ["t[]", "u[]"], fields: { id: "sensor_id", at: "timestamp", value: "temperature" } };
  expect(readLine(one, `{"id":"a",${AT},"u":[2]}`)).toEqual([{ sensor_id: "a", timestamp, temperature: 2 }]);
  const root = { each: "[]", fields: FIELDS };
  expect(readLine(root, `[{"id":"a",${AT}},{"id":"b",${AT},"temperature":nan,"humidity":1}]`)).toMatchObject([
    { sensor_id: "a" },
    { sensor_id: "b", humidity: 1, extra: expect.stringContaining("not_finite") },
  ]);
});

test("an item that is no reading is malformed by itself, a record without any as a whole", () => {
  const map = { each: "list[]", fields: FIELDS };
  const some = `{${AT},"list":[{"id":"a"},{"ID":"b"},{"id":"c"},7]}`;
  expect(readLine(map, some)).toEqual([
    { sensor_id: "a", timestamp },
    { sensor_id: "c", timestamp },
    { malformed: "missing_field: list[1]: id is missing", received: '{"ID":"b"}' },
    { malformed: "missing_field: list[3]: id is missing", received: "7" },
  ]);
  const none = `{${AT},"list":[{"ID":"b"},{}]}`;
  expect(readLine(map, none)).toEqual([
    { malformed: "missing_field: list[0]: id is missing (and 1 more of its readings)", received: none },
  ]);
  const members = { each: "s.*", fields: { at: "timestamp", id: "sensor_id" } };
  expect(readLine(members, `{${AT},"s":{"x y":{"t":1},"b":{"id":"q"}}}`)).toEqual([
    { sensor_id: "q", timestamp, extra: '{"@key":"b"}' },
    { malformed: "missing_field: s.x y: id is missing", received: '{"x y":{"t":1}}' },
  ]);
});

test("a record without the items is malformed, unless the map leaves it out; one of too many is", () => {
  const map = { each: "list[]", fields: FIELDS, where: { field: "kind", not_equals: "hello" } };
  const { readings, filtered } = readLines(map, [
    `{"id":"a",${AT}}`,
    `{"id":"a",${AT},"kind":"hello"}`,
    `{"id":"a",${AT},"list":[]}`,
    `{"id":"a",${AT},"list":{"0":{}}}`,
    "[]",
    "7",
  ]);
  expect(filtered).toBe(2);
  expect(readings.map(({ malformed }) => malformed)).toEqual([
    'missing_field: no reading is at "list[]"',
    'missing_field: no reading is at "list[]"',
    'missing_field: no reading is at "list[]"',
    'missing_field: no reading is at "list[]"',
  ]);
  const many = (count: number) => `{"id":"a",${AT},"list":[${"1,".repeat(count - 1)}1]}`;
  expect(readLine({ each: "list[]", fields: FIELDS }, many(10_000)).length).toBe(10_000);
  expect(readLine({ each: "list[]", fields: FIELDS }, many(10_001))).toEqual([
    { malformed: "too_many_readings: the record has more than 10000 readings", received: many(10_001) },
  ]);
  const wide = `{"id":"a",${AT},"note":"${"x".repeat(20_000)}","list":[${"1,".repeat(999)}1]}`;
  expect(readLine({ each: "list[]", fields: FIELDS }, wide)).toEqual([
    { malformed: expect.stringContaining("text_too_long: the fields around its 1000 readings"), received: wide },
  ]);
});

test("extract takes texts apart, the first pattern that fits, and what it does not use is a field", () => {
  const map = {
    extract: { "@file": ["{site}_{device}-{rest}", "{device}"], "n.path": "{}/{level}/{{x}}" },
    fields: { at: "timestamp", device: "sensor_id", level: "location" },
  };
  const line = `{${AT},"n":{"path":"a/b/{x}"},"device":"theirs"}`;
  expect(readLine(map, line, { "@file": "north_th1-2024-01" })).toEqual([
    { sensor_id: "th1", location: "b", timestamp, extra: '{"site":"north","rest":"2024-01","device_":"theirs"}' },
  ]);
  expect(readLine(map, `{${AT},"n":{"path":"none"}}`, { "@file": "th1" })).toEqual([
    { sensor_id: "th1", timestamp, extra: '{"n":{"path":"none"}}' },
  ]);
});

test("a composed id wins over a field of its name, and misses where a part is missing or absent", () => {
  const map = { fields: { at: "timestamp" }, compose: { sensor_id: "{site}-{ch}" }, absent: ["NA", -1] };
  const missing = 'missing_field: sensor_id is missing: a part of "{site}-{ch}" has no value';
  expect(
    [
      `"site":"s","ch":1,"sensor_id":"x"`,
      `"site":"s"`,
      `"site":"NA","ch":1`,
      `"site":"s","ch":-1`,
      `"site":"","ch":1`,
    ].map((json) => readLine(map, `{${AT},${json}}`)[0]),
  ).toEqual([
    { sensor_id: "s-1", timestamp, extra: '{"sensor_id_":"x"}' },
    ...[2, 3, 4, 5].map(() => expect.objectContaining({ malformed: missing })),
  ]);
  const withId = { fields: { at: "timestamp" }, compose: { sensor_id: "{site}/{sensor_id}" } };
  expect(readLine(withId, `{${AT},"site":"s","sensor_id":"x"}`)).toEqual([{ sensor_id: "s/x", timestamp }]);
});

test("what is known beside a record is read like a field, and a field of the same name is kept", () => {
  const map = {
    fields: { at: "timestamp", "@topic[1]": "sensor_id", "@header.X-Site": "location", "@query.m": "model" },
  };
  const context = { "@topic": "a/b/c", "@header.x-site": "north", "@query.m": "q", "@table": "t" } as const;
  expect(readLine(map, `{${AT},"@topic":"theirs"}`, context)).toEqual([
    { sensor_id: "b", location: "north", model: "q", timestamp, extra: '{"@topic":"theirs"}' },
  ]);
  expect(readLine(map, `{${AT}}`)).toEqual([
    expect.objectContaining({ malformed: "missing_field: @topic[1] is missing" }),
  ]);
});

test("a record or an item in which no member or item is a reading is malformed; one that is empty is left out", () => {
  const map = { each: "d[].c.*", fields: { id: "sensor_id", at: "timestamp", t: "temperature" } };
  const read = (d: string, more = "") => readLines(map, [`{"id":"a",${AT}${more},"d":${d}}`]);
  const good = `{"mac":"m","c":{"x":{"t":1}}}`;
  const reading = { sensor_id: "a", timestamp, temperature: 1, extra: '{"mac":"m","@key":"x"}' };
  expect(read(`[${good},{"mac":"n"},{"mac":"o","c":{"count":2}},{"mac":"p","c":{}},5,${good}]`)).toMatchObject({
    filtered: 1,
    readings: [
      reading,
      reading,
      { malformed: 'missing_field: d[1]: no reading is at "d[].c.*"', received: '{"mac":"n"}' },
      { malformed: 'missing_field: d[2]: no reading is at "d[].c.*"', received: '{"mac":"o","c":{"count":2}}' },
      { malformed: 'missing_field: d[4]: no reading is at "d[].c.*"', received: "5" },
    ],
  });
  expect(read(`[{"mac":"n"}]`).readings).toEqual([
    {
      malformed: 'missing_field: d[0]: no reading is at "d[].c.*"',
      received: `{"id":"a",${AT},"d":[{"mac":"n"}]}`,
    },
  ]);
  const both = { each: ["d[].a[]", "d[].b[]"], fields: { id: "sensor_id", at: "timestamp", value: "temperature" } };
  expect(readLine(both, `{"id":"a",${AT},"d":[{"a":[1]},{"b":[2]},{"c":[3]}]}`)).toEqual([
    { sensor_id: "a", timestamp, temperature: 1 },
    { sensor_id: "a", timestamp, temperature: 2 },
    { malformed: 'missing_field: d[2]: no reading is at "d[].a[]" or "d[].b[]"', received: '{"c":[3]}' },
  ]);
  const members = { each: "*", fields: { id: "sensor_id", at: "timestamp" } };
  const none = `{"id":"a",${AT},"uptime":7}`;
  expect(readLine(members, none)).toEqual([{ malformed: 'missing_field: no reading is at "*"', received: none }]);
  expect(readLines(members, ["{}"])).toMatchObject({ readings: [], filtered: 1 });
  const wanted = { each: "d[].c[]", fields: { id: "sensor_id" }, where: { field: "kind", equals: "x" } };
  expect(readLines(wanted, [`{"d":[{"kind":"y"}]}`])).toMatchObject({ readings: [], filtered: 1 });
});

test("a part of a text that has one of our names is read, as a field that the map names", () => {
  const map = { extract: { "@topic": "{location}/{sensor_id}" }, fields: { at: "timestamp", t: "temperature" } };
  const topic = { "@topic": "hall/a" } as const;
  const line = `{${AT},"t":1,"sensor_id":"theirs"}`;
  const read = { sensor_id: "a", location: "hall", timestamp, temperature: 1 };
  expect(readLine(map, line, topic)).toMatchObject([read]);
  expect(readLine(map, line, topic)[0]?.["extra"]).toBe('{"sensor_id_":"theirs"}');
  expect(readLine(Object.assign({ only: "mapped", drop: ["*"] }, map), line, topic)).toEqual([read]);
});

test("a path leads into a text that is a JSON object, which stays as it is; another text has no parts", () => {
  const map = {
    fields: { "m.id": "sensor_id", at: "timestamp", "p.d[0].t": "temperature" },
    compose: { location: "{p.site.nr}" },
    where: { field: "p.kind", not_equals: "x" },
  };
  const text = JSON.stringify('{"d":[{"t":21.50}],"site":{"nr":9007199254740993}}');
  expect(readLine(map, `{${AT},"m":"{\\"id\\":\\"a\\"}","p":${text}}`)).toEqual([
    {
      sensor_id: "a",
      location: "9007199254740993",
      timestamp,
      temperature: 21.5,
      extra: `{"m":"{\\"id\\":\\"a\\"}","p":${text}}`,
    },
  ]);
  expect(readLine(map, `{${AT},"m":{"id":"a"},"p":"{d"}`)).toEqual([
    { sensor_id: "a", timestamp, extra: '{"p":"{d"}' },
  ]);
});
