/** What a log (WAL) shows of lost commits, and what crashes leave in it without any loss. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLogDamaged } from "./log.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-log-"));
afterAll(() => rmSync(folder, { recursive: true }));

const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4_096;
let files = 0;

/** Opens a copy as the next life of the agent does, lets it write, and copies what is then on the disk. */
function live(from: string | null, write: (db: Database) => void): string {
  const path = join(folder, `${++files}.db`);
  const to = join(folder, `${++files}.db`);
  for (const suffix of from === null ? [] : ["", "-wal"]) copyFileSync(from + suffix, path + suffix);
  const db = new Database(path);
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"])
    db.run(`PRAGMA ${pragma}`);
  write(db);
  for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, to + suffix);
  db.close();
  return to;
}

const small = (db: Database) => db.run("INSERT INTO t VALUES (1)");
const large = (db: Database) => db.run("INSERT INTO t VALUES (zeroblob(80000))");

/** The frames that end a transaction. */
function commitsOf(path: string): number[] {
  const log = readFileSync(`${path}-wal`);
  const frames = Math.floor((log.length - HEADER_BYTES) / FRAME_BYTES);
  return Array.from({ length: frames }, (_, at) => at).filter(
    (at) => log.readUInt32BE(HEADER_BYTES + at * FRAME_BYTES + 4) !== 0,
  );
}

/** The log with one bit of a frame changed, as damage or as a write that a power cut tore. */
function changed(path: string, frame: number, byte = 2_000): string {
  const to = join(folder, `${++files}.db`);
  copyFileSync(path, to);
  const log = readFileSync(`${path}-wal`);
  log[HEADER_BYTES + frame * FRAME_BYTES + byte]! ^= 4;
  writeFileSync(`${to}-wal`, log);
  return to;
}

const begun = () =>
  live(null, (db) => {
    db.run("CREATE TABLE t (a)");
    for (let i = 0; i < 5; i++) small(db);
  });

test("a changed bit anywhere before the last transaction is a lost commit", () => {
  const path = begun();
  const commits = commitsOf(path);
  expect(isLogDamaged(`${path}-wal`)).toBe(false);
  for (let frame = 0; frame <= commits.at(-2)!; frame++) {
    for (const byte of [0, 9, 17, 21, 24, 3_000])
      expect([frame, byte, isLogDamaged(`${changed(path, frame, byte)}-wal`)]).toEqual([frame, byte, true]);
  }
});

test("the last transaction, never synced, is no damage, nor is what is left of one before it that is half overwritten", () => {
  const first = live(begun(), large);
  const torn = changed(first, commitsOf(first).at(-2)! + 1);
  expect(isLogDamaged(`${torn}-wal`)).toBe(false);
  // The next life writes over the first frames of what the crash left; its own last commit is torn as well.
  const second = live(torn, small);
  const [own] = commitsOf(second).filter((frame) => frame > commitsOf(first).at(-2)!);
  expect(own).toBeLessThan(commitsOf(second).at(-1)!);
  expect(isLogDamaged(`${second}-wal`)).toBe(false);
  expect(isLogDamaged(`${changed(second, own!)}-wal`)).toBe(false);
});
