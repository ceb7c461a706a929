/** Metadata by id, out of a small file or a table. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, SensorCatalogue } from "../../core/sensor.ts";
import { LineDecoder } from "../lines/decoder.ts";
import { LineSplitter } from "../lines/splitter.ts";
import { loadMapping } from "../map/map-file.ts";
import { MappedNames } from "../map/mapped-names.ts";
import { Normalizer } from "../row/normalize.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-lookup-"));
afterAll(() => rmSync(folder, { recursive: true }));

const PROFILE: Profile = {
  name: "room",
  description: "",
  measures: [{ name: "temperature", unit: "°C", plausible: [-20, 60] }],
};
const CSV = 'eui;room;lat\r\n70b3;Hall 1;50.45\r\n70b4;"Hall; 2";\r\n';

type World = {
  /** What a line became: some columns, or why it is no reading. */
  readonly read: (record: object | string, nowMs?: number) => Record<string, unknown>;
  readonly flaws: () => readonly string[];
  readonly problems: () => readonly string[];
};

function world(lookup: object, more: object = {}): World {
  const path = join(folder, "map.json");
  writeFileSync(path, JSON.stringify({ fields: { dev: "sensor_id" }, lookup, ...more }));
  const mapping = loadMapping(path, [PROFILE], "/");
  const catalogue = new SensorCatalogue();
  const names = new MappedNames(mapping);
  const normalizer = new Normalizer({ catalogue, profile: PROFILE, mapping, names });
  const decoder = new LineDecoder(normalizer);
  const splitter = new LineSplitter(1 << 20);
  const block = new ReadingBlock(100);
  const read: World["read"] = (record, nowMs = 0) => {
    const usual = { timestamp: "2026-06-01T12:00:00Z", temperature: 1 };
    const line = typeof record === "string" ? record : JSON.stringify({ ...usual, ...record });
    splitter.push(Buffer.from(`${line}\n`));
    while (splitter.next()) decoder.decode(block, splitter, nowMs);
    const at = block.count - 1;
    const malformed = block.malformed.get(at);
    if (malformed !== undefined) return { reason: malformed.reason, detail: malformed.detail };
    const identity = catalogue.sensors[block.sensor[at] ?? 0]?.identity ?? [];
    const of = (column: IdentityColumn) => identity[IDENTITY_COLUMNS.indexOf(column)];
    return { id: of("sensor_id"), location: of("location"), latitude: of("latitude") };
  };
  return {
    read,
    flaws: () => [...block.flaws.values()].map(({ reason, detail, count }) => `${count} ${reason}: ${detail}`),
    problems: () => (normalizer.names?.problems() ?? []).map(({ code, message }) => `${code}: ${message}`),
  };
}

function problemOf(lookup: object, more: object = {}): string {
  try {
    world(lookup, more);
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message.replaceAll(folder, "");
  }
}

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const LOOKUP = { by: "dev", from: "sensors.csv", key: "eui", fields: { room: "location", lat: "latitude" } };

test("columns come from a CSV file beside the map, by id; an empty cell is no value", () => {
  write("sensors.csv", CSV);
  const { read, flaws } = world(LOOKUP);
  expect(read({ dev: "70b3" })).toEqual({ id: "70b3", location: "Hall 1", latitude: 50.45 });
  expect(read({ dev: " 70b4 " })).toMatchObject({ location: "Hall; 2", latitude: null });
  expect(flaws()).toEqual([]);
});

test("an id that is not in the table leaves its columns null, and is counted once a reading", () => {
  write("sensors.csv", CSV);
  const { read, flaws } = world(LOOKUP);
  expect(read({ dev: "other" })).toEqual({ id: "other", location: null, latitude: null });
  expect(read({ dev: "other" })).toMatchObject({ location: null });
  expect(flaws()).toEqual(['2 not_in_lookup: dev "other" is not in sensors.csv']);
});

