/**
 * The database's shape, as numbered migrations (`user_version`), and how a connection to it is set up. Readings are
 * narrow: what repeats (sensor, label, commit) is kept once; a reading is a few integers and reals.
 */
import type { Database } from "bun:sqlite";
import { codeOf, messageOf, UsageError } from "../core/errors.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../core/sensor.ts";
import { CONFLICT_TABLE } from "./conflicts.ts";
import { CorruptRowError } from "./corruption.ts";
import { privateDatabase } from "./disk/private-files.ts";

const identityColumns = IDENTITY_COLUMNS.map((name) => `${name} ${NUMERIC_IDENTITY.has(name) ? "REAL" : "TEXT"}`);

/** Each entry takes the schema one version up and is never edited after a release. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE measure (slot INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE sensor (handle INTEGER PRIMARY KEY, ${identityColumns.join(", ")}, measures TEXT NOT NULL) STRICT;
  CREATE TABLE label (handle INTEGER PRIMARY KEY, status_code INTEGER, anomaly_flag INTEGER, anomaly_type TEXT) STRICT;
  -- What the readings of one transaction share.
  CREATE TABLE commit_group (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, ingested_at INTEGER NOT NULL,
    rules_version TEXT NOT NULL, time_quality TEXT NOT NULL, agent_version TEXT NOT NULL) STRICT;
  -- verdict: 0 valid, 1 anomalous (see finding), 2 malformed (see malformed). Columns m0, m1, … are added as slots appear.
  CREATE TABLE reading (seq INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, time INTEGER NOT NULL, label INTEGER NOT NULL,
    verdict INTEGER NOT NULL) STRICT;
  CREATE TABLE finding (seq INTEGER PRIMARY KEY, findings TEXT NOT NULL) STRICT;
  CREATE TABLE malformed (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL, received TEXT NOT NULL,
    encoding TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
  CREATE TABLE extra (seq INTEGER PRIMARY KEY, fields TEXT NOT NULL) STRICT;
  CREATE TABLE source (uri TEXT PRIMARY KEY, cursor TEXT, accepted INTEGER NOT NULL, refused INTEGER NOT NULL) STRICT;
  CREATE TABLE rule_set (version TEXT PRIMARY KEY, canonical TEXT NOT NULL, since INTEGER NOT NULL) STRICT;
  -- The outbox. hour and first_seq/last_seq are NULL for aggregated; body is kept only where it cannot be made again.
  CREATE TABLE batch (id INTEGER PRIMARY KEY, stage TEXT NOT NULL, key TEXT NOT NULL, first_seq INTEGER, last_seq INTEGER,
    hour INTEGER, count INTEGER NOT NULL, state TEXT NOT NULL, planned_at INTEGER NOT NULL, settled_at INTEGER,
    error TEXT, body BLOB, UNIQUE (stage, key)) STRICT;
  CREATE INDEX batch_open ON batch (state, id) WHERE state <> 'delivered';
  -- Delivered batches that retention folded together, so that verify can still account for every seq.
  CREATE TABLE delivered (stage TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    rows INTEGER NOT NULL, objects INTEGER NOT NULL, PRIMARY KEY (stage, first_seq)) STRICT, WITHOUT ROWID;
  -- Windows that went out at least once; their accumulators include every reading up to through_seq.
  CREATE TABLE window (start INTEGER PRIMARY KEY, length INTEGER NOT NULL, revision INTEGER NOT NULL,
    through_seq INTEGER NOT NULL, issued_at INTEGER NOT NULL) STRICT;
  CREATE TABLE window_sensor (start INTEGER NOT NULL, sensor_id TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (start, sensor_id)) STRICT, WITHOUT ROWID;
  CREATE TABLE loss (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, count INTEGER NOT NULL, first_seq INTEGER,
    last_seq INTEGER, since INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
  `,
  // NULL: of this buffer; else of one that was set aside, whose seqs these are.
  "ALTER TABLE loss ADD COLUMN epoch TEXT",
  `
  -- What rules remember, by the SHA-256 of a rule's canonical JSON, after the reading that meta's rules_through names.
  CREATE TABLE rule_state (rule TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID;
  -- Each change of the rule set in force; the lists are JSON arrays of rule names.
  CREATE TABLE rule_switch (at INTEGER NOT NULL, from_version TEXT, to_version TEXT NOT NULL, added TEXT NOT NULL,
    removed TEXT NOT NULL, changed TEXT NOT NULL) STRICT;
  `,
  `
  -- What was wrong with readings of a source that were taken all the same; field is '' where it is about none.
  CREATE TABLE flaw (uri TEXT NOT NULL, reason TEXT NOT NULL, field TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (uri, reason, field)) STRICT, WITHOUT ROWID;
  `,
  `
  -- The bounds of plausible event times, ms, as they were at that commit; NULL: none.
  ALTER TABLE commit_group ADD COLUMN earliest INTEGER;
  ALTER TABLE commit_group ADD COLUMN latest INTEGER;
  `,
  CONFLICT_TABLE,
  `
  -- The accumulators of a window that went out, in one piece: gzip, or JSON text as it is; absent where they were deleted.
  -- The table window_sensor stays, empty: the tables of every buffer begin at the same pages (salvage/page-one.ts).
  CREATE TABLE window_state (start INTEGER PRIMARY KEY, issued_at INTEGER NOT NULL, sensors INTEGER NOT NULL,
    states BLOB NOT NULL) STRICT;
  CREATE INDEX window_state_issued ON window_state (issued_at, start);
  INSERT INTO window_state
    SELECT start, issued_at, count(*), CAST(json_group_array(json_array(sensor_id, json(state))) AS BLOB)
    FROM window JOIN window_sensor USING (start)
    WHERE start NOT IN (SELECT start FROM window_sensor WHERE NOT json_valid(state)) GROUP BY start;
  DELETE FROM window_sensor;
  `,
  `
  -- What a source keeps beside its cursor, where that is too small: the position in each of many files.
  CREATE TABLE source_state (uri TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (uri, key)) STRICT, WITHOUT ROWID;
  `,
  // 1: the readings came without a time, and have that of their arrival; NULL: they did not.
  "ALTER TABLE label ADD COLUMN arrival INTEGER",
  `
  -- The earlier epochs again, as in meta, behind a checksum: on a page of its own, for one damaged page must not give their readings
  -- to another epoch.
  CREATE TABLE earlier_epochs_copy (id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL) STRICT;
  `,
];
/**
 * The condition of the index `batch_open`. A query that does not say it, word for word, looks at every batch that was ever
 * delivered, also where it asks for one state only.
 */
