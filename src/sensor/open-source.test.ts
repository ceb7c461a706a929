import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { linkSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sourceProblems } from "./open-source.ts";
import { loadProfile, shippedProfiles } from "./profile/shipped.ts";
import { parseMapping } from "./row/mapping.ts";
import { isSameTable } from "./sqlite/uri.ts";

const cwd = mkdtempSync(join(tmpdir(), "open-source-"));
afterAll(() => rmSync(cwd, { recursive: true }));
const profile = loadProfile("environmental");

function problems(uris: readonly string[], map: object = {}): string[] {
  const mapping = parseMapping(JSON.stringify(map), "map.json", shippedProfiles());
  return sourceProblems(uris, { profile, mapping, cwd, once: false }).map(({ message }) => message);
}

const ONE_ROOM = { constants: { sensor_id: "room-1", location: "Hall" } };

test("several sources cannot be one sensor by the map's constant: their readings could not be distinguished", () => {
  for (const uris of [
    ["sqlite:a.db", "sqlite:b.db"],
    ["sqlite:a.db?table=hall", "sqlite:a.db?table=cellar"],
    ["stdin:", "sqlite:a.db"],
  ]) {
    expect(problems(uris, ONE_ROOM)).toEqual([
      `Cannot open 2 sources as one sensor: "${uris[0]}", "${uris[1]}" would all be "room-1", the map's constant sensor_id; map a field of theirs to sensor_id, or run an agent for each, with a map and a data dir of its own`,
    ]);
  }
});

test("one source may have a constant sensor_id, a simulator beside it has its own, and other constants are for all", () => {
  expect(problems(["sqlite:a.db"], ONE_ROOM)).toEqual([]);
  expect(problems(["sqlite:a.db", "simulator:"], ONE_ROOM)).toEqual([]);
  expect(problems(["sqlite:a.db", "sqlite:b.db"], { constants: { location: "Hall" } })).toEqual([]);
  expect(problems(["sqlite:a.db", "sqlite:b.db"], { fields: { room: "sensor_id" } })).toEqual([]);
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
