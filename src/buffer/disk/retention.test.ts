import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import { STAGES } from "../../core/stage.ts";
import { Outbox } from "../outbox.ts";
import { SqliteBuffer } from "../sqlite-buffer.ts";
import { Retention } from "./retention.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-fold-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const HOUR = Date.UTC(2026, 10, 23, 8);

test("delivered batches are folded into one account per stage, also where one hour of a range was halved", () => {
  const chance = new Uint8Array(10);
  const buffer = new SqliteBuffer({ dataDir, nodeId: "n", nowMs: HOUR, chance, blockRows: 100, recentRows: 100 });
  const outbox = new Outbox(buffer, new Set(STAGES), ({ hourMs, first, last, count }) =>
    [hourMs, first, last, count].join("."),
  );
  for (let n = 0; n < 3; n++) {
    const block = buffer.recent.lend();
    const sensor = buffer.catalogue.internSensor(
      IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? "s" : null)),
      [],
    );
    const label = buffer.catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
    // Each range spans two hours.
    for (let i = 0; i < 10; i++) block.add(sensor, HOUR + i * 600_000, label);
    const facts = { ingestedAtMs: HOUR, rulesVersion: "r", timeQuality: "ok", agentVersion: "1" } as const;
    buffer.commit(block, facts, []);
    for (const batch of outbox.plan(10, HOUR)) {
      if (batch.stage === "raw" && batch.range?.hourMs === HOUR) outbox.refused(batch, "no", HOUR);
    }
  }
  outbox.delivered(outbox.open(100), HOUR);
  buffer.setMeta("windows_from", "31");
  expect(new Retention(buffer).prune(HOUR + 1)).toBe(30);
  const folded = buffer.db.query("SELECT stage, first_seq, last_seq, rows FROM delivered ORDER BY stage").all();
  expect(folded).toEqual(
    ["raw", "schematized", "validated"].map((stage) => ({ stage, first_seq: 1, last_seq: 30, rows: 30 })),
  );
  expect(buffer.db.query("SELECT count(*) AS n FROM batch").get()).toEqual({ n: 0 });
  buffer.close();
});

test("dropped readings are counted to the row, and no promise keeps only some of its rows", () => {
  const chance = new Uint8Array(10);
  const buffer = new SqliteBuffer({ dataDir, nodeId: "n", nowMs: HOUR, chance, blockRows: 100, recentRows: 10 });
  const outbox = new Outbox(buffer, new Set(STAGES), ({ hourMs, first, last, count }) =>
    [hourMs, first, last, count].join("."),
  );
  for (let n = 0; n < 4; n++) {
    const block = buffer.recent.lend();
    const label = buffer.catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
    for (let i = 0; i < 10; i++) block.add(0, HOUR, label);
    buffer.commit(block, { ingestedAtMs: HOUR, rulesVersion: "r", timeQuality: "ok", agentVersion: "1" }, []);
  }
  outbox.delivered(outbox.plan(10, HOUR), HOUR);
  outbox.plan(10, HOUR);
  const retention = new Retention(buffer);
  // 11 to 20 are promised, 21 to 40 are not: the store may have the promised ones.
  expect(retention.dropOldest(3, HOUR)).toMatchObject({ range: { first: 21, last: 23 }, count: 3 });
  const heldIn = (first: number, last: number) => buffer.read({ first, last }).map(({ firstSeq }) => firstSeq);
  expect([outbox.open(10).length, heldIn(1, 30)]).toEqual([3, [1, 11, 24]]);
  outbox.reload();
  expect(outbox.plan(100, HOUR).map(({ range }) => range)).toContainEqual({
    first: 24,
    last: 40,
    hourMs: HOUR,
  });
  // Nothing else is left: promises are kept.
  expect(retention.dropOldest(3, HOUR)).toBe(null);
  expect(buffer.db.query("SELECT reason, count, first_seq, last_seq FROM loss").all()).toEqual([
    { reason: "buffer_full", count: 3, first_seq: 21, last_seq: 23 },
  ]);
  buffer.close();
});
