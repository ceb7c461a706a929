import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDENTITY_COLUMNS } from "../core/sensor.ts";
import { STAGES } from "../core/stage.ts";
import { Outbox } from "./outbox.ts";
import { Retention } from "./retention.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";

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
