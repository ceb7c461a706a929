import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PAGE_BYTES } from "../schema.ts";
import { BUFFER_FILE, SqliteBuffer } from "../sqlite-buffer.ts";
import { renewFirstPage } from "./page-one.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-page-one-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a new first page makes every table of a buffer readable whose own is gone, whatever its schema has", () => {
  const buffer = new SqliteBuffer({
    dataDir: folder,
    nodeId: "edge-7",
    nowMs: 0,
    chance: new Uint8Array(10),
    blockRows: 10,
    recentRows: 10,
  });
  const tables = tablesOf(buffer.db);
  expect(tables.length).toBeGreaterThan(10);
  buffer.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  buffer.close();
  const path = join(folder, BUFFER_FILE);
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array(PAGE_BYTES), 0, PAGE_BYTES, 0);
  closeSync(file);
  renewFirstPage(path);
  const db = new Database(path);
  expect(tablesOf(db)).toEqual(tables);
  for (const { name } of tables) expect(() => db.query(`SELECT * FROM "${name}"`).all()).not.toThrow();
  expect(db.query("SELECT value FROM meta WHERE key = 'node_id'").get()).toEqual({ value: "edge-7" });
  db.close();
});

const tablesOf = (db: Database) =>
  db
    .query<{ name: string; rootpage: number }, []>(
      "SELECT name, rootpage FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_[0-9]*' ORDER BY rootpage",
    )
    .all();
