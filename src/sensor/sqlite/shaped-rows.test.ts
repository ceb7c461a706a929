/** Rows of a table through a map that filters them, composes ids and reads within texts of JSON. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteTailSource } from "./tail.ts";

const folder = mkdtempSync(join(tmpdir(), "sqlite-shaped-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("rows that the map leaves out are counted, and the others are read each by its own values", () => {
  const path = join(folder, "field.db");
  const db = new Database(path);
  db.run("CREATE TABLE hall (nr INTEGER PRIMARY KEY, at TEXT, kind TEXT, v REAL, more TEXT)");
  const insert = db.query("INSERT INTO hall (at, kind, v, more) VALUES (?, ?, ?, ?)");
  for (let i = 0; i < 40; i++) {
    const more = `{"loc":"${i % 2 === 0 ? "north" : "south"}","cal":{"h":${i}.50}}`;
    insert.run("2024-01-01T00:00:00Z", i % 4 === 3 ? "door" : "th", i, more);
  }
  insert.run("never", "th", 1, null);
  db.close();
  const profile = loadProfile("environmental");
  const map = {
    where: { field: "kind", equals: "th" },
    fields: { at: "timestamp", v: "temperature", "more.loc": "location", "more.cal.h": "humidity" },
    compose: { sensor_id: "{@table}-{nr}" },
    drop: ["more", "kind"],
  };
  const mapping = parseMapping(JSON.stringify(map), "map.json", [profile]);
  const catalogue = new SensorCatalogue();
  const normalizer = new Normalizer({ catalogue, profile, mapping });
  const source = new SqliteTailSource({ uri: `sqlite:${path}?table=hall`, normalizer, cursor: null });
  const block = new ReadingBlock(100);
  source.take(block, 0);
  source.close();
  const readings = readingsOf(block, catalogue);
  expect([...block.flaws.values()].map(({ reason, count }) => [reason, count])).toEqual([["filtered", 10]]);
  expect(readings.at(-1)?.malformed?.detail).toEndWith("(row with nr 41)");
  const good = readings.slice(0, -1).map(({ identity, measures, extra }) => {
    return [identity[0], identity[4], measures[0]?.[1], measures[1]?.[1], extra];
  });
  const expected = Array.from({ length: 40 }, (_, i) => i).filter((i) => i % 4 !== 3);
  expect(good).toEqual(expected.map((i) => [`hall-${i + 1}`, i % 2 === 0 ? "north" : "south", i, i + 0.5, undefined]));
});
