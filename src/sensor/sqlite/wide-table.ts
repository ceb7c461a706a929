/**
 * Writes readings into the wide table `sensor_readings` of a SQLite file, as existing simulators do and existing tools
 * expect: a rowid key, every identity column in every row. It only appends.
 */

import { Database, type Statement } from "bun:sqlite";
import { AgentError, codeOf, messageOf, TransientError, UsageError } from "../../core/errors.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY, type SensorCatalogue } from "../../core/sensor.ts";
import { shellWord } from "../../core/shell-word.ts";

export const WIDE_TABLE = "sensor_readings";
/** SQLite blocks this process for so long while another writer has the lock; the caller waits longer, without blocking. */
const BUSY_TIMEOUT_MS = 250;

type Column = { readonly name: string; readonly type: "TEXT" | "REAL" | "INTEGER" };

/** All columns after `id`, in the order of existing tables: 25 for five measures. */
export function wideColumns(measures: readonly string[]): readonly Column[] {
  const [sensorId, ...identity] = IDENTITY_COLUMNS;
  return [
    { name: "timestamp", type: "TEXT" },
    { name: sensorId, type: "TEXT" },
    ...measures.map((name): Column => ({ name, type: "REAL" })),
    { name: "status_code", type: "INTEGER" },
    { name: "anomaly_flag", type: "INTEGER" },
    { name: "anomaly_type", type: "TEXT" },
    ...identity.map((name): Column => ({ name, type: NUMERIC_IDENTITY.has(name) ? "REAL" : "TEXT" })),
  ];
}

/**
 * Opening creates the file and the table where they are missing, and refuses (UsageError) a table that lacks a column: it
 * never changes a foreign table. Opening and `append` throw a TransientError when the file is locked or the disk is
 * full: nothing was written, and calling again may help.
 */
export class WideTable {
  readonly #path: string;
  readonly #measures: readonly string[];
  readonly #catalogue: SensorCatalogue;
  readonly #db: Database;
  readonly #insert: Statement;

  constructor(path: string, measures: readonly string[], catalogue: SensorCatalogue) {
    this.#path = path;
    this.#measures = measures;
    this.#catalogue = catalogue;
    const columns = wideColumns(measures);
    const db = this.#trying("open", () => new Database(path, { create: true, readwrite: true, strict: true }));
    this.#db = db;
    try {
      this.#trying("open", () => prepare(db, path, columns));
      const names = columns.map((column) => `"${column.name}"`);
      this.#insert = db.prepare(
        `INSERT INTO ${WIDE_TABLE} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
      );
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** All readings of the block in one transaction. */
  append(block: ReadingBlock): void {
    if (block.count === 0) return;
    this.#trying("append to", () => {
      this.#db.run("BEGIN IMMEDIATE");
      try {
        this.#insertAll(block);
        this.#db.run("COMMIT");
      } catch (error) {
        if (this.#db.inTransaction) this.#db.run("ROLLBACK");
        throw error;
      }
    });
  }

  close(): void {
    this.#db.close();
  }

  #insertAll(block: ReadingBlock): void {
    const { sensors, labels } = this.#catalogue;
    const columns = this.#measures.map((name) => block.column(this.#catalogue.slotOf(name)));
    const flags = 2 + columns.length;
    const row: (string | number | null)[] = new Array(flags + 3 + IDENTITY_COLUMNS.length - 1).fill(null);
    for (let i = 0; i < block.count; i++) {
      const { identity } = sensors[block.sensor[i]!]!;
      const label = labels[block.label[i]!]!;
      row[0] = new Date(block.time[i]!).toISOString();
      row[1] = identity[0]!;
      for (let m = 0; m < columns.length; m++) {
        const value = columns[m]![i]!;
        row[2 + m] = Number.isNaN(value) ? null : value;
      }
      row[flags] = label.statusCode;
      row[flags + 1] = label.anomalyFlag;
      row[flags + 2] = label.anomalyType;
      for (let c = 1; c < identity.length; c++) row[flags + 2 + c] = identity[c]!;
      this.#insert.run(...row);
    }
  }

  /** Turns errors of SQLite into those that callers know. */
  #trying<T>(verb: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof AgentError) throw error;
      const message = `Cannot ${verb} "${this.#path}": ${messageOf(error)}`;
      const code = codeOf(error) ?? "";
      if (/^SQLITE_(BUSY|LOCKED|FULL)/.test(code)) {
        throw new TransientError(message, { cause: error, tryHint: `lsof ${shellWord(this.#path)}` });
      }
      const usage = code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CANTOPEN") || code === "SQLITE_READONLY";
      const tryHint = "agent simulate --out sqlite:new.db";
      throw usage
        ? new UsageError(message, { cause: error, tryHint })
        : new AgentError(message, { cause: error, tryHint });
    }
  }
}

/**
 * WAL, so that the agent can read while this writes. NORMAL on purpose: killing the process loses nothing that was
 * committed and the file stays sound; only a power cut may take the last second, as it takes a real sensor's.
 */
function prepare(db: Database, path: string, columns: readonly Column[]): void {
  db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = NORMAL");
  const made = columns.map((column) => `"${column.name}" ${column.type}`).join(", ");
  const known = db.query<{ type: string }, [string]>("SELECT type FROM sqlite_master WHERE name = ?").get(WIDE_TABLE);
  if (known === null) {
    db.run(`CREATE TABLE IF NOT EXISTS ${WIDE_TABLE} (id INTEGER PRIMARY KEY AUTOINCREMENT, ${made})`);
    return;
  }
  const refuse = (why: string): never => {
    throw new UsageError(`Cannot append to "${WIDE_TABLE}" in "${path}": ${why}`, {
      tryHint: "agent simulate --out sqlite:new.db",
    });
  };
  if (known.type !== "table") refuse(`it is a ${known.type}, not a table`);
  const there = db.query<{ name: string }, []>(`SELECT name FROM pragma_table_info('${WIDE_TABLE}')`).all();
  const missing = columns.filter((column) => !there.some(({ name }) => name === column.name));
  if (missing.length > 0) refuse(`it has no column ${missing.map((column) => `"${column.name}"`).join(", ")}`);
}