export const IS_OPEN = "state <> 'delivered'";
export const IS_PLANNED = `${IS_OPEN} AND state = 'planned'`;
export const IS_PARKED = `${IS_OPEN} AND state = 'parked'`;

/** In `meta`: rows of delivered batches of windows that were deleted since. */
export const FORGOTTEN_ROWS = "forgotten_window_rows";

/** Rows by stage that were delivered and whose batches are gone: folded, or of windows and forgotten. */
export const DELIVERED_BEFORE = `SELECT stage, rows FROM delivered
  UNION ALL SELECT 'aggregated', CAST(value AS INTEGER) FROM meta WHERE key = '${FORGOTTEN_ROWS}'`;

export const SCHEMA_VERSION = MIGRATIONS.length;
/** From this version on there is the table `flaw`. */
export const FLAWS_SINCE = 4;
/** From this version on the accumulators of a window are one row, of `window_state`; before, they were many of `window_sensor`. */
export const WINDOW_STATES_SINCE = 7;
/** From this version on there is the table `source_state`. */
const SOURCE_STATES_SINCE = 8;

export const BUSY_TIMEOUT_MS = 5_000;
export const PAGE_BYTES = 4_096;
/** Of log between checkpoints, where the disk has room for it: fewer pages written twice than at the default 4 MiB. */
export const LOG_BYTES = 16 * 1_024 * 1_024;

/** Durable before anything else; a busy lock is waited for rather than failed on. */
export function configure(db: Database): void {
  db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  // Only for a new database, and the default of SQLite.
  db.run(`PRAGMA page_size = ${PAGE_BYTES}`);
  try {
    db.run("PRAGMA journal_mode = WAL");
  } catch (error) {
    // The first look at the header. The only plain error here is a format that SQLite does not know.
    if (codeOf(error) !== "SQLITE_ERROR") throw error;
    throw new CorruptRowError(`Cannot read the buffer's header: ${messageOf(error)}`, { cause: error });
  }
  db.run("PRAGMA synchronous = FULL");
  // `DiskRoom` sets how long the log may grow; until then it is SQLite's 4 MiB.
  // Readings are appended, read from memory and deleted in order: a larger cache would hold pages that are not read again.
  db.run("PRAGMA cache_size = -1024");
  db.run("PRAGMA temp_store = MEMORY");
}

/** No binary will have so many: a version above is a damaged header. */
const NO_VERSION = 1_000;

/**
 * In `meta`: the version once more. The header has no checksum, and a flipped bit in it looks like the database of another binary.
 * Every binary of a later schema writes both.
 */
