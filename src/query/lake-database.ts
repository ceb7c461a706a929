/**
 * The database that a local query asks: SQLite's own temporary one. What does not fit in its cache goes to a file without a
 * name, which the system removes when the database is closed or the process dies.
 */
import { constants, Database } from "bun:sqlite";
import type { Profile } from "../core/profile.ts";
import { STAGES, type Stage, TABLE_OF_STAGE } from "../core/stage.ts";
import { HEARTBEAT_TABLE_COLUMNS, QUARANTINE_COLUMNS, type TableColumn, tableColumns } from "../lakehouse/columns.ts";
import { HEARTBEATS_TABLE, QUARANTINE_TABLE as QUARANTINE } from "../lakehouse/names.ts";
import type { SqlWords } from "./sql-words.ts";

/** Pages in memory, and for each sort as much again. */
export const CACHE_MIB = 64;
/** The type that a column is declared with, by that of the lake's. Its last word says to SQLite how values are kept. */
const DECLARED: Readonly<Record<string, string>> = {
  string: "TEXT",
  double: "REAL",
  bigint: "INTEGER",
  timestamp: "TIMESTAMP TEXT",
  "array<string>": "ARRAY TEXT",
};

/** The lake's word for a declared type: `BIGINT`, as Databricks calls it. */
export function lakeType(declared: string): string {
  const [type] = Object.entries(DECLARED).find(([, one]) => one === declared) ?? [declared];
  return type.toUpperCase();
}

/** Every table with all its columns, and nothing in them. */
export function openLakeDatabase(profile: Profile): Database {
  // An empty path is a temporary database; without the URI Bun would make one that never leaves memory.
  const db = new Database("file:?", constants.SQLITE_OPEN_URI | constants.SQLITE_OPEN_READWRITE);
  // A crash loses nothing of value.
  for (const pragma of ["journal_mode = OFF", "synchronous = OFF", `cache_size = -${CACHE_MIB * 1_024}`]) {
    db.run(`PRAGMA ${pragma}`);
  }
  for (const stage of STAGES) createTable(db, TABLE_OF_STAGE[stage], tableColumns(stage, profile));
  createTable(db, QUARANTINE, QUARANTINE_COLUMNS);
  createTable(db, HEARTBEATS_TABLE, HEARTBEAT_TABLE_COLUMNS);
  return db;
}

function createTable(db: Database, table: string, columns: readonly TableColumn[]): void {
  db.run(`CREATE TABLE ${table} (${columns.map(({ name, type }) => `"${name}" ${DECLARED[type]}`).join(", ")})`);
}

/** What a statement needs of a stage. */
export type StageNeeds = { readonly stage: Stage; readonly columns: readonly TableColumn[] };

/** Beside those that are asked for: they decide which revision of a window holds. */
const WINDOW_KEY = ["node_id", "window_id", "sensor_id", "_corrupt_record"];
const WINDOW_COLUMNS = new Set([...WINDOW_KEY, "revision", "source_file"]);

/** The stages and the columns that are named in a statement. The quarantine is known when every object was unpacked. */
export function needsOf({ words, takesAll }: SqlWords, profile: Profile): StageNeeds[] {
  const stages = STAGES.filter((stage) => words.has(TABLE_OF_STAGE[stage]) || words.has(QUARANTINE));
  return stages.map((stage) => {
    const isMeant = words.has(TABLE_OF_STAGE[stage]);
    const columns = tableColumns(stage, profile).filter(({ name }) => {
      const isKey = stage === "aggregated" && WINDOW_COLUMNS.has(name);
      return isMeant && (takesAll || isKey || words.has(name.toLowerCase()));
    });
    return { stage, columns };
  });
}

/** Of a window's revisions the highest holds, as in the notebook's MERGE; a line that could not be read is a row of its own. */
export function keepHighestRevisions(db: Database): void {
  db.run(`DELETE FROM ${TABLE_OF_STAGE.aggregated} WHERE rowid NOT IN (
    SELECT rowid FROM (
      SELECT rowid, row_number() OVER (PARTITION BY ${WINDOW_KEY.join(", ")} ORDER BY revision DESC, source_file) AS place
      FROM ${TABLE_OF_STAGE.aggregated}
    ) WHERE place = 1
  )`);
}

export type QuarantineRow = { readonly stage: Stage; readonly object: string; readonly reason: string };

export function quarantine(db: Database, rows: readonly QuarantineRow[], nowMs: number): void {
  const insert = db.prepare(`INSERT INTO ${QUARANTINE} VALUES (?, ?, ?, ?)`);
  for (const { stage, object, reason } of rows) insert.run(stage, object, reason, new Date(nowMs).toISOString());
}
