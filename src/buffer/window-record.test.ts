import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WINDOW_STATES_SINCE } from "./schema.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";
import { WindowLedger } from "./window-record.ts";

const MINUTE = 60_000;
const STATES = new Uint8Array([1, 2, 3]);
let dataDir = "";
let buffer: SqliteBuffer;
let ledger: WindowLedger;

const open = () =>
  new SqliteBuffer({
    dataDir,
    nodeId: "n",
    nowMs: 0,
    chance: crypto.getRandomValues(new Uint8Array(10)),
    blockRows: 10,
    recentRows: 10,
  });

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-windows-"));
  buffer = open();
  ledger = new WindowLedger(buffer, MINUTE);
  for (let minute = 0; minute < 5; minute++) {
    buffer.transact(() =>
      ledger.record({ startMs: minute * MINUTE, revision: 1, throughSeq: 0 }, { count: 2, states: STATES }, minute),
    );
  }
});
afterEach(() => {
  buffer.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const isExpired = () => [0, 1, 2, 3, 4].map((minute) => ledger.recall(minute * MINUTE)!.expired);

test("windows that went out long ago lose their accumulators, and keep their revision", () => {
  expect(ledger.expire(2, 100)).toBe(4);
  expect(isExpired()).toEqual([true, true, false, false, false]);
  expect(ledger.recall(0)).toEqual({ revision: 1, throughSeq: 0, states: null, expired: true });
  expect(ledger.expire(2, 100)).toBe(0);
});

test("a call deletes about as many accumulators as asked", () => {
  expect(ledger.expire(100, 1)).toBe(2);
  expect(isExpired()).toEqual([true, false, false, false, false]);
});

test("the newest two windows stay, however full the buffer is", () => {
  expect(ledger.expire(Number.MAX_SAFE_INTEGER, 100)).toBe(6);
  expect(isExpired()).toEqual([true, true, true, false, false]);
  expect(ledger.expire(Number.MAX_SAFE_INTEGER, 100)).toBe(0);
});

test("a window of the future does not make the present ones old", () => {
  ledger.advance(1, 4 * MINUTE + 1);
  buffer.transact(() =>
    ledger.record({ startMs: 1_000 * MINUTE, revision: 1, throughSeq: 0 }, { count: 2, states: STATES }, 9),
  );
  buffer.transact(() =>
    ledger.record({ startMs: 900 * MINUTE, revision: 1, throughSeq: 0 }, { count: 2, states: STATES }, 8),
  );
  expect(ledger.expire(Number.MAX_SAFE_INTEGER, 100)).toBe(6);
  expect(isExpired()).toEqual([true, true, true, false, false]);
});

test("windows of a backlog that went out last stay, and those that went out longest ago go first", () => {
  ledger.advance(1, 4 * MINUTE + 1);
  buffer.transact(() => ledger.record({ startMs: 0, revision: 2, throughSeq: 0 }, { count: 2, states: STATES }, 7));
  expect(ledger.expire(Number.MAX_SAFE_INTEGER, 1)).toBe(2);
  expect(isExpired()).toEqual([false, true, false, false, false]);
  expect(ledger.expire(Number.MAX_SAFE_INTEGER, 100)).toBe(2);
  expect(isExpired()).toEqual([false, true, true, false, false]);
});

test("what an older agent kept of windows is taken over, and a window of which a row is damaged counts as deleted", () => {
  const { db } = buffer;
  for (const table of ["window_state", "source_state", "earlier_epochs_copy"]) db.run(`DROP TABLE ${table}`);
  db.run("ALTER TABLE label DROP COLUMN arrival");
  for (const [start, sensor, state] of [
    [0, "a", "[3,1,[[0,[3,1,2,5,0,4]]]]"],
    [0, 'b"', "[1,0,[]]"],
    [MINUTE, "a", "[1,0,[]]"],
    [MINUTE, "b", "[1,0,"],
  ] as const) {
    db.query("INSERT INTO window_sensor VALUES (?, ?, ?)").run(start, sensor, state);
  }
  db.run(`PRAGMA user_version = ${WINDOW_STATES_SINCE - 1}`);
  db.run("DELETE FROM meta WHERE key = 'schema_version'");
  buffer.close();
  buffer = open();
  ledger = new WindowLedger(buffer, MINUTE);
  expect(isExpired()).toEqual([false, true, true, true, true]);
  const { revision, states } = ledger.recall(0)!;
  const sensors = '[["a",[3,1,[[0,[3,1,2,5,0,4]]]]],["b\\"",[1,0,[]]]]';
  expect([revision, Buffer.from(states!).toString()]).toEqual([1, sensors]);
});
