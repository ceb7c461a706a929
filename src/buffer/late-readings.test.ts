import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDENTITY_COLUMNS, NO_SENSOR } from "../core/sensor.ts";
import { Retention } from "./disk/retention.ts";
import { LATE } from "./late-readings.ts";
import { lossesOf } from "./ledger/losses.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";
import { WindowLedger } from "./window-record.ts";

const MINUTE = 60_000;
const BEFORE_1970 = -5 * MINUTE;
let dataDir = "";
let buffer: SqliteBuffer;
let ledger: WindowLedger;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-late-"));
  const chance = new Uint8Array(10);
  buffer = new SqliteBuffer({ dataDir, nodeId: "n", nowMs: 0, chance, blockRows: 100, recentRows: 100 });
  ledger = new WindowLedger(buffer, MINUTE);
});
afterEach(() => {
  buffer.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Readings at these times; null is malformed. */
function commit(times: readonly (number | null)[]): void {
  const block = buffer.recent.lend();
  const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? "s" : null));
  const sensor = buffer.catalogue.internSensor(identity, []);
  const label = buffer.catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  for (const time of times) block.add(time === null ? NO_SENSOR : sensor, time ?? 0, label);
  buffer.commit(block, { ingestedAtMs: 0, rulesVersion: "r", timeQuality: "ok", agentVersion: "1" }, []);
}

const wentOut = (startMs: number, throughSeq: number) =>
  ledger.record({ startMs, revision: 0, throughSeq }, { count: 1, states: new Uint8Array(1) }, 0);
const losses = () =>
  lossesOf({ db: buffer.db, version: SCHEMA_VERSION }).map(({ reason, count, range }) => [reason, count, range]);
const drop = (rows: number) => new Retention(buffer).dropOldest(rows, 9);

test("a reading that was counted as late and is dropped then is one loss, not two", () => {
  wentOut(0, 0);
  wentOut(BEFORE_1970, 0);
  // Late: 1, 2, 4 and 5. Reading 6 is in a window that waits, 7 has no sensor, 8 came later and is not counted yet.
  commit([0, BEFORE_1970, 10 * MINUTE, BEFORE_1970 + MINUTE - 1, MINUTE - 1, 5 * MINUTE, null, 1]);
  const late = [
    { startMs: 0, count: 2, throughSeq: 5 },
    { startMs: BEFORE_1970, count: 2, throughSeq: 4 },
  ];
  ledger.late.count(late, 1);
  expect(losses()).toEqual([[LATE, 4, null]]);
  expect([0, BEFORE_1970].map((startMs) => ledger.recall(startMs)!.throughSeq)).toEqual([5, 4]);
  drop(1);
  expect(losses()).toEqual([
    [LATE, 3, null],
    ["buffer_full", 1, { first: 1, last: 1 }],
  ]);
  drop(100);
  expect(losses()).toEqual([["buffer_full", 8, { first: 1, last: 8 }]]);
  expect(ledger.late.isMarked).toBe(true);
});

test("a reading that is in an aggregate and was not counted as late changes no count", () => {
  wentOut(0, 2);
  commit([0, 0, 10 * MINUTE]);
  wentOut(MINUTE, 3);
  commit([MINUTE]);
  ledger.late.count([{ startMs: MINUTE, count: 1, throughSeq: 4 }], 1);
  buffer.setMeta("planned_through", "3");
  drop(100);
  expect(losses()).toEqual([["buffer_full", 1, { first: 4, last: 4 }]]);
});

test("what an older agent counted is known to be without marks, until it is marked", () => {
  expect(ledger.late.isMarked).toBe(true);
  const older = { reason: LATE, count: 3, range: null, sinceMs: 1, untilMs: 1 };
  new Retention(buffer).recordLoss(older);
  expect(ledger.late.isMarked).toBe(false);
  ledger.late.mark([]);
  expect(ledger.late.isMarked).toBe(true);
  ledger.late.count([{ startMs: 0, count: 2, throughSeq: 9 }], 2);
  expect([ledger.late.isMarked, losses()]).toEqual([true, [[LATE, 5, null]]]);
  new Retention(buffer).recordLoss(older);
  expect(ledger.late.isMarked).toBe(false);
});
