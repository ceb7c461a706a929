/**
 * What is followed in a foreign database: a table by its rowid, or a table, view or query by a key, a column of integers that
 * grow from row to row.
 */
import type { Database } from "bun:sqlite";
import { messageOf, TransientError, UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { shellWord } from "../../core/shell-word.ts";
import { quoted } from "./known.ts";

export type Followed = {
  /** Of a table or view; null where a query is followed. */
  readonly table: string | null;
  readonly query: string | null;
  /** Null: the rowid. */
  readonly key: string | null;
};

export type ForeignColumn = { readonly name: string; readonly type: string };

export type Relation = {
  /** What follows FROM. */
  readonly from: string;
  /** The rowid or the key, as SQL. */
  readonly rowid: string;
  /** What a person calls it. */
  readonly key: string;
  /** `key` was said, and is not SQLite's own rowid: it may hold anything. */
  readonly isKeyed: boolean;
  /** VACUUM leaves the rowids alone. */
  readonly keepsRowids: boolean;
  readonly isAutoincrement: boolean;
  /** All but one that is only another name of the rowid or the key. */
  readonly columns: readonly ForeignColumn[];
};

type Column = ForeignColumn & { readonly pk: number; readonly hidden: number };
type FollowedIn = {
  readonly followed: Followed;
  readonly path: string;
  readonly isWanted: (column: string) => boolean;
};

const ROWID_NAMES = ["rowid", "_rowid_", "oid"] as const;
const HIDDEN_OF_VIRTUAL_TABLE = 1;
/** A query is read as a view of the connection. The names of what is temporary must be odd: in a query they win over tables. */
const QUERY_VIEW = "agent__query";
/** So many rows are looked at for a key that is no integer, before the first is read. */
const LOOKED_ROWS = 1_000;

/** As a person would name it. */
export function nameOf({ table, query }: Followed): string {
  if (table !== null) return table;
  const text = query ?? "";
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}

/**
 * Looks at the schema of the snapshot that is open. `isWanted`: the map or the profile names the column. Throws a UsageError for what
 * cannot be followed as it is, a TransientError for what is not there yet.
 */
export function relationOf(db: Database, seen: FollowedIn): Relation {
  const { followed, path } = seen;
  if (followed.query !== null) return ofQuery(db, followed.query, seen);
  const table = followed.table ?? "";
  const found = db
    .query(
      "SELECT l.type, l.wr, s.sql FROM pragma_table_list(?1) l JOIN sqlite_schema s ON s.name = l.name WHERE l.schema = 'main'",
    )
    .values(table)[0];
  if (found === undefined) throw noTable(db, table, path);
  const [type, withoutRowid, sql] = found;
  const columns = columnsOf(db, table, "main");
  const from = `main.${quoted(table)}`;
  if (followed.key !== null) return keyed(db, { from, key: followed.key, columns }, seen);
  if (type !== "table") throw unfit(seen, `it is a ${type}`, columns);
  if (withoutRowid === 1) throw unfit(seen, "it is a table WITHOUT ROWID", columns);
  return { from, ...byRowid(seen, columns, String(sql)) };
}

function byRowid(seen: FollowedIn, columns: readonly Column[], sql: string): Omit<Relation, "from"> {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  const [key, ...moreKeys] = columns.filter(({ pk }) => pk > 0);
  const alias = key?.type.toUpperCase() === "INTEGER" && moreKeys.length === 0 ? key.name : null;
  const rowid = alias ?? ROWID_NAMES.find((name) => !taken.has(name));
  if (rowid === undefined) throw unfit(seen, `its columns ${ROWID_NAMES.join(", ")} hide the rowid`, columns);
  return {
    // The rowid is not quoted where it has no other name: quoted it might be read as text.
    rowid: alias === null ? rowid : quoted(alias),
    key: alias ?? "rowid",
    isKeyed: false,
    keepsRowids: alias !== null,
    isAutoincrement: alias !== null && /\bAUTOINCREMENT\b/i.test(sql),
    columns: columns.filter(({ name }) => name !== alias || seen.isWanted(name)),
  };
}

function ofQuery(db: Database, query: string, seen: FollowedIn): Relation {
  const view = `temp.${quoted(QUERY_VIEW)}`;
  db.run(`DROP VIEW IF EXISTS ${view}`);
  try {
    // In parentheses nothing but a query can stand. Preparing it reads the names of its columns.
    db.run(`CREATE TEMP VIEW ${quoted(QUERY_VIEW)} AS SELECT * FROM (${query}\n)`);
    db.prepare(`SELECT * FROM ${view} LIMIT 0`).finalize();
  } catch (error) {
    const what = `Cannot follow the query of "${seen.path}": ${messageOf(error)}`;
    const tryHint = `sqlite3 ${shellWord(seen.path)} ${shellWord(query)}`;
    // A table that is missing may come.
    if (/no such (?:table|column)/.test(messageOf(error))) throw new TransientError(what, { tryHint, cause: error });
    throw new UsageError(what, { tryHint, cause: error });
  }
  return keyed(db, { from: view, key: seen.followed.key ?? "", columns: columnsOf(db, QUERY_VIEW, "temp") }, seen);
}

type Keyed = { readonly from: string; readonly key: string; readonly columns: readonly Column[] };

function keyed(db: Database, { from, key, columns }: Keyed, seen: FollowedIn): Relation {
  const column = columns.find(({ name }) => name.toLowerCase() === key.toLowerCase());
  if (column === undefined) {
    const names = columns.map(({ name }) => name);
    const near = didYouMean(key, names) || `; it has ${names.slice(0, 20).join(", ")}`;
    throw unfit(seen, `there is no column "${key}" for its key${near}`, columns);
  }
  const rowid = quoted(column.name);
  const odd = db
    .query(
      `SELECT typeof(key) FROM (SELECT ${rowid} AS key FROM ${from} LIMIT ${LOOKED_ROWS}) WHERE typeof(key) <> 'integer' LIMIT 1`,
    )
    .values()[0]?.[0];
  if (odd !== undefined) throw badKey(seen, column.name, odd === "null" ? "NULL" : `a value of type ${String(odd)}`);
  return {
    from,
    rowid,
    key: column.name,
    isKeyed: true,
    keepsRowids: true,
    isAutoincrement: false,
    columns: columns.filter(({ name }) => name !== column.name || seen.isWanted(name)),
  };
}

/** A key that says nothing of which rows are new. */
export function badKey(
  { followed, path }: Pick<FollowedIn, "followed" | "path">,
  key: string,
  what: string,
): TransientError {
  return new TransientError(
    `Cannot follow "${nameOf(followed)}" of "${path}": its key "${key}" holds ${what}, and only integers, each of one row, say what is new`,
    { tryHint: `sqlite3 ${shellWord(path)} .schema` },
  );
}

function columnsOf(db: Database, table: string, schema: "main" | "temp"): readonly Column[] {
  // The shape of this pragma is SQLite's: cid, name, type, notnull, dflt_value, pk, hidden.
  const all = db.query("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?, ?)").all(table, schema) as Column[];
  return all.filter(({ hidden }) => hidden !== HIDDEN_OF_VIRTUAL_TABLE);
}

function noTable(db: Database, table: string, path: string): TransientError {
  // Only tables that can be followed: no views, none without rowids, none of SQLite's own.
  const tables = db
    .query(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND wr = 0 AND name NOT GLOB 'sqlite_*' ORDER BY name LIMIT 20",
    )
    .values();
  const [first, ...more] = tables.flat().map(String);
  const known = first === undefined ? "it has none" : `it has ${[first, ...more].join(", ")}`;
  const missing = `Cannot read table "${table}" of "${path}": there is no such table yet, ${known}`;
  return new TransientError(missing, {
    tryHint:
      first === undefined
        ? `sqlite3 ${shellWord(path)} .tables`
        : `agent run --source ${shellWord(`sqlite:${path}?table=${first}`)}`,
  });
}

function unfit({ followed, path }: FollowedIn, why: string, columns: readonly Column[]): UsageError {
  const what = `Cannot tail "${nameOf(followed)}" of "${path}": ${why}`;
  if (followed.key !== null) return new UsageError(what, { tryHint: `sqlite3 ${shellWord(path)} .schema` });
  const integer = columns.find(({ type }) => /INT/i.test(type))?.name ?? "id";
  return new UsageError(`${what}, and only a rowid, or a key of integers that grow, says what is new`, {
    tryHint: `agent run --source ${shellWord(`sqlite:${path}?table=${followed.table}&key=${integer}`)}`,
  });
}