const VERSION_AGAIN = "schema_version";
/** Each is there from this version on. */
const TABLES_SINCE: readonly (readonly [table: string, version: number])[] = [
  ["meta", 1],
  ["rule_state", 3],
  ["flaw", 4],
  ["conflict", 6],
  ["window_state", WINDOW_STATES_SINCE],
  ["source_state", SOURCE_STATES_SINCE],
];

/** Why the version in the header cannot be that of this file, or null. */
export function versionDamage(db: Database): CorruptRowError | null {
  const found = versionIn(db);
  const made = db.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  const tables = new Set(made.map(({ name }) => name));
  const known = TABLES_SINCE.findLast(([table]) => tables.has(table))?.[1] ?? 0;
  const again = tables.has("meta")
    ? Number(db.query("SELECT value FROM meta WHERE key = ?").values(VERSION_AGAIN)[0]?.[0] ?? Number.NaN)
    : Number.NaN;
  const isOlder = found < known || found < again;
  const isNewer = found > NO_VERSION || (found > SCHEMA_VERSION && again !== found);
  return isOlder || isNewer ? new CorruptRowError(`Cannot read the buffer's header: version ${found}`) : null;
}

function versionIn(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()!.user_version;
}

/** For writing, set up and of this binary's version. Where that or `first` fails, it is closed: a start may try for hours. */
export function openDatabase(path: string, first: (db: Database) => void): Database {
  const db = privateDatabase(path);
  try {
    configure(db);
    migrate(db, path);
    first(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Brings the schema up to this binary's version. Throws UsageError where the database is newer than the binary. */
export function migrate(db: Database, path: string): void {
  const damage = versionDamage(db);
  if (damage !== null) throw damage;
  const found = versionIn(db);
  if (found > SCHEMA_VERSION) {
    throw new UsageError(
      `Cannot open buffer "${path}": its schema is version ${found}, newer than this binary's ${SCHEMA_VERSION}`,
      { tryHint: "agent --version" },
    );
  }
  for (const [done, migration] of MIGRATIONS.slice(found).entries()) {
    db.transaction(() => {
      db.run(migration);
      db.run(`PRAGMA user_version = ${found + done + 1}`);
    }).immediate();
  }
  const again = db.query("SELECT value FROM meta WHERE key = ?").values(VERSION_AGAIN)[0]?.[0];
  if (again !== String(SCHEMA_VERSION))
    db.query("INSERT OR REPLACE INTO meta VALUES (?, ?)").run(VERSION_AGAIN, String(SCHEMA_VERSION));
}

/** Adds the columns of new slots and renews the wide view. Inside the caller's transaction. */
export function addMeasureColumns(
  db: Database,
  catalogue: { readonly measureNames: readonly string[] },
  from: number,
): void {
  for (const [at, name] of catalogue.measureNames.slice(from).entries()) {
    db.run(`ALTER TABLE reading ADD COLUMN m${from + at} REAL`);
    db.query("INSERT INTO measure (slot, name) VALUES (?, ?)").run(from + at, name);
  }
  db.run("DROP VIEW IF EXISTS sensor_readings");
  db.run(wideView(catalogue.measureNames));
}

const USUAL_MEASURES = ["temperature", "humidity", "pressure", "vibration", "voltage"];

/**
 * The wide table that existing tools expect: 26 columns, then any measure that those do not have. `columnAt`: the SQL name of the
 * column of a slot, in the table `reading`.
 */
export function wideView(measureNames: readonly string[], columnAt = (slot: number) => `m${slot}`): string {
  const columnOf = (name: string) => {
    const slot = measureNames.indexOf(name);
    return `${slot < 0 ? "NULL" : `r.${columnAt(slot)}`} AS "${name.replaceAll('"', '""')}"`;
  };
  const others = measureNames.filter((name) => !USUAL_MEASURES.includes(name));
  const identity = IDENTITY_COLUMNS.filter((name) => name !== "sensor_id").map((name) => `s.${name}`);
  return `CREATE VIEW sensor_readings AS SELECT r.seq AS id,
    strftime('%Y-%m-%dT%H:%M:%fZ', r.time / 1000.0, 'unixepoch') AS timestamp, s.sensor_id,
    ${USUAL_MEASURES.map(columnOf).join(", ")}, l.status_code, l.anomaly_flag, l.anomaly_type, ${identity.join(", ")}
    ${others.map((name) => `, ${columnOf(name)}`).join("")}
    FROM reading r JOIN sensor s ON s.handle = r.sensor JOIN label l ON l.handle = r.label`;
}
