/**
 * Gives the free pages of a buffer back to the disk: everything is copied into a new file, which then takes the buffer's name.
 * VACUUM would do less well: it needs twice the room, and it moves the tables to other pages than those of a new buffer, from
 * which a damaged first page is repaired (salvage/page-one.ts). The old file stays whole until the new one has its name.
 */
import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, openSync, renameSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { AgentError, codeOf } from "../../core/errors.ts";
import { storedJson } from "../../core/outside/stored-json.ts";
import { roughBytes } from "../../core/readable-numbers.ts";
import { breathe } from "../../core/time/bell.ts";
import { syncFolder } from "../salvage/set-aside.ts";
import { addMeasureColumns, migrate, PAGE_BYTES } from "../schema.ts";
import { BUFFER_FILE } from "../sqlite-buffer.ts";
import { MARKS, META_MARKS, marksOfMachine } from "./marks.ts";
import { copyPath, removeCopy } from "./room.ts";

/** Less than this, or than this share of the file, is not worth a copy. */
const WORTH = { bytes: 1_024 * 1_024, share: 1 / 20 };
const CHUNK_ROWS = 50_000;
/** What a copy may need beyond the pages in use: the last page of each table is rarely full. */
const MORE_BYTES = 256 * 1_024;

export type CompactHow = {
  readonly stop: AbortSignal;
  readonly tell: (text: () => string) => void;
};

/** Why nothing was given back: null where it was. */
export type Compacted = string | null;

/**
 * The caller has the data dir's lock. `db` is the only connection of this process to the buffer, and can only be closed
 * afterwards. Throws the database's error, and AgentError after a stop; the buffer is then as it was.
 */
export async function compact(dataDir: string, db: Database, how: CompactHow): Promise<Compacted> {
  const path = join(dataDir, BUFFER_FILE);
  const copy = copyPath(dataDir);
  removeCopy(dataDir);
  try {
    const why = whyNot(dataDir, db) ?? takeAlone(db);
    if (why !== null) return why;
    const names = db.query<{ name: string }, []>("SELECT name FROM measure ORDER BY slot").all();
    makeEmpty(
      copy,
      names.map(({ name }) => name),
    );
    await copyInto(db, copy, how);
    noteMark(path, copy);
    syncFile(copy);
    renameSync(copy, path);
    syncFolder(dataDir);
    return null;
  } finally {
    removeCopy(dataDir);
  }
}

function whyNot(dataDir: string, db: Database): string | null {
  const one = (pragma: string) => Number(db.query(`PRAGMA ${pragma}`).values()[0]?.[0] ?? 0);
  const [pages, free] = [one("page_count"), one("freelist_count")];
  if (free * PAGE_BYTES < WORTH.bytes || free < pages * WORTH.share)
    return `${roughBytes(free * PAGE_BYTES)} of it are free, which is not worth a copy`;
  const neededBytes = (pages - free) * PAGE_BYTES + MORE_BYTES;
  const { bavail, bsize } = statfsSync(dataDir);
  if (bavail * bsize >= neededBytes) return null;
  return `a copy needs ${roughBytes(neededBytes)}, and the disk has ${roughBytes(bavail * bsize)}; the free pages are used again`;
}

/**
 * No other connection, until this one is closed: a log that another one left would be applied to the new file. Null, or why not.
 */
function takeAlone(db: Database): string | null {
  const busy = "another program has it open, such as agent tail; the free pages are used again";
  try {
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.query("PRAGMA wal_checkpoint(TRUNCATE)").get();
    // Fails while another connection is open. A crash from now on leaves a whole buffer without a log; a start makes one again.
    const mode = db.query<{ journal_mode: string }, []>("PRAGMA journal_mode = DELETE").get()?.journal_mode;
    if (mode !== "delete") return busy;
    db.run("BEGIN EXCLUSIVE");
    db.run("COMMIT");
    return null;
  } catch (error) {
    if (codeOf(error)?.startsWith("SQLITE_BUSY")) return busy;
    throw error;
  }
}

