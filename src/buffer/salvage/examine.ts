/**
 * Whether a buffer that reported damage is damaged. SQLite also calls a page malformed that the device could not read
 * (SQLITE_IOERR_CORRUPTFS becomes SQLITE_CORRUPT), so its word counts only where every byte of the file can be read. The
 * examination runs in turns: a large buffer takes seconds, and a stop does not wait for it.
 */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../core/errors.ts";
import { chunksOf } from "../../core/seq-range.ts";
import { breathe } from "../../core/time/bell.ts";
import { CorruptRowError, isCorruption } from "../corruption.ts";
import { versionDamage } from "../schema.ts";
import { BUFFER_FILE } from "../sqlite-buffer.ts";
import { isLogDamaged } from "./log.ts";

/** `unread`: why it cannot be examined now. */
export type Examined = "sound" | "damaged" | { readonly unread: unknown };

export type ExamineHow = {
  /** Every page and the list of free ones, in one go, however large the file is. */
  readonly isThorough: boolean;
  readonly stop: AbortSignal;
  /** A smaller file is checked whole, too; 64 MiB where absent, a tenth of a second. */
  readonly smallBytes?: number;
};

const SMALL_BYTES = 64 * 1_024 * 1_024;
const PIECE_ROWS = 20_000;
const READ_BYTES = 1_024 * 1_024;
const BUSY_MS = 5_000;

/** Tables that grow with the readings, with a value that needs each row's last page. They have no index. */
const LARGE: Readonly<Record<string, readonly [key: string, value: string]>> = {
  reading: ["seq", "total(verdict)"],
  commit_group: ["first_seq", "total(last_seq)"],
  finding: ["seq", "total(length(findings))"],
  extra: ["seq", "total(length(fields))"],
  malformed: ["seq", "total(length(received))"],
};

/** Nothing of this process may have the buffer open. Changes nothing in it, but for what SQLite does after a crash. */
export async function examine(dataDir: string, how: ExamineHow): Promise<Examined> {
  const path = join(dataDir, BUFFER_FILE);
  // What the device could not read is found damaged once, perhaps; damage is found each time.
  for (let times = 1; ; times++) {
    const error = await check(path, how);
    if (error === null) return "sound";
    if (!isCorruption(error)) return { unread: error };
    const unread = (await readAll(path, how.stop)) ?? (await readAll(`${path}-wal`, how.stop));
    if (unread !== null) return { unread };
    if (times === 2) return "damaged";
  }
}

/** What is wrong with it, or null. */
async function check(path: string, how: ExamineHow): Promise<unknown> {
  let db: Database | null = null;
  try {
    if (!existsSync(path)) return null;
    if (isLogDamaged(`${path}-wal`)) return new CorruptRowError("Commits in the middle of its log are damaged");
    db = new Database(path, { readwrite: true });
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    db.run("PRAGMA cell_size_check = ON");
    const damage = versionDamage(db);
    if (damage !== null) return damage;
    if (how.isThorough || statSync(path).size <= (how.smallBytes ?? SMALL_BYTES))
      checkWhole(db, "PRAGMA integrity_check(1)");
    else await checkInPieces(db, how.stop);
    return null;
  } catch (error) {
    return error;
  } finally {
    db?.close();
  }
}

async function checkInPieces(db: Database, stop: AbortSignal): Promise<void> {
  const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  for (const { name } of tables) {
    const large = LARGE[name];
    if (large !== undefined) await checkRows(db, name, large, stop);
    else checkWhole(db, `PRAGMA integrity_check("${name.replaceAll('"', '""')}")`);
    await turn(stop);
  }
}

async function checkRows(
  db: Database,
  name: string,
  [key, value]: readonly [string, string],
  stop: AbortSignal,
): Promise<void> {
  const { first, last } = db
    .query<{ first: number | null; last: number | null }, []>(
      `SELECT (SELECT min(${key}) FROM ${name}) AS first, (SELECT max(${key}) FROM ${name}) AS last`,
    )
    .get()!;
  if (first === null || last === null) return;
  const piece = db.query(`SELECT ${value} FROM ${name} WHERE ${key} BETWEEN ? AND ?`);
  for (const keys of chunksOf({ first, last }, PIECE_ROWS)) {
    piece.get(keys.first, keys.last);
    await turn(stop);
  }
}

function checkWhole(db: Database, pragma: string): void {
  const found = db.query<{ integrity_check: string }, []>(pragma).get()?.integrity_check ?? "nothing";
  if (found !== "ok") throw new CorruptRowError(`Its integrity check says: ${found}`);
}

/** Why a byte of the file cannot be read, or null. */
export async function readAll(path: string, stop: AbortSignal): Promise<unknown> {
  let file: number | null = null;
  try {
    file = openSync(path, "r");
    const bytes = new Uint8Array(READ_BYTES);
    for (let at = 0, read = 1; read > 0; at += read) {
      read = readSync(file, bytes, 0, READ_BYTES, at);
      await turn(stop);
    }
    return null;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? null : error;
  } finally {
    if (file !== null) closeSync(file);
  }
}

async function turn(stop: AbortSignal): Promise<void> {
  await breathe();
  stop.throwIfAborted();
}
