import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteBuffer } from "./sqlite-buffer.ts";
import { WindowLedger } from "./window-record.ts";

const MINUTE = 60_000;
let dataDir = "";
let buffer: SqliteBuffer;
let ledger: WindowLedger;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-windows-"));
  buffer = new SqliteBuffer({
    dataDir,
    nodeId: "n",
    nowMs: 0,
    chance: crypto.getRandomValues(new Uint8Array(10)),
    blockRows: 10,
    recentRows: 10,
  });
  ledger = new WindowLedger(buffer, MINUTE);
  for (let minute = 0; minute < 5; minute++) {
    buffer.transact(() =>
      ledger.record(
        minute * MINUTE,
        1,
        new Map([
          ["a", "1"],
          ["b", "2"],
        ]),
        minute,
      ),
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
  expect(ledger.recall(0)).toEqual({ revision: 1, throughSeq: 0, sensors: [], expired: true });
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
