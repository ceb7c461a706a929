/**
 * Readings of the buffer, copied into a snapshot a piece at a time. Each piece is a short read of the buffer over a connection of its
 * own: it holds up neither the writer nor its checkpoints.
 */
import { constants, Database } from "bun:sqlite";
import { resolve } from "node:path";
import { privately } from "../../buffer/disk/private-files.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import { copyStatements, PAGE_BYTES, snapshotSchema } from "./schema.ts";

/** Hardly a wait on the agent's thread: the buffer is busy for moments only, and the next turn tries again. */
const BUSY_MS = 5;
const FLAGS = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_CREATE | constants.SQLITE_OPEN_URI;

export class SnapshotCopy {
  readonly #db: Database;
  /** That of readings first. */
  readonly #statements: readonly { run(first: number, last: number): { readonly changes: number } }[];
  readonly #pages;

  /** `path`: of a file that is not there yet; `:memory:` for a sample. */
  constructor(path: string, bufferPath: string) {
    this.#db = privately(() => new Database(path, FLAGS));
    try {
      const db = this.#db;
      db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
      db.run(`PRAGMA page_size = ${PAGE_BYTES}`);
      // A snapshot that is not whole is deleted.
      db.run("PRAGMA journal_mode = OFF");
      db.run("PRAGMA synchronous = OFF");
      db.run("PRAGMA cache_size = -2048");
      db.query("ATTACH ? AS buffer").run(`${Bun.pathToFileURL(resolve(bufferPath)).href}?mode=ro`);
      db.run("PRAGMA buffer.cache_size = -512");
      const names = db.query<{ name: string }, []>("SELECT name FROM buffer.measure ORDER BY slot").all();
      const measureNames = names.map(({ name }) => name);
      db.run(snapshotSchema(measureNames));
      this.#statements = copyStatements(measureNames).map((sql) => db.query<null, [number, number]>(sql));
      this.#pages = db.query<{ page_count: number }, []>("PRAGMA main.page_count");
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get bytes(): number {
    return (this.#pages.get()?.page_count ?? 0) * PAGE_BYTES;
  }

  /** The first and the last reading that the buffer holds; null: none. */
  held(): SeqRange | null {
    const { first, last } = this.#db
      .query<{ first: number | null; last: number | null }, []>(
        "SELECT (SELECT min(seq) FROM buffer.reading) AS first, (SELECT max(seq) FROM buffer.reading) AS last",
      )
      .get() ?? { first: null, last: null };
    return first === null || last === null ? null : { first, last };
  }

  nextHeld(seq: number): number | null {
    const found = this.#db.query<{ seq: number | null }, [number]>(
      "SELECT min(seq) AS seq FROM buffer.reading WHERE seq >= ?",
    );
    return found.get(seq)?.seq ?? null;
  }

  /** When the commit that `seq` is in, or the last one before it, was made. */
  takenMs(seq: number): number | null {
    const group = this.#db.query<{ ingested_at: number }, [number]>(
      "SELECT ingested_at FROM buffer.commit_group WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
    );
    return group.get(seq)?.ingested_at ?? null;
  }

  /** The readings of a range, with what rules found and what came beside them; returns how many there were. */
  readings({ first, last }: SeqRange): number {
    this.#db.run("BEGIN");
    try {
      const [readings = 0] = this.#statements.map((statement) => statement.run(first, last).changes);
      this.#db.run("COMMIT");
      return readings;
    } catch (error) {
      // Without a journal nothing can be undone: the caller deletes the file.
      if (this.#db.inTransaction) this.#db.run("COMMIT");
      throw error;
    }
  }

  /** Sensors by handle. */
  sensors({ first, last }: SeqRange): void {
    this.#db
      .query<null, [number, number]>("INSERT INTO sensor SELECT * FROM buffer.sensor WHERE handle BETWEEN ? AND ?")
      .run(first, last);
  }

  labels(): void {
    this.#db.run(`INSERT INTO label SELECT handle, status_code, anomaly_flag, anomaly_type, arrival FROM buffer.label`);
  }

  /** The commits whose first reading is in the range; with `before`, also the one that was going on there. */
  commits({ first, last }: SeqRange, before: boolean): void {
    const from = before ? "coalesce((SELECT max(first_seq) FROM buffer.commit_group WHERE first_seq <= ?1), ?1)" : "?1";
    this.#db
      .query<null, [number, number]>(
        `INSERT OR IGNORE INTO commit_group
          SELECT first_seq, last_seq, ingested_at, rules_version, time_quality, agent_version
          FROM buffer.commit_group WHERE first_seq BETWEEN ${from} AND ?2`,
      )
      .run(first, last);
  }

  /** No sensor has a higher one. */
  lastHandle(): number {
    return (
      this.#db.query<{ last: number | null }, []>("SELECT max(handle) AS last FROM buffer.sensor").get()?.last ?? 0
    );
  }

  meta(key: string): string | null {
    return (
      this.#db.query<{ value: string }, [string]>("SELECT value FROM buffer.meta WHERE key = ?").get(key)?.value ?? null
    );
  }

  about(facts: Readonly<Record<string, string | number | null>>): void {
    const insert = this.#db.query<null, [string, string | number | null]>("INSERT INTO about VALUES (?, ?)");
    for (const [name, value] of Object.entries(facts)) insert.run(name, value);
  }

  close(): void {
    this.#db.close();
  }
}
