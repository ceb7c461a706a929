/**
 * A question asked of the objects of a store, without a cloud: the tables that a statement names are loaded into SQLite,
 * with the columns that it names, and the statement runs there. It can read those tables and nothing else.
 */
import { type Database, SQLiteError } from "bun:sqlite";
import { AgentError, UsageError } from "../core/errors.ts";
import type { Profile } from "../core/profile.ts";
import { TABLE_OF_STAGE } from "../core/stage.ts";
import { readKey } from "../uplink/object-key.ts";
import { type ListedObject, NotFoundError, type ObjectStore } from "../uplink/object-store.ts";
import { gunzipLines, whyNotFetched } from "../uplink/read-object.ts";
import type { AnswerColumn, LeftOut, QueryAnswer } from "./answer.ts";
import { type LoadedHeartbeats, loadHeartbeats, needsHeartbeats } from "./heartbeat-loader.ts";
import {
  keepHighestRevisions,
  lakeType,
  needsOf,
  openLakeDatabase,
  type QuarantineRow,
  quarantine,
  type StageNeeds,
} from "./lake-database.ts";
import { RowLoader } from "./row-loader.ts";
import { type SqlWords, sqlWords } from "./sql-words.ts";

/** What is typed or generated is far shorter. */
const SQL_CHARS = 100_000;
/** Statements that read. Only these: a temporary database may be written, but ATTACH and VACUUM INTO would write files. */
const READING = ["select", "with", "values", "explain"];

/** Of the objects that are not the agent's. */
const FOREIGN_NAMED = 5;

const NO_HEARTBEATS: LoadedHeartbeats = { objects: 0, doubtful: [] };

export type LocalOptions = {
  readonly profile: Profile;
  readonly limit: number;
  /** Hours of event time that ended before this are not read. */
  readonly sinceMs: number | null;
  readonly nowMs: number;
  readonly stop: AbortSignal;
  readonly tell: (text: () => string) => void;
  /** Runs what does not look at `stop`. */
  readonly busy: <T>(work: () => T) => T;
};
export type LocalAnswer = QueryAnswer & {
  readonly leftOut: readonly LeftOut[];
  /** Objects with other rows than their names say, and heartbeats that no agent wrote as they are. Their rows are in the answer. */
  readonly doubtful: readonly LeftOut[];
  /** Objects that were looked into; null where the statement names no table. */
  readonly objects: number | null;
  /** Objects whose names are not the agent's; no one looked into them. */
  readonly foreign: number;
  /** The first of them. */
  readonly foreignNamed: readonly string[];
};

/** Throws a UsageError for a statement that SQLite does not understand or that would do more than read. */
export async function askLake(store: ObjectStore, sql: string, options: LocalOptions): Promise<LocalAnswer> {
  const words = checked(sql);
  const needs = needsOf(words, options.profile);
  const hasHeartbeats = needsHeartbeats(words);
  const db = openLakeDatabase(options.profile);
  try {
    // Before anything is loaded: a mistake in the SQL should not take a minute to be reported.
    prepared(db, sql);
    const loading = new Loading(db, store, options);
    for (const need of needs) await loading.load(need);
    const beats = hasHeartbeats ? await loadHeartbeats(db, store.metadata, options) : NO_HEARTBEATS;
    if (needs.some(({ stage }) => stage === "aggregated")) keepHighestRevisions(db);
    quarantine(db, loading.damaged, options.nowMs);
    db.run("PRAGMA query_only = ON");
    options.tell(() => `${loading.rows.toLocaleString("en")} rows read, the question is being answered`);
    const answer = options.busy(() => answerOf(db, sql, options.limit));
    return {
      ...answer,
      leftOut: loading.damaged.map(({ object, reason }) => ({ object, reason })),
      doubtful: [...loading.doubtful, ...beats.doubtful],
      objects: needs.length === 0 && !hasHeartbeats ? null : loading.objects + beats.objects,
      foreign: loading.foreign,
      foreignNamed: loading.foreignNamed,
    };
  } catch (error) {
    throw explained(error);
  } finally {
    db.close();
  }
}

