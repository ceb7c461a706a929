/**
 * The first page of a database says where everything else is, so one bad page can hide all others. The tables of a new
 * buffer always begin at the same pages: a new first page in a copy makes the rest readable again.
 */
import { Database } from "bun:sqlite";
import { closeSync, constants, copyFileSync, existsSync, fstatSync, openSync, rmSync, writeSync } from "node:fs";
import { migrate } from "../schema.ts";

const PAGE_BYTES = 4_096;
/** Measures that a sensor can have (core/sensor.ts); the others of a row read as NULL. */
const MEASURES = 64;

/** A copy of a database and its log. Throws ENOSPC and the like; nothing is left behind then. */
export function copyDatabase(path: string, to: string): void {
  removeCopy(to);
  try {
    copyFileSync(path, to, constants.COPYFILE_FICLONE);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${to}-wal`, constants.COPYFILE_FICLONE);
  } catch (error) {
    removeCopy(to);
    throw error;
  }
}

/** Replaces the first page by that of a new buffer. */
export function renewFirstPage(path: string): void {
  const file = openSync(path, "r+");
  try {
    writeSync(file, firstPage(Math.ceil(fstatSync(file).size / PAGE_BYTES)), 0, PAGE_BYTES, 0);
  } finally {
    closeSync(file);
  }
}

export function removeCopy(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

function firstPage(pages: number): Uint8Array {
  const page = template().slice(0, PAGE_BYTES);
  const view = new DataView(page.buffer, page.byteOffset, PAGE_BYTES);
  // https://www.sqlite.org/fileformat2.html#the_database_header: WAL, size in pages, no free pages.
  view.setUint16(18, 0x0202);
  view.setUint32(28, pages);
  view.setUint32(32, 0);
  view.setUint32(36, 0);
  return page;
}

/** A new buffer's schema in few words, so that it fits on one page with every measure there can be. */
function template(): Uint8Array {
  const model = new Database(":memory:");
  const db = new Database(":memory:");
  try {
    migrate(model, ":memory:");
    type TableRow = { name: string; sql: string; rootpage: number };
    const list = "SELECT name, sql, rootpage FROM sqlite_master WHERE rootpage > 0 ORDER BY rootpage";
    for (const { name, sql, rootpage } of model.query<TableRow, []>(list).all()) {
      if (sql === null) continue;
      skipPages(db, rootpage);
      const short = inFewWords(sql);
      db.run(name === "reading" ? withMeasures(short) : short.replaceAll(/\s+/g, " "));
    }
    const roots = (of: Database) =>
      JSON.stringify(of.query(`SELECT name, rootpage FROM (${list}) WHERE name NOT GLOB '_[0-9]*'`).all());
    if (roots(db) !== roots(model))
      throw new Error("the tables of the new first page do not begin at the pages of a buffer");
    return db.serialize();
  } finally {
    model.close();
    db.close();
  }
}

/**
 * The schema in its own words outgrows its page before the last tables are made, and takes further pages. In few words it does
 * not: tables that are never read take these pages.
 */
function skipPages(db: Database, next: number): void {
  const pages = () => db.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
  // A database without a table has no page yet.
  while (Math.max(pages(), 1) + 1 < next) db.run(`CREATE TABLE _${pages()}(a)`);
}

/** Without what matters only to a writer. A REAL reads integers back as doubles; `IS NOT NULL` is the condition of an index. */
function inFewWords(sql: string): string {
  return sql
    .replaceAll(/(?<! IS) NOT NULL| TEXT\b| INTEGER\b(?! PRIMARY)/g, "")
    .replace(/ STRICT(, WITHOUT ROWID)?$/, withoutRowid);
}

const withoutRowid = (_all: string, rowid: string | undefined) => (rowid === undefined ? "" : " WITHOUT ROWID");

function withMeasures(sql: string): string {
  const columns = Array.from({ length: MEASURES }, (_, slot) => `,m${slot}`).join("");
  return sql.replaceAll(/\s+/g, " ").replace(/\)$/, `${columns})`);
}