test("the same from JSON, a list or an object by id, and from a table of SQLite; integers to the letter", () => {
  write("a.json", JSON.stringify([{ eui: 7, room: "A", lat: 1.5 }]));
  write("b.json", JSON.stringify({ "7": { room: "A", lat: 1.5 } }));
  const path = join(folder, "meta.db");
  rmSync(path, { force: true });
  const db = new Database(path);
  db.run("CREATE TABLE devices (eui INTEGER, room TEXT, lat REAL)");
  db.run("INSERT INTO devices VALUES (7, 'A', 1.5), (2882429806056571125, 'B', NULL)");
  db.close();
  for (const from of ["a.json", "b.json", "sqlite:meta.db?table=devices"]) {
    expect(world({ ...LOOKUP, from }).read({ dev: 7 })).toMatchObject({ location: "A", latitude: 1.5 });
  }
  const { read } = world({ ...LOOKUP, from: "sqlite:meta.db?table=devices" });
  // Written as text: JSON.stringify would round it.
  const line = `{"timestamp":"2026-06-01T12:00:00Z","temperature":1,"dev":2882429806056571125}`;
  expect(read(line)).toMatchObject({ location: "B", latitude: null });
});

test("an id of a path, and a sensor_id out of the table; without an entry such a record is no reading", () => {
  write("names.csv", "mac,name\naa:bb,kitchen\n");
  const lookup = { by: "device.mac", from: "names.csv", key: "mac", fields: { name: "sensor_id" } };
  const { read } = world(lookup, { fields: {} });
  expect(read({ device: { mac: "aa:bb" } })).toMatchObject({ id: "kitchen" });
  expect(read({ device: { mac: "cc" } })).toEqual({
    reason: "not_in_lookup",
    detail: 'device.mac "cc" is not in names.csv',
  });
  expect(read({})).toMatchObject({ reason: "missing_field" });
});

test("a file that changed is read again, at most once a second; one that became bad keeps the last good table", () => {
  write("sensors.csv", CSV);
  const { read, problems } = world(LOOKUP);
  expect(read({ dev: "70b3" }, 10_000)).toMatchObject({ location: "Hall 1" });
  write("sensors.csv", CSV.replace("Hall 1", "Roof of it"));
  expect(read({ dev: "70b3" }, 10_500)).toMatchObject({ location: "Hall 1" });
  expect(read({ dev: "70b3" }, 11_001)).toMatchObject({ location: "Roof of it" });
  write("sensors.csv", "eui;rom\n1;2\n");
  expect(read({ dev: "70b3" }, 13_000)).toMatchObject({ location: "Roof of it" });
  expect(problems()).toEqual([
    'lookup_unreadable: Cannot read lookup "sensors.csv" of the map: it has no column "room"; did you mean rom?. The table that was read before is used',
  ]);
  unlinkSync(join(folder, "sensors.csv"));
  expect(read({ dev: "70b3" }, 15_000)).toMatchObject({ location: "Roof of it" });
  expect(problems()[0]).toContain("there is no such file");
  write("sensors.csv", CSV);
  expect(read({ dev: "70b3" }, 17_000)).toMatchObject({ location: "Hall 1" });
  expect(problems()).toEqual([]);
});

test("a table that cannot be read at the start is refused with the place in the map", () => {
  expect(problemOf({ ...LOOKUP, from: "none.csv" })).toMatch(
    /map\.json:1:\d+: lookup\.from: cannot be read: there is no such file/,
  );
  write("twice.csv", "eui;room;lat\n1;a;\n1;b;\n");
  expect(problemOf({ ...LOOKUP, from: "twice.csv" })).toContain('the eui "1" is in it twice');
  write("long.csv", `eui;room;lat\n${Array.from({ length: 10_001 }, (_, i) => `${i};r;1`).join("\n")}`);
  expect(problemOf({ ...LOOKUP, from: "long.csv" })).toContain("more than 10000 rows");
  write("bad.json", "{");
  expect(problemOf({ ...LOOKUP, from: "bad.json" })).toContain("cannot be read");
  expect(problemOf({ ...LOOKUP, from: "sensors.xlsx" })).toContain("must be a file such as sensors.csv");
  write("sensors.csv", CSV);
  expect(problemOf({ ...LOOKUP, fields: { room: "locaton" } })).toContain("did you mean location?");
  expect(problemOf(LOOKUP, { constants: { location: "x" } })).toContain('leads to "location", and so does another key');
  expect(problemOf({ ...LOOKUP, from: "sqlite:none.db?table=t" })).toContain("there is no such file");
});
