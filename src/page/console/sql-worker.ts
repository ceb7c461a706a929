/**
 * SQLite in a worker of the page: it holds the snapshot and answers questions, while the page stays quick. To stop a question
 * the page ends the worker and begins another one.
 */
import initSqlJs from "sql.js";
import wasmFile from "sql.js/dist/sql-wasm.wasm" with { type: "file" };
import { csvLine } from "./csv.ts";
import { errorAt } from "./sql-text.ts";
import type { FromWorker, SnapshotSchema, SqlValue, ToWorker } from "./worker-words.ts";

type Engine = Awaited<ReturnType<typeof initSqlJs>>;
type Database = InstanceType<Engine["Database"]>;

/** Between two reports of a count. */
const REPORT_MS = 200;
/** Of CSV that becomes one part of the file. */
const PART_CHARS = 1_000_000;

let db: Database | null = null;

const say = (message: FromWorker) => postMessage(message);

async function open(bytes: ArrayBuffer): Promise<void> {
  const engine = await initSqlJs({ locateFile: () => new URL(wasmFile, import.meta.url).href });
  db = new engine.Database(new Uint8Array(bytes));
  // The device does not make this index: it would take it seconds.
  db.run("CREATE INDEX IF NOT EXISTS reading_of_sensor ON reading (sensor, time)");
  db.run("PRAGMA cache_size = -65536");
  say({ is: "opened", schema: schemaOf(db) });
}

function schemaOf(of: Database): SnapshotSchema {
  const values = (sql: string): SqlValue[][] => of.exec(sql)[0]?.values ?? [];
  const tables: Record<string, string[]> = {};
  for (const [table, column] of values(
    `SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c
     WHERE m.type IN ('table', 'view') ORDER BY m.type DESC, m.name, c.cid`,
  )) {
    const name = String(table);
    tables[name] ??= [];
    tables[name].push(String(column));
  }
  const about = Object.fromEntries(values("SELECT name, value FROM about")) as SnapshotSchema["about"];
  const measures = (tables["reading"] ?? []).slice(5);
  return { tables, measures, about };
}

/** Runs all statements; rows are those of the last one that has any. */
function query(of: Database, sql: string, keep: number): void {
  const startedMs = performance.now();
  let [count, changed] = [0, 0];
  for (const statement of of.iterateStatements(sql)) {
    const columns = statement.getColumnNames();
    if (columns.length === 0) {
      statement.step();
      changed += of.getRowsModified();
      continue;
    }
    const rows: SqlValue[][] = [];
    let reportedMs = performance.now();
    for (count = 0; statement.step(); count++) {
      if (count < keep) rows.push(statement.get());
      // What is kept is shown at once; counting the rest may take long.
      if (count === keep) say({ is: "rows", columns, rows });
      if (count % 4_096 === 0 && count > keep && performance.now() - reportedMs > REPORT_MS) {
        reportedMs = performance.now();
        say({ is: "counted", count });
      }
    }
    if (count <= keep) say({ is: "rows", columns, rows });
  }
  say({ is: "done", count, changed, ms: performance.now() - startedMs });
}

function csv(of: Database, sql: string): void {
  const parts: Blob[] = [];
  let [text, rows] = ["", 0];
  for (const statement of of.iterateStatements(sql)) {
    const columns = statement.getColumnNames();
    if (columns.length === 0) {
      statement.step();
      continue;
    }
    parts.length = 0;
    text = csvLine(columns);
    for (rows = 0; statement.step(); rows++) {
      text += csvLine(statement.get());
      if (text.length < PART_CHARS) continue;
      parts.push(new Blob([text]));
      text = "";
    }
  }
  say({ is: "made", rows, blob: new Blob([...parts, text], { type: "text/csv" }) });
}

function file(of: Database): void {
  // A copy with the indices, and with what the user changed.
  const bytes = of.export();
  say({ is: "made", rows: 0, blob: new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/vnd.sqlite3" }) });
}

function failed(sql: string, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const at = sql === "" || db === null ? null : errorAt(sql, message, (text) => prepareError(text));
  say({ is: "failed", message, at });
}

function prepareError(sql: string): string | null {
  try {
    for (const statement of db?.iterateStatements(sql) ?? []) statement.free();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  const sql = "sql" in data ? data.sql : "";
  try {
    if (data.ask === "open") await open(data.bytes);
    else if (db === null) throw new Error("There is no snapshot");
    else if (data.ask === "query") query(db, data.sql, data.keep);
    else if (data.ask === "csv") csv(db, data.sql);
    else file(db);
  } catch (error) {
    failed(sql, error);
  }
};
