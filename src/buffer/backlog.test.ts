/** What waits, counted as it comes, is what a look through the whole buffer finds. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { IDENTITY_COLUMNS } from "../core/sensor.ts";
import { STAGES } from "../core/stage.ts";
import { cases, testWith } from "../testing/needs.ts";
import { BacklogCount } from "./backlog.ts";
import { Retention } from "./disk/retention.ts";
import { lagOf } from "./ledger/holdings.ts";
import { BufferLedger } from "./ledger/ledger.ts";
import { Outbox } from "./outbox.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";

const longTest = testWith("time");

const folder = mkdtempSync(join(tmpdir(), "agent-backlog-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let folders = 0;

const STAGES_ON = STAGES.filter((stage) => stage !== "aggregated");

function open(dataDir: string, running: () => number, pieceRows = 5_000) {
  const buffer = new SqliteBuffer({
    dataDir,
    nodeId: "n",
    nowMs: 0,
    chance: new Uint8Array(10),
    blockRows: 1_000,
    recentRows: 10_000,
  });
  const outbox = new Outbox(
    buffer,
    new Set(STAGES_ON),
    ({ hourMs, first, last, count }) => `${hourMs}/${first}-${last}.${count}`,
  );
  const openWindows = () => ({ windows: 0, rows: 0, fromSeq: Number.POSITIVE_INFINITY });
  return {
    buffer,
    outbox,
    backlog: new BacklogCount({ buffer, outbox, stages: STAGES_ON, openWindows, running, pieceRows }),
  };
}

/** Every `nth` reading is an anomaly, or none where it is 0; a commit of these at that time. */
function commit({ buffer }: ReturnType<typeof open>, rows: number, nth: number, nowMs: number): void {
  const block = buffer.recent.lend();
  const label = buffer.catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  for (let i = 0; i < rows; i++) {
    const identity = IDENTITY_COLUMNS.map((column) => (column === "sensor_id" ? `s${i % 3}` : null));
    const row = block.add(buffer.catalogue.internSensor(identity, []), 1_000 * i, label);
    const finding = { rule: "r", severity: "warning" as const, reason: "", observed: null, limit: "", window: null };
    if (nth > 0 && i % nth === 0) block.findings.set(row, [finding]);
  }
  buffer.commit(block, { ingestedAtMs: nowMs, rulesVersion: "r", timeQuality: "ok", agentVersion: "0" }, []);
}

function lookedThrough(dataDir: string) {
  const ledger = BufferLedger.open(dataDir);
  try {
    return lagOf(ledger, STAGES_ON, 60_000).stages;
  } finally {
    ledger.close();
  }
}

/** Halves the smallest batch, and its halves, until a row is parked. */
function refuse(outbox: Outbox, nowMs: number): void {
  for (let outcome = ""; outcome !== "parked"; ) {
    const [smallest] = outbox.open(1_000).toSorted((a, b) => a.count - b.count);
    if (smallest === undefined) return;
    outcome = outbox.refused(smallest, "no", nowMs);
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ rows: fc.integer({ min: 1, max: 900 }), nth: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ plan: fc.integer({ min: 1, max: 1_500 }) }) },
  { weight: 4, arbitrary: fc.constant("deliver" as const) },
  { weight: 3, arbitrary: fc.constantFrom("refuse" as const, "prune" as const, "drop" as const, "restart" as const) },
);

longTest(
  "at any moment of any history the count is that of a search through the buffer",
  () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.boolean()), { minLength: 1, maxLength: 25, size: "max" }), (steps) => {
        const dataDir = join(folder, String(folders++));
        mkdirSync(dataDir);
        let node = open(dataDir, () => 0, 700);
        for (const [at, [one, isAsked]] of steps.entries()) {
          const { buffer, outbox } = node;
          if (one === "restart") {
            buffer.close();
            node = open(dataDir, () => 0, 700);
          } else if (one === "deliver") outbox.delivered(outbox.open(2), at);
          else if (one === "refuse") refuse(outbox, at);
          else if (one === "prune") new Retention(buffer).prune(Number.MAX_SAFE_INTEGER);
          else if (one === "drop") {
            new Retention(buffer).dropOldest(100, at);
            outbox.reload();
          } else if ("plan" in one) outbox.plan(one.plan, at);
          else commit(node, one.rows, one.nth, at);
          if (!isAsked) continue;
          while (node.backlog.count() > 0);
          expect(node.backlog.read().stages).toEqual(lookedThrough(dataDir));
        }
        node.buffer.close();
      }),
      { numRuns: cases(40) },
    );
  },
  600_000,
);

test("a long backlog is counted a few milliseconds at a time, and the uncounted rest is reported", () => {
  const dataDir = join(folder, String(folders++));
  mkdirSync(dataDir);
  let nowMs = 0;
  // Each look at the clock takes longer than a count may.
  const node = open(dataDir, () => (nowMs += 5));
  for (let i = 0; i < 13; i++) commit(node, 1_000, 2, i);
  expect(node.backlog.read()).toMatchObject({ uncounted: 13_000, stages: { raw: { pending: 13_000 } } });
  expect(node.backlog.read().stages.validated.pending).toBe(0);
  const left = [node.backlog.count(), node.backlog.count(), node.backlog.count(), node.backlog.count()];
  expect(left).toEqual([8_000, 3_000, 0, 0]);
  expect(node.backlog.read().stages.validated.pending).toBe(6_500);
  node.buffer.close();
});
