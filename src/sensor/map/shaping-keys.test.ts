import { expect, test } from "bun:test";
import { UsageError } from "../../core/errors.ts";
import { readLines } from "../../testing/mapped-lines.ts";
import { loadProfile } from "../profile/shipped.ts";
import { parseMapping } from "./map-file.ts";

const PROFILE = loadProfile("environmental");

function problemsOf(map: unknown): string[] {
  try {
    parseMapping(typeof map === "string" ? map : JSON.stringify(map), "map.json", [PROFILE]);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message.split("\n");
  }
}

test("problems of shaping have their place, and say what was probably meant", () => {
  const map = `{
  "fields": { "t": "timestamp", "@tpoic": "location", "x": "model" },
  "where": [ { "field": "q", "equls": 1 },
             { "field": "q" } ],
  "extract": { "@topic": "tele/{device}{rest}",
               "id": ["{a", "none", "{a}/{a}", "{a}/}"] },
  "each": "values",
  "compose": { "model": "{x}", "sensor_id": "none", "latitude": "{x}", "location": "{}-{x}" }
}`;
  expect(problemsOf(map)).toEqual([
    'map.json:2:33: fields.@tpoic: "@tpoic" is not known beside a record; did you mean @topic?',
    "map.json:3:30: where[0].equls: is not known here; did you mean equals?",
    "map.json:4:14: where[1]: asks nothing of the field: give it one of equals, not_equals, in, not_in, like, not_like, exists",
    "map.json:5:26: extract.@topic: has nothing between {device} and {rest}: where does one end?",
    'map.json:6:23: extract.id[0]: has a "{" without a "}"; write {{ for a brace',
    "map.json:6:29: extract.id[1]: has no {name}: nothing would be taken out of the text",
    "map.json:6:37: extract.id[2]: has one {name} twice",
    'map.json:6:48: extract.id[3]: has a "}" without a "{"; write }} for a brace',
    'map.json:7:11: each: must end in [] (the items of an array) or * (the members of an object): "values[]" or "values.*"',
    'map.json:8:25: compose.model: is made here, and a field leads to "model" as well',
    "map.json:8:45: compose.sensor_id: names no {field}: a text of no field is a constant",
    expect.stringContaining("map.json:8:53: compose.latitude: is not known here; known are sensor_id, "),
    "map.json:8:84: compose.location: has {} without the name of a field",
  ]);
});

test("keys that contradict each other are problems", () => {
  const fields = { t: "timestamp", bn: "sensor_id" };
  expect(problemsOf({ each: "senml", fields })).toEqual([
    'map.json:1:9: each: makes "t" of a SenML pack, in seconds since 1970: "timestamp" needs "format": "unix_s"',
  ]);
  expect(problemsOf({ each: "senml", fields, timestamp: { format: ["iso", "unix_s"] } })).toEqual([]);
  expect(problemsOf({ fields: { "@key": "sensor_id", "@key[0]": "model", "@query": "location" } })).toEqual([
    'map.json:1:12: fields.@key: "@key" is known only where "each" makes readings',
    'map.json:1:31: fields.@key[0]: "@key[0]" is known only where "each" makes readings',
    'map.json:1:49: fields.@query: "@query" has no name behind it: @query.NAME',
  ]);
  expect(problemsOf({ fields, only: "mapped", compose: { model: "{bn}" } })).toEqual([]);
  expect(problemsOf({ fields: { t: "timestamp" }, only: "mapped", compose: { sensor_id: "{bn}" } })).toEqual([]);
  expect(problemsOf({ compose: { model: "{x}" }, constants: { model: "y" } })).toEqual([
    "map.json:1:21: compose.model: is a constant as well",
  ]);
  const extract = { x: "{model}/{location}" };
  expect(problemsOf({ extract, fields: { type: "model" }, constants: { location: "y" } })).toEqual([
    "map.json:1:17: extract.x: {model} is one of our names, and a field leads to it as well",
    "map.json:1:17: extract.x: {location} is a constant as well",
  ]);
  expect(problemsOf({ fields: { "@timestamp": "timestamp", "@type": "model" } })).toEqual([]);
});

/** What is reported at the end of an input of these lines. */
function reported(map: object, ...lines: object[]): string[] {
  return readLines(
    map,
    lines.map((line) => JSON.stringify(line)),
  ).reported;
}

test("a path, a part and a condition that no record has are reported with what was probably meant", () => {
  const line = { id: "plant.t", at: "2024-01-01T00:00:00Z", env: { temp: 3, "a.b": 1 }, list: [{ v: 1 }] };
  const names = "No row has these names of the map: ";
  const fields = { id: "sensor_id", at: "timestamp" };
  const cases: [map: object, hint: string | null][] = [
    [{ fields: { id: "sensor_id", at: "timestamp", "env.temp": "temperature" } }, null],
    [
      { fields: { id: "sensor_id", at: "timestamp", "env.tmep": "temperature" } },
      '"env.tmep" (did you mean env.temp?)',
    ],
    [{ fields: { id: "sensor_id", at: "timestamp", "env.a\\.b": "temperature" } }, null],
    [{ fields: { id: "sensor_id", at: "timestamp", "env.a.b": "temperature" } }, '"env.a.b" (did you mean env.a\\.b?)'],
    [{ fields, where: { field: "idd", like: "p*" } }, '"idd" (did you mean id?)'],
    [{ fields, where: { field: "idd", not_equals: 1 } }, null],
    [{ fields, each: "lists[]" }, '"lists[]" (did you mean list[]?)'],
    [{ fields, compose: { location: "{plnt}" }, extract: { id: "{plant}.{q}" } }, '"plnt" (did you mean plant?)'],
    [
      { fields: { at: "timestamp", plant: "sensor_id" }, extract: { id: "{plant}/{q}" } },
      '"plant" (no text of "id" fits "{plant}/{q}")',
    ],
    [{ fields: { at: "timestamp", "@topic[1]": "sensor_id" } }, null],
  ];
  for (const [map, hint] of cases) {
    expect([map, reported(map, line, line)]).toEqual([map, hint === null ? [] : [`${names}${hint}`]]);
  }
});
