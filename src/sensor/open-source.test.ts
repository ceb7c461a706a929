import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sourceProblems } from "./open-source.ts";
import { loadProfile, shippedProfiles } from "./profile/shipped.ts";
import { SourceMaps } from "./source-maps.ts";
import { isSameTable } from "./sqlite/uri.ts";

const cwd = mkdtempSync(join(tmpdir(), "open-source-"));
afterAll(() => rmSync(cwd, { recursive: true }));
const profile = loadProfile("environmental");

function problems(uris: readonly string[], map: object = {}): string[] {
  writeFileSync(join(cwd, "map.json"), JSON.stringify(map));
  const maps = new SourceMaps({ file: "map.json", profiles: shippedProfiles(), cwd });
  const found = sourceProblems(uris, { profile, maps, cwd, once: false, http: { token: null, maxBodyBytes: 1 } });
  return [...maps.problems, ...found].flatMap(({ message }) => message.split("\n"));
}

const ONE_ROOM = { constants: { sensor_id: "room-1", location: "Hall" } };

test("several sources cannot be one sensor by the map's constant: their readings could not be distinguished", () => {
  for (const uris of [
    ["sqlite:a.db", "sqlite:b.db"],
    ["sqlite:a.db?table=hall", "sqlite:a.db?table=cellar"],
    ["stdin:", "sqlite:a.db"],
  ]) {
    expect(problems(uris, ONE_ROOM)).toEqual([
      `Cannot open 2 sources as one sensor: "${uris[0]}", "${uris[1]}" would all be "room-1", the map's constant sensor_id; map a field of theirs to sensor_id, or give each a map of its own, with another constant (SOURCE?map=FILE)`,
    ]);
  }
});

test("one source may have a constant sensor_id, a simulator beside it has its own, and other constants are for all", () => {
  expect(problems(["sqlite:a.db"], ONE_ROOM)).toEqual([]);
  expect(problems(["sqlite:a.db", "simulator:"], ONE_ROOM)).toEqual([]);
  expect(problems(["sqlite:a.db", "sqlite:b.db"], { constants: { location: "Hall" } })).toEqual([]);
  expect(problems(["sqlite:a.db", "sqlite:b.db"], { fields: { room: "sensor_id" } })).toEqual([]);
});

test("a source may name its own map: its constants are compared, and its problems have their place", () => {
  const room = (sensor_id: string) => JSON.stringify({ constants: { sensor_id } });
  writeFileSync(join(cwd, "two.json"), room("room-2"));
  writeFileSync(join(cwd, "also one.json"), room("room-1"));
  writeFileSync(join(cwd, "bad.json"), '{"fields": {"c": "co3"},\n "drp": []}');
  expect(problems(["sqlite:a.db", "sqlite:b.db?map=two.json"], ONE_ROOM)).toEqual([]);
  expect(problems(["sqlite:a.db", "sqlite:b.db?table=x&map=also%20one.json"], ONE_ROOM)).toEqual([
    expect.stringContaining('"sqlite:a.db", "sqlite:b.db?table=x&map=also%20one.json" would all be "room-1"'),
  ]);
  // Reported once, although two sources read by it.
  expect(problems(["stdin:?map=bad.json", "sqlite:b.db?map=bad.json"])).toEqual([
    expect.stringMatching(/^bad\.json:1:18: fields\.c: "co3" is neither a measure/),
    "bad.json:2:2: drp: is not known here; did you mean drop?",
  ]);
  expect(problems(["stdin:?map=nix.json"])).toEqual([expect.stringContaining('"nix.json"')]);
  expect(problems(["simulator:?map=bad.json"])).toEqual([expect.stringContaining('there is no parameter "map"')]);
});

test("parameters have known names, are given once, and have a value", () => {
  expect(problems(["sqlite:a.db?tabel=x&table=&map=a&map=b"])).toEqual([
    'Cannot use source "sqlite:a.db?tabel=x&table=&map=a&map=b": there is no parameter "tabel"; did you mean table?',
    'Cannot use source "sqlite:a.db?tabel=x&table=&map=a&map=b": table: expected a value',
    'Cannot use source "sqlite:a.db?tabel=x&table=&map=a&map=b": map is given twice',
  ]);
  expect(problems(["stdin:?x"])).toEqual([
    expect.stringContaining('Cannot use source "stdin:?x": there is no parameter "x"; known: map, format, '),
  ]);
  expect(problems(["stdin:x.ndjson"])).toEqual([expect.stringContaining("stdin: has no path")]);
  expect(problems(["stdin:", "stdin:?map=map.json"])).toEqual([
    'Cannot open source "stdin:?map=map.json": it is the same input as "stdin:"',
  ]);
});

test("the same table is refused however it is written: by its default name, in other case, through links", () => {
  new Database(join(cwd, "field.db")).close();
  new Database(join(cwd, "field.db")).run("CREATE TABLE sensor_readings (x)");
  symlinkSync("field.db", join(cwd, "soft.db"));
  linkSync(join(cwd, "field.db"), join(cwd, "hard.db"));
  const first = "sqlite:field.db";
  const others = [
    "sqlite:./field.db",
    "sqlite:field.db?table=Sensor_Readings",
    `sqlite:${cwd}/field.db`,
    "sqlite:field.db?map=map.json",
    "sqlite:soft.db",
    "sqlite:hard.db",
  ];
  for (const other of others) {
    expect(problems([first, other])).toEqual([`Cannot open source "${other}": it is the same table as "${first}"`]);
  }
  expect(problems([first, "sqlite:field.db?table=other"])).toEqual([]);
  expect(others.map((other) => isSameTable(first, other, cwd))).toEqual(others.map(() => true));
  for (const other of ["sqlite:field.db?table=other", "sqlite:other.db", "stdin:", "sqlite:field.db?of=tomorrow"]) {
    expect([other, isSameTable(first, other, cwd)]).toEqual([other, false]);
  }
});

test("two globs that match one file are refused: each would take all of it", () => {
  mkdirSync(join(cwd, "two"));
  writeFileSync(join(cwd, "two", "b.csv"), "");
  expect(problems(["file:two/*.csv", "file:two/a*"])).toEqual([]);
  for (const name of ["a.csv", "a2.csv"]) writeFileSync(join(cwd, "two", name), "");
  symlinkSync("b.csv", join(cwd, "two", "now"));
  expect(problems(["file:two/*.csv", "file:two/a*", "file:two/now", "file:none/*"])).toEqual([
    'Cannot open source "file:two/a*": "two/a.csv", and 1 more would be taken twice, "file:two/*.csv" matches it too',
    'Cannot open source "file:two/now": "two/now" would be taken twice, "file:two/*.csv" matches it too',
  ]);
});

test("http: is refused where it can never work: without a token in the network, twice at one path, over TLS", () => {
  expect(problems(["http://:8080/in", "http://:8080/other", "http://:8081/in"])).toEqual([]);
  for (const [uris, why] of [
    [["http://0.0.0.0:8080/in"], "other machines can reach 0.0.0.0, and there is no token"],
    [["http://:8080/in", "http://localhost:8080/in?get=true"], 'it is the same path as "http://:8080/in"'],
    [["https://localhost:8443/in"], "a proxy before http:// speaks it"],
  ] as const) {
    expect(problems(uris)).toEqual([expect.stringContaining(why)]);
  }
});
