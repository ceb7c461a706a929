import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteTailSource } from "./tail.ts";
import { parseSqliteUri, sameTable } from "./uri.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-keyed-"));
afterAll(() => rmSync(dir, { recursive: true }));
const PROFILE = loadProfile("environmental");
const MAP = JSON.stringify({
  fields: { entity_id: "sensor_id", state: "temperature", last_updated_ts: "timestamp" },
  timestamp: { format: "unix_s" },
  text_numbers: true,
  absent: ["unknown", "unavailable"],
});
const JOINED =
  "SELECT s.state_id, m.entity_id, s.state, s.last_updated_ts FROM states s JOIN states_meta m USING (metadata_id) WHERE m.entity_id LIKE 'sensor.%temperature'";
let files = 0;

/** As a recorder of a home keeps it: names in one table, values in another. */
function recorder(): { path: string; db: Database } {
  const path = join(dir, `home-${files++}.db`);
  const db = new Database(path);
  db.run("PRAGMA synchronous = OFF");
  db.run("CREATE TABLE states_meta (metadata_id INTEGER PRIMARY KEY, entity_id TEXT)");
  db.run("CREATE TABLE states (state_id INTEGER PRIMARY KEY, state TEXT, last_updated_ts REAL, metadata_id INTEGER)");
  db.run("INSERT INTO states_meta VALUES (1, 'sensor.kitchen_temperature'), (2, 'light.hall')");
  return { path, db };
}

function write(db: Database, values: readonly (readonly [state: string, metadata: number])[]): void {
  const insert = db.query("INSERT INTO states (state, last_updated_ts, metadata_id) VALUES (?, ?, ?)");
  for (const [state, metadata] of values) insert.run(state, 1_704_067_200.5, metadata);
}

function tail(uri: string, cursor: string | null = null, map = MAP) {
  const mapping = parseMapping(map, "map.json", [PROFILE]);
  const catalogue = new SensorCatalogue();
  const source = new SqliteTailSource({
    uri,
    normalizer: new Normalizer({ catalogue, profile: PROFILE, mapping }),
    cursor,
  });
  const take = (capacity = 100): readonly (readonly [sensor: unknown, temperature: number])[] => {
    const block = new ReadingBlock(capacity);
    while (!block.full && source.take(block, 0).state === "more") {}
    const column = block.column(catalogue.slotOf("temperature"));
    return Array.from({ length: block.count }, (_, row) => {
      return [catalogue.sensors[block.sensor[row] ?? -1]?.identity[0], column[row] ?? Number.NaN];
    });
  };
  return { source, take };
}

const KITCHEN = "sensor.kitchen_temperature";

test("a query with a key joins tables, and continues behind the last row, in a new process too", () => {
  const { path, db } = recorder();
  write(db, [
    ["21.5", 1],
    ["on", 2],
    ["unavailable", 1],
  ]);
  const uri = `sqlite:${path}?key=state_id&query=${JOINED}`;
  const first = tail(uri);
  expect(first.take()).toEqual([
    [KITCHEN, 21.5],
    [KITCHEN, Number.NaN],
  ]);
  write(db, [
    ["off", 2],
    ["22", 1],
  ]);
  expect(first.take()).toEqual([[KITCHEN, 22]]);
  write(db, [["22.5", 1]]);
  const second = tail(uri, first.source.cursor());
  expect(second.take()).toEqual([[KITCHEN, 22.5]]);
  expect(second.take()).toEqual([]);
});

test("a view with a key, and a table without rowids, are followed in the same way, however small a read is", () => {
  const { path, db } = recorder();
  db.run(`CREATE VIEW v AS ${JOINED}`);
  db.run("CREATE TABLE plain (n INTEGER PRIMARY KEY, sensor_id TEXT, timestamp TEXT, temperature REAL) WITHOUT ROWID");
  const values = Array.from({ length: 300 }, (_, i) => i / 2);
  write(
    db,
    values.map((value) => [String(value), 1]),
  );
  for (const value of values) db.run("INSERT INTO plain VALUES (?, 'a', '2026-01-01', ?)", [value * 2 - 150, value]);
  for (const [uri, map] of [
    [`sqlite:${path}?table=v&key=state_id`, MAP],
    [`sqlite:${path}?table=plain&key=N`, "{}"],
  ] as const) {
    let { source, take } = tail(uri, null, map);
    const taken: number[] = [];
    for (let i = 0; i < 100; i++) {
      taken.push(...take(7).map(([, temperature]) => temperature));
      if (i % 5 === 0) ({ source, take } = tail(uri, source.cursor(), map));
    }
    expect(taken).toEqual(values);
  }
});

test("keys beyond 2^53 are followed exactly", () => {
  const { path, db } = recorder();
  db.run("CREATE TABLE big (k INTEGER, sensor_id TEXT, timestamp TEXT, temperature REAL)");
  const first = 1_704_067_200_000_000_001n;
  for (let i = 0n; i < 5n; i++) db.run("INSERT INTO big VALUES (?, 'a', '2026-01-01', ?)", [first + i, Number(i)]);
  const uri = `sqlite:${path}?table=big&key=k`;
  const { source, take } = tail(uri, null, "{}");
  expect(take(2).map(([, t]) => t)).toEqual([0, 1]);
  const again = tail(uri, source.cursor(), "{}");
  expect(again.take(2).map(([, t]) => t)).toEqual([2, 3]);
  expect(again.take().map(([, t]) => t)).toEqual([4]);
});