function checked(sql: string): SqlWords {
  if (sql.length > SQL_CHARS) {
    throw new UsageError(`Cannot ask: the statement has more than ${SQL_CHARS} characters`, {
      tryHint: "agent query",
    });
  }
  const words = sqlWords(sql);
  if (words.statements > 1) {
    throw new UsageError(`Cannot ask ${words.statements} statements at once: ask one after the other`, {
      tryHint: "agent query",
    });
  }
  if (READING.includes(words.first)) return words;
  throw onlyReads(`${words.first.toUpperCase()} …`);
}

function onlyReads(what: string, cause?: unknown): UsageError {
  return new UsageError(`Cannot run ${what}: a local query only reads`, {
    tryHint: 'agent query --local "SELECT count(*) FROM sensor_readings_ingestion"',
    cause,
  });
}

function prepared(db: Database, sql: string) {
  const statement = db.prepare(sql);
  statement.safeIntegers(true);
  return statement;
}

class Loading {
  readonly damaged: QuarantineRow[] = [];
  readonly doubtful: LeftOut[] = [];
  rows = 0;
  objects = 0;
  foreign = 0;
  readonly foreignNamed: string[] = [];
  readonly #db: Database;
  readonly #store: ObjectStore;
  readonly #options: LocalOptions;

  constructor(db: Database, store: ObjectStore, options: LocalOptions) {
    this.#db = db;
    this.#store = store;
    this.#options = options;
  }

  async load(need: StageNeeds): Promise<void> {
    const { stage, columns } = need;
    const shared = columns.some(({ name }) => name === "source_file") ? ["source_file"] : [];
    const loader = new RowLoader(this.#db, TABLE_OF_STAGE[stage], columns, shared);
    for await (const object of this.#store.list(stage)) {
      const { stop, tell } = this.#options;
      if (stop.aborted) throw new AgentError(`Cannot read ${this.#store.place(stage)}: it was stopped`);
      if (!this.#isMeant(object)) continue;
      this.objects++;
      const name = `${this.#store.place(stage)}/${object.key}`;
      const flaw = await this.#take(object, name, loader);
      if (flaw !== null) this.damaged.push({ stage, object: name, reason: flaw });
      tell(() => `${stage}: ${this.rows.toLocaleString("en")} rows read`);
    }
  }

  /** Why an object cannot be read, and then no row of it is in; null where it can. Throws what the store throws. */
  async #take(object: ListedObject, name: string, loader: RowLoader): Promise<string | null> {
    const body = await this.#bodyOf(object, name);
    if (typeof body === "string") return body;
    this.#db.run("BEGIN");
    try {
      const rows = loader.load(gunzipLines(body, name), { source_file: name });
      this.rows += rows;
      const named = readKey(object.stage, object.key)?.count ?? rows;
      if (rows !== named) this.doubtful.push({ object: name, reason: notAsNamed(name, rows, named) });
      return null;
    } catch (error) {
      // It is unpacked whole before its first row is taken.
      if (error instanceof AgentError) return error.message;
      throw error;
    } finally {
      this.#db.run("COMMIT");
    }
  }

  /** The text says why there is none. */
  async #bodyOf(object: ListedObject, name: string): Promise<Uint8Array | string> {
    const refusal = whyNotFetched(name, object.bytes);
    if (refusal !== null) return refusal.message;
    try {
      return await this.#store.get(object);
    } catch (error) {
      // Deleted since it was listed.
      if (error instanceof NotFoundError) return error.message;
      throw error;
    }
  }

