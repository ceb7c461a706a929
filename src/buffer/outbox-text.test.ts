/** Text beside readings can be large: it bounds the blocks in memory, and the rows of one batch. */
import { afterEach, beforeEach, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDENTITY_COLUMNS } from "../core/sensor.ts";
import { testWith } from "../testing/needs.ts";
import { Outbox } from "./outbox.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";

const longTest = testWith("time");

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-outbox-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const MIB = 1024 * 1024;
const facts = { ingestedAtMs: 1_000, rulesVersion: "abc", timeQuality: "ok", agentVersion: "0.1.0" } as const;

longTest("a batch ends when the text beside its rows is 32 MiB, and has at least one row", () => {
  const buffer = new SqliteBuffer({
    dataDir,
    nodeId: "n",
    nowMs: 0,
    blockRows: 10,
    recentRows: 10_000,
    chance: new Uint8Array(10).fill(7),
  });
  const sensor = buffer.catalogue.internSensor(
    IDENTITY_COLUMNS.map(() => null),
    [],
  );
  const label = buffer.catalogue.internLabel({ statusCode: null, anomalyFlag: null, anomalyType: null });
  const commit = (lengths: readonly number[]): void => {
    const block = buffer.recent.lend();
    expect([block.count, block.textLength]).toEqual([0, 0]);
    for (const length of lengths) {
      const received = "x".repeat(length);
      if (length % 2 === 1)
        block.addMalformed(0, { reason: "not_json", detail: "", received, encoding: "utf8", bytes: 1 });
      else if (length > 0) block.addExtra(block.add(sensor, 0, label), received);
      else block.add(sensor, 0, label);
    }
    buffer.commit(block, facts, []);
  };
  for (let i = 0; i < 5; i++) commit([10 * MIB, 0, 10 * MIB + 1, 0]);
  commit([33 * MIB, 0, 0, 40 * MIB]);
  // Text beyond 32 MiB is not in memory any more.
  expect([buffer.recent.cover({ first: 1, last: 4 }), buffer.recent.cover({ first: 21, last: 24 })?.length]).toEqual([
    null,
    1,
  ]);
  const outbox = new Outbox(buffer, new Set(["raw"]), ({ first, last }) => `${first}-${last}`);
  const ranges: string[] = [];
  while (outbox.unplanned > 0) ranges.push(...outbox.plan(100, 0).map(({ key, count }) => `${key}: ${count}`));
  expect(ranges).toEqual(["1-6: 6", "7-12: 6", "13-18: 6", "19-20: 2", "21-21: 1", "22-23: 2", "24-24: 1"]);
  buffer.close();
});
