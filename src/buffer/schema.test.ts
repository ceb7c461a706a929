import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../core/errors.ts";
import { checkBuffer } from "./check/check.ts";
import { isCorruption, isDamage } from "./corruption.ts";
import { BufferLedger } from "./ledger/ledger.ts";
import { examine } from "./salvage/examine.ts";
import { openDatabase, SCHEMA_VERSION } from "./schema.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";

/** Of the header: `user_version`, four bytes, the highest first. */
const VERSION_AT = 60;

function madeBuffer(): string {
  const dataDir = mkdtempSync(join(tmpdir(), "agent-version-"));
  const chance = new Uint8Array(10);
  new SqliteBuffer({ dataDir, nodeId: "n", nowMs: 0, chance, blockRows: 10, recentRows: 10 }).close();
  return dataDir;
}

const errorOf = (work: () => unknown): unknown => {
  try {
    work();
    return null;
  } catch (error) {
    return error;
  }
};

const check = (dataDir: string) =>
  checkBuffer(dataDir, {
    isRunning: false,
    stop: new AbortController().signal,
    tell: () => undefined,
    alone: (work) => work(),
    readsWindow: () => true,
  });

test("a bit that flipped in the version of the schema is damage, to all that look at a buffer, from the first look on", async () => {
  const dataDir = madeBuffer();
  const path = join(dataDir, "buffer.db");
  const sound = readFileSync(path);
  const stop = new AbortController().signal;
  expect([await examine(dataDir, { isThorough: false, stop }), (await check(dataDir)).damage]).toEqual(["sound", []]);
  for (let bit = 0; bit < 32; bit++) {
    const bytes = Uint8Array.from(sound);
    bytes[VERSION_AT + 3 - (bit >> 3)]! ^= 1 << (bit & 7);
    writeFileSync(path, bytes);
    expect([bit, await examine(dataDir, { isThorough: false, stop })]).toEqual([bit, "damaged"]);
    expect([bit, isCorruption(errorOf(() => openDatabase(path, () => undefined)))]).toEqual([bit, true]);
    expect([bit, isDamage(errorOf(() => BufferLedger.open(dataDir).close()))]).toEqual([bit, true]);
    expect([bit, (await check(dataDir)).damage.length]).toEqual([bit, 1]);
  }
  rmSync(dataDir, { recursive: true });
});

test("the buffer of a newer binary is one, and that of an older one is taken over", async () => {
  const dataDir = madeBuffer();
  const path = join(dataDir, "buffer.db");
  const set = (sql: string) => {
    const db = new Database(path, { readwrite: true });
    db.run(sql);
    db.close();
  };
  set("DELETE FROM meta WHERE key = 'schema_version'");
  BufferLedger.open(dataDir).close();
  openDatabase(path, () => undefined).close();
  const newer = SCHEMA_VERSION + 1;
  set(`PRAGMA user_version = ${newer}`);
  set(`UPDATE meta SET value = '${newer}' WHERE key = 'schema_version'`);
  expect(errorOf(() => openDatabase(path, () => undefined))).toBeInstanceOf(UsageError);
  expect(errorOf(() => BufferLedger.open(dataDir).close())).toBeInstanceOf(UsageError);
  rmSync(dataDir, { recursive: true });
});
