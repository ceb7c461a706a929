/** A node for the tests of `status`, `verify` and `lake`: a real buffer, filled and delivered by the real parts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueWindows } from "../agent/issue-windows.ts";
import type { Batch } from "../buffer/buffer.ts";
import { Outbox } from "../buffer/outbox.ts";
import { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { WindowLedger } from "../buffer/window-record.ts";
import { Gzip } from "../core/bytes/gzip.ts";
import { HeapWatch } from "../core/bytes/heap-watch.ts";
import { SILENT } from "../core/log/log.ts";
import { IDENTITY_COLUMNS } from "../core/sensor.ts";
import type { HourRange } from "../core/seq-range.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import type { ReadingStage, Stage } from "../core/stage.ts";
import { Windows } from "../stages/aggregate.ts";
import { StageEncoder } from "../stages/encode.ts";
import { readingKey } from "../uplink/object-key.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { openStore } from "../uplink/open-store.ts";

/** A process with a thousand tests has a heap that takes 50 ms to collect. */

const NO_HEAP = new HeapWatch(() => 0, { all: () => undefined, young: () => undefined });
const GZIP = new Gzip(1, () => 0);

export const EPOCH_START = Date.UTC(2026, 10, 23, 8, 50);
const SOURCE = "simulator:?sensors=3";

export class TestNode {
  readonly dataDir = mkdtempSync(join(tmpdir(), "agent-node-"));
  readonly settings = resolveSettings({ env: { AGENT_NODE_ID: "edge-7" } });
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly windows: Windows;
  readonly ledger: WindowLedger;
  readonly #encoder: StageEncoder;
  nowMs = EPOCH_START;

  constructor(stages: readonly Stage[] = this.settings.stages) {
    this.buffer = new SqliteBuffer({
      dataDir: this.dataDir,
      nodeId: "edge-7",
      nowMs: EPOCH_START,
      blockRows: 1_000,
      recentRows: 10_000,
      chance: new Uint8Array(10).fill(7),
    });
    const { epoch, catalogue } = this.buffer;
    this.outbox = new Outbox(this.buffer, new Set(stages), (of) => readingKey({ ...of, node: "edge-7", epoch }));
    this.#encoder = new StageEncoder({ epoch, nodeId: "edge-7", gzip: GZIP }, catalogue);
    this.ledger = new WindowLedger(this.buffer, 60_000);
    const times = { lengthMs: 60_000, graceMs: 5_000, holdMs: 10_000, futureMs: 300_000, maxAccumulators: 1_000 };
    this.windows = new Windows(times, catalogue, () => null);
  }

  /** Every 10th reading is anomalous, every 25th malformed; one a second, so that hours and windows change. */
  take(count: number, { extra }: { readonly extra?: string } = {}): void {
    const { catalogue, lastSeq } = this.buffer;
    const block = this.buffer.recent.lend();
    const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
    let malformed = 0;
    for (let seq = lastSeq + 1; seq <= lastSeq + count; seq++) {
      const timeMs = EPOCH_START + seq * 1_000;
      if (seq % 25 === 0) {
        malformed++;
        block.addMalformed(timeMs, { reason: "not_json", detail: "why", received: "{", encoding: "utf8", bytes: 1 });
        continue;
      }
      const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? `s${seq % 3}` : null));
      const row = block.add(catalogue.internSensor(identity, ["temperature"]), timeMs, label);
      block.column(catalogue.slotOf("temperature"))[row] = 20 + (seq % 7);
      if (extra !== undefined) block.extra.set(row, extra);
      if (seq % 10 === 0) {
        const reason = "temperature 72.4 is above 60";
        const finding = { rule: "r", severity: "warning", reason, observed: 72.4, limit: "60", window: null } as const;
        block.findings.set(row, [finding]);
      }
    }
    const facts = { ingestedAtMs: this.nowMs, rulesVersion: "abc", timeQuality: "ok", agentVersion: "0.1.0" } as const;
    const share = {
      uri: SOURCE,
      cursor: `${lastSeq + count}`,
      accepted: count - malformed,
      refused: malformed,
      flaws: [],
    };
    const stored = this.buffer.commit(block, facts, [share]);
    this.windows.add(stored.block, stored.firstSeq, this.nowMs);
  }

  plan(rows = 100): void {
    while (this.outbox.plan(rows, this.nowMs).length > 0);
  }

  issueWindows(): void {
    const { buffer, outbox, ledger, windows } = this;
    const parts = {
      buffer,
      outbox,
      ledger,
      windows,
      nodeId: "edge-7",
      agentVersion: "0.1.0",
      gzip: GZIP,
      chunkBytes: () => 1e6,
      deliveredThrough: () => buffer.lastSeq,
      heap: NO_HEAP,
      log: SILENT,
    } as const;
    while (issueWindows(parts, this.nowMs, { all: true, isDown: false, mustFlush: false }).length > 0);
  }

  /** Puts the promised batches, `limit` at most, and settles them. */
  async deliver(store: ObjectStore, limit = 10_000): Promise<void> {
    const settled: Batch[] = [];
    for (const batch of this.outbox.open(limit)) {
      const { stage, key, count, range } = batch;
      const body = range === null ? this.outbox.body(batch) : this.#bodyOf(stage as ReadingStage, range);
      await store.put({ stage, key }, body, {
        node: "edge-7",
        stage,
        count,
        agentVersion: "0.1.0",
        rulesVersion: "abc",
      });
      settled.push(batch);
    }
    // In one transaction: each waits for the disk.
    this.outbox.delivered(settled, this.nowMs);
  }

  async takeAndDeliver(store: ObjectStore, count: number, batchRows = 100): Promise<void> {
    this.take(count);
    this.plan(batchRows);
    this.issueWindows();
    await this.deliver(store);
  }

  end(): void {
    this.buffer.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  #bodyOf(stage: ReadingStage, range: HourRange): Uint8Array {
    return this.#encoder.encode(this.buffer.read(range), range, new Set([stage])).get(stage)!.body;
  }
}

/** A node with a folder for a lake beside its buffer, to which it has delivered 1,000 readings in batches of 500. */
export async function nodeWithLake(): Promise<{ readonly node: TestNode; readonly store: ObjectStore }> {
  const node = new TestNode();
  const place = { prefix: "expanso", region: "us-west-2", env: {}, cwd: node.dataDir };
  const store = await openStore("dir:lake", { ...place, putTimeoutMs: 1_000 });
  await node.takeAndDeliver(store, 1_000, 500);
  return { node, store };
}