/** A buffer of these measures: its tables begin where those of every buffer do. */
function makeEmpty(copy: string, measureNames: readonly string[]): void {
  const db = new Database(copy, { create: true, readwrite: true });
  try {
    db.run(`PRAGMA page_size = ${PAGE_BYTES}`);
    db.run("PRAGMA synchronous = OFF");
    migrate(db, copy);
    if (measureNames.length > 0) db.transaction(() => addMeasureColumns(db, { measureNames }, 0))();
  } finally {
    db.close();
  }
}

async function copyInto(db: Database, copy: string, how: CompactHow): Promise<void> {
  db.query("ATTACH ? AS fresh").run(copy);
  // Only a whole copy gets the buffer's name.
  db.run("PRAGMA fresh.journal_mode = OFF");
  db.run("PRAGMA fresh.synchronous = OFF");
  const tables = db
    .query<{ name: string }, []>("SELECT name FROM fresh.sqlite_master WHERE type = 'table' ORDER BY rootpage")
    .all();
  for (const { name } of tables) {
    if (name === "measure") continue;
    if (name === "reading") await copyReadings(db, how);
    else {
      const columns = columnsOf(db, name);
      // A new buffer has rows of its own, such as the version of its schema.
      db.run(`DELETE FROM fresh."${name}"`);
      db.run(`INSERT INTO fresh."${name}" (${columns}) SELECT ${columns} FROM main."${name}" NOT INDEXED`);
    }
    const count = (schema: string) => Number(db.query(`SELECT count(*) FROM ${schema}."${name}"`).values()[0]?.[0]);
    if (count("main") !== count("fresh"))
      throw new Error(`Cannot copy the table ${name}: rows are missing in the copy`);
    await turn(how.stop);
  }
  db.run("DETACH fresh");
}

async function copyReadings(db: Database, { stop, tell }: CompactHow): Promise<void> {
  const columns = columnsOf(db, "reading");
  const piece = db.query<null, [number]>(
    `INSERT INTO fresh.reading (${columns}) SELECT ${columns} FROM main.reading WHERE seq > ? ORDER BY seq LIMIT ${CHUNK_ROWS}`,
  );
  const last = db.query<{ seq: number | null }, []>("SELECT max(seq) AS seq FROM fresh.reading");
  for (let copied = 0, after = -1; ; ) {
    const { changes } = piece.run(after);
    if (changes === 0) return;
    copied += changes;
    after = last.get()?.seq ?? after;
    tell(() => `${copied.toLocaleString("en")} readings copied into a smaller file`);
    await turn(stop);
  }
}

function columnsOf(db: Database, table: string): string {
  const rows = db.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?, 'fresh')").all(table);
  return rows.map(({ name }) => `"${name}"`).join(", ");
}

/** The next start must not take it for a copy of another device's; but what was one before still is. */
function noteMark(path: string, copy: string): void {
  const db = new Database(copy, { readwrite: true, create: false });
  try {
    const row = db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(META_MARKS);
    const marks = storedJson(MARKS, row?.value ?? "null");
    if (marks === null || marks.file === null) return;
    const read = marksOfMachine(null);
    if (read(path).file !== marks.file) return;
    const file = read(copy).file;
    db.query("UPDATE meta SET value = ? WHERE key = ?").run(JSON.stringify({ ...marks, file }), META_MARKS);
  } finally {
    db.close();
  }
}

function syncFile(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function turn(stop: AbortSignal): Promise<void> {
  await breathe();
  if (stop.aborted) throw new AgentError("Cannot give the room back to the disk: it was stopped");
}

/** The buffer on disk, with its log. */
export function sizeOnDisk(dataDir: string): number {
  const path = join(dataDir, BUFFER_FILE);
  return [path, `${path}-wal`].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}
