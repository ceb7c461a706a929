import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { loadProfile } from "../profile/shipped.ts";
import { AS_IT_IS, NO_MAPPING } from "../row/fields.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteRows } from "./rows.ts";
import { ForeignTable } from "./table.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-exact-"));
afterAll(() => rmSync(dir, { recursive: true }));
const TIME = (i: number): string => new Date(Date.UTC(2026, 0, 1) + i * 1_000).toISOString();

test("integers of 64 bits stay what they are: in unknown columns, as ids, in what was received, of new and known sensors", () => {
  const path = join(dir, "field.db");
  const db = new Database(path);
  db.run(
    "CREATE TABLE sensor_readings (state_id INTEGER PRIMARY KEY, gateway INTEGER, timestamp, temperature, trace, n BIGINT)",
  );
  const gateways = [2882429806056571124n, 2882429806056571125n, 9007199254740993n, 7n];
  const insert = db.query(
    "INSERT INTO sensor_readings (gateway, timestamp, temperature, trace, n) VALUES (?, ?, ?, ?, ?)",
  );
  const rows = gateways.flatMap((gateway, i) => [0n, 1n, 2n].map((more) => [gateway, i, gateway + more] as const));
  for (const [gateway, i, trace] of rows) insert.run(gateway, TIME(i), i, trace, -trace);
  insert.run(7n, TIME(0), "warm", 2n ** 62n + 1n, null);
  insert.run(null, TIME(0), 2n ** 62n + 1n, null, null);
  const fields = new Map([["gateway", { ...AS_IT_IS, to: "sensor_id" }]]);
  const mapping = { ...NO_MAPPING, fields };
  const catalogue = new SensorCatalogue();
  const normalizer = new Normalizer({ catalogue, profile: loadProfile("environmental"), mapping });
  const source = new SqliteTailSource({ uri: `sqlite:${path}`, normalizer, cursor: null });
  const block = new ReadingBlock(5);
  const taken: unknown[] = [];
  const received: unknown[] = [];
  for (let state = "more"; state === "more"; block.clear()) {
    ({ state } = source.take(block, 0));
    for (let at = 0; at < block.count; at++) {
      const malformed = block.malformed.get(at);
      if (malformed !== undefined) received.push([malformed.received, malformed.detail]);
      else taken.push([catalogue.sensors[block.sensor[at] ?? -1]?.identity[0], block.extra.get(at)]);
    }
  }
  expect(taken).toEqual(rows.map(([gateway, , trace]) => [String(gateway), `{"trace":${trace},"n":${-trace}}`]));
  expect(received).toEqual([
    [
      `{"state_id":13,"gateway":7,"timestamp":"${TIME(0)}","temperature":"warm","trace":4611686018427387905}`,
      'temperature is text "warm", a number was expected (row with state_id 13)',
    ],
    [
      `{"state_id":14,"timestamp":"${TIME(0)}","temperature":4611686018427387905}`,
      "gateway is missing (row with state_id 14)",
    ],
  ]);
  source.close();
  db.close();
});

test("a writer that locks its database between a read and its rows ends nothing", () => {
  const path = join(dir, "locked.db");
  const db = new Database(path);
  db.run("CREATE TABLE t (sensor_id, timestamp, temperature)");
  db.run("INSERT INTO t VALUES ('a', 9007199254740993, 1)");
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: loadProfile("environmental") });
  const table = new ForeignTable(path, { table: "t", query: null, key: null }, (name) =>
    name === "sensor_id" ? "sensor_id" : "value",
  );
  const read = table.snapshot(() => table.after(0n, 10));
  const rows = new SqliteRows(table, normalizer);
  db.run("BEGIN EXCLUSIVE");
  const block = new ReadingBlock(1);
  for (const row of read) rows.append(block, row, 0);
  expect(block.malformed.get(0)).toMatchObject({ reason: "wrong_type" });
  table.close();
  db.close();
});