test("a key that does not say which rows are new is an error that names it, and no row behind it is skipped", () => {
  const rows = (values: string) => {
    const { path, db } = recorder();
    db.run(
      "CREATE TABLE odd (k, sensor_id TEXT DEFAULT 'a', timestamp TEXT DEFAULT '2026-01-01', temperature REAL DEFAULT 1)",
    );
    db.run(`INSERT INTO odd (k) VALUES ${values}`);
    return { db, uri: `sqlite:${path}?table=odd&key=k` };
  };
  expect(() => tail(rows("(1), (2), (2), (3)").uri, null, "{}").take()).toThrow('its key "k" holds 2 in two rows');
  const { uri, db } = rows("(1), (2), (2), (3)");
  const { take } = tail(uri, null, "{}");
  // A read that ends between the two rows of a key would skip the second one for ever.
  expect(take(1).length).toBe(1);
  expect(() => take(1)).toThrow("holds 2 in two rows");
  db.run("UPDATE odd SET k = 20 WHERE rowid = 3");
  expect(take(1).length + take(1).length + take(1).length).toBe(3);
  expect(() => tail(rows("(1), (NULL)").uri, null, "{}").take()).toThrow('its key "k" holds NULL');
  expect(() => tail(rows("(1), ('x')").uri, null, "{}").take()).toThrow('its key "k" holds a value of type text');
  expect(() => tail(rows("(1.5)").uri, null, "{}").take()).toThrow('its key "k" holds a value of type real');
  const late = rows("(1)");
  const follower = tail(late.uri, null, "{}");
  expect(follower.take().length).toBe(1);
  late.db.run("INSERT INTO odd (k) VALUES ('7'), (2)");
  expect(() => follower.take()).toThrow('its key "k" holds a value of type text');
  late.db.run("INSERT INTO odd (k) VALUES (9007199254740993)");
  expect(() => follower.take()).toThrow("Cannot follow");
  late.db.run("DELETE FROM odd WHERE k = '7'");
  expect(follower.take().length).toBe(2);
});

test("what can never be followed is refused at once, and what is missing is waited for", () => {
  const { path, db } = recorder();
  db.run("CREATE VIEW v AS SELECT * FROM states");
  expect(() => tail(`sqlite:${path}?table=v`)).toThrow(
    "it is a view, and only a rowid, or a key of integers that grow, says what is new",
  );
  expect(() => tail(`sqlite:${path}?table=v&key=state`)).not.toThrow();
  expect(() => tail(`sqlite:${path}?table=v&key=stateid`)).toThrow(
    'there is no column "stateid" for its key; did you mean state_id?',
  );
  expect(() => tail(`sqlite:${path}?key=x&query=SELEC 1`)).toThrow("the query must begin with SELECT");
  expect(() => tail(`sqlite:${path}?key=x&query=SELECT 1 AS x FROM`)).toThrow("syntax error");
  // Nothing but one query: the rest would never run.
  expect(() => tail(`sqlite:${path}?key=x&query=SELECT 1 AS x) ; DROP TABLE states; --`)).toThrow(
    "Cannot follow the query",
  );
  expect(() => tail(`sqlite:${path}?query=SELECT 1 AS x`)).toThrow("a query needs a key");
  expect(() => tail(`sqlite:${path}?table=v&query=SELECT 1 AS x`)).toThrow("a table and a query");
  const waiting = tail(
    `sqlite:${path}?key=id&query=SELECT id, sensor_id, timestamp, temperature FROM later`,
    null,
    "{}",
  );
  expect(() => waiting.take()).toThrow("no such table: later");
  db.run("CREATE TABLE later (id INTEGER PRIMARY KEY, sensor_id TEXT, timestamp TEXT, temperature REAL)");
  db.run("INSERT INTO later VALUES (1, 'a', '2026-01-01', 3)");
  expect(waiting.take()).toEqual([["a", 3]]);
  db.run("CREATE TABLE known (handle INTEGER, sensor_id TEXT, timestamp TEXT, temperature REAL)");
  db.run("INSERT INTO known VALUES (1, 'b', '2026-01-01', 4)");
  expect(tail(`sqlite:${path}?key=handle&query=SELECT * FROM known`, null, "{}").take()).toEqual([["b", 4]]);
});

test("the query of a URI stands as it is, whatever signs it has", () => {
  expect(parseSqliteUri("sqlite:/a b/c.db")).toEqual({
    path: "/a b/c.db",
    table: "sensor_readings",
    query: null,
    key: null,
  });
  expect(parseSqliteUri("sqlite:c.db?table=log")).toEqual({ path: "c.db", table: "log", query: null, key: null });
  const query = "SELECT id, a + b AS c FROM t WHERE n LIKE '%25?&x=1' -- all";
  expect(parseSqliteUri(`sqlite:/a?b/c.db?key=id&query=${query}`)).toEqual({
    path: "/a?b/c.db",
    table: null,
    query,
    key: "id",
  });
  expect(sameTable(`sqlite:c.db?key=id&query=${query}`, "/")).not.toBe(sameTable("sqlite:c.db?table=t&key=id", "/"));
});
