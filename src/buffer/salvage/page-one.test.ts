import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { closeSync, copyFileSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PAGE_BYTES } from "../schema.ts";
import { BUFFER_FILE, SqliteBuffer } from "../sqlite-buffer.ts";
import { DamagedBuffer } from "./damaged-buffer.ts";
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

test("a file that is cut off beside a whole log: what the log has is read, although the schema is gone", () => {
  const dataDir = mkdtempSync(join(folder, "cut-"));
  const chance = new Uint8Array(10);
  const buffer = new SqliteBuffer({ dataDir, nodeId: "edge-7", nowMs: 0, chance, blockRows: 10, recentRows: 10 });
  buffer.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  // The file grows, so the log has a first page too.
  buffer.setMeta("long", "x".repeat(100_000));
  const path = join(dataDir, "cut.db");
  for (const suffix of ["", "-wal"]) copyFileSync(join(dataDir, BUFFER_FILE) + suffix, path + suffix);
  buffer.close();
  truncateSync(path, PAGE_BYTES);
  const damaged = DamagedBuffer.open(path, { ingestedAtMs: 0, rulesVersion: "", agentVersion: "0", timeQuality: "ok" });
  expect(damaged?.meta("node_id")).toBe("edge-7");
  damaged?.close();
}, 60_000);

const tablesOf = (db: Database) =>
  db
    .query<{ name: string; rootpage: number }, []>(
      "SELECT name, rootpage FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_[0-9]*' ORDER BY rootpage",
    )
    .all();