  #isMeant({ stage, key }: ListedObject): boolean {
    const of = readKey(stage, key);
    if (of === null) {
      this.foreign++;
      if (this.foreignNamed.length < FOREIGN_NAMED) this.foreignNamed.push(`${this.#store.place(stage)}/${key}`);
    }
    const { sinceMs } = this.#options;
    return of !== null && (sinceMs === null || of.endMs > sinceMs);
  }
}

function notAsNamed(object: string, rows: number, named: number): string {
  return `${object}: it holds ${rows.toLocaleString("en")} rows where its name says ${named.toLocaleString("en")}`;
}

function answerOf(db: Database, sql: string, limit: number): QueryAnswer {
  const statement = prepared(db, sql);
  const names = statement.columnNames;
  const seen = names.map(() => ({ values: 0, numbers: 0, lists: 0 }));
  const rows: (string | null)[][] = [];
  let truncated = false;
  for (const row of rowsOf(db, statement, sql, limit + 1)) {
    truncated = rows.length === limit;
    if (truncated) break;
    row.forEach((value, at) => {
      count(seen[at]!, value);
    });
    rows.push(row.map(textOf));
  }
  const declared = statement.declaredTypes;
  const columns = names.map((name, at) => columnOf(name, declared[at] ?? null, seen[at]!));
  return { columns, rows, truncated };
}

type Prepared = ReturnType<typeof prepared>;

/** One after the other; where two columns have one name, which a row as an object has once, `most` of them at once. */
function* rowsOf(db: Database, statement: Prepared, sql: string, most: number): Iterable<unknown[]> {
  const names = statement.columnNames;
  if (new Set(names).size < names.length) {
    yield* prepared(db, `SELECT * FROM (${withoutEnd(sql)}) LIMIT ${most}`).values() as unknown[][];
    return;
  }
  for (const row of statement.iterate() as Iterable<Record<string, unknown>>) yield names.map((name) => row[name]);
}

/** Without the semicolon, and what may follow it; a comment that ends the statement ends with its line. */
const withoutEnd = (sql: string) => `${sql.replace(/;(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/, "")}\n`;

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
}

/** How many values of a column there were that are not null, and of those how many numbers and how many lists in JSON. */
type ValueCounts = { values: number; numbers: number; lists: number };

function count(seen: ValueCounts, value: unknown): void {
  if (value === null || value === undefined) return;
  seen.values++;
  if (typeof value === "number" || typeof value === "bigint") seen.numbers++;
  // No longer one where a value before it was none.
  else if (seen.lists === seen.values - 1 && isJsonList(value)) seen.lists++;
}

/** SQLite says the type of a table's column; of what is computed, the values show it. */
function columnOf(name: string, declared: string | null, { values, numbers, lists }: ValueCounts): AnswerColumn {
  const type = declared === null ? "" : lakeType(declared);
  if (values > 0 ? numbers === values : /^(DOUBLE|BIGINT)$/.test(type)) return { name, type, kind: "number" };
  const isList = type.startsWith("ARRAY") || (type === "" && values > 0 && lists === values);
  return { name, type, kind: isList ? "json" : "text" };
}

function isJsonList(value: unknown): boolean {
  if (typeof value !== "string" || !value.startsWith("[")) return false;
  try {
    return Array.isArray(JSON.parse(value));
  } catch {
    return false;
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof SQLiteError)) return error;
  if (error.code === "SQLITE_FULL" || error.code?.startsWith("SQLITE_IOERR") === true) {
    return new AgentError(
      `Cannot answer: the temporary file cannot grow (${error.message}); SQLITE_TMPDIR names its folder, --since reads less`,
      {
        tryHint: "df -h",
        cause: error,
      },
    );
  }
  if (error.code === "SQLITE_READONLY") return onlyReads("a statement that writes", error);
  return new UsageError(`Cannot ask: ${error.message}`, {
    tryHint: "agent query --local \"SELECT name FROM pragma_table_info('sensor_readings_ingestion')\"",
    cause: error,
  });
}
