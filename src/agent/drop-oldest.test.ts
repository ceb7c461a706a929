/** Policy `drop-oldest` under any mix of outages, drops, stops and restarts: ledger, stages and windows say the same. */
import { expect } from "bun:test";
import { lossesOf } from "../buffer/ledger/losses.ts";
import { SCHEMA_VERSION } from "../buffer/schema.ts";
import { between, hashAt, unit } from "../core/random.ts";
import { audit, doubles } from "../testing/audit.ts";
import { type FakeNode, startFakeNode } from "../testing/fake-node.ts";
import { testWith } from "../testing/needs.ts";

const TOTAL = 60_000;
const env = { AGENT_BUFFER_MAX_BYTES: "1MiB", AGENT_BUFFER_FULL: "drop-oldest", AGENT_WINDOW_KEEP: "365d" };
/** 300 sensors, each five times in a window: their accumulators are larger than their readings. */
const MANY = { sensors: 300, stepMs: 40, env: { ...env, AGENT_BUFFER_MAX_BYTES: "1200KiB" } };
const FEW = { sensors: 4, stepMs: 1_000, env };

/** One life: releases readings while the store goes up and down, and then ends or is cut off. */
async function live(node: FakeNode, seed: number, phases: number): Promise<void> {
  for (let phase = 0; phase < phases; phase++) {
    const chance = hashAt(seed, phase);
    node.store.state = unit(chance) < 0.3 ? "up" : "down";
    for (let turn = 0; turn < between(hashAt(chance, 1), 1, 12); turn++) {
      node.source.release(between(hashAt(chance, 2), 100, 1_500));
      await node.drive(between(hashAt(chance, 3), 100, 3_000), 1);
    }
  }
}

/** Reading n of the source has seq n, and one in 50 is malformed: no window counts those. */
const isReading = (id: string) => Number(id.split("-")[1]) % 50 !== 0;

testWith("time").each([
  ["a few sensors", FEW],
  ["many sensors", MANY],
] as const)(
  "what is dropped is counted once, is missing from every stage and window, and a restart finds a sound buffer: %s",
  async (_, kind) => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
    for (let run = 0; run < Number(process.env["SEEDS"] ?? 2); run++) {
      const what = `SEED=${seed + run}`;
      let node = await startFakeNode({ count: TOTAL + 1, now: 0, ...kind });
      const { store } = node;
      for (let life = 0; life < 6; life++) {
        await live(node, hashAt(seed + run, life), 8);
        await node.end("keeps its folder");
        expect([what, node.log.filter(({ code }) => code === "buffer_corrupt")]).toEqual([what, []]);
        node = await startFakeNode({ count: TOTAL + 1, now: 0, ...kind, dataDir: node.dataDir, store });
      }
      store.state = "up";
      node.source.release(TOTAL);
      await node.drive(30_000, 120);
      const found = await audit(store);
      const { buffer } = node.opened.parts;
      const losses = lossesOf({ db: buffer.db, version: SCHEMA_VERSION });
      const lost = losses.reduce((sum, { count }) => sum + count, 0);
      const accepted = buffer.lastSeq;
      expect([what, lost > 0]).toEqual([what, true]);
      expect([what, doubles(found)]).toEqual([what, []]);
      expect([what, found.ids.raw.size + lost]).toEqual([what, accepted]);
      const windows = [...found.windows.values()];
      const counted = windows.reduce((sum, { records, anomalies }) => sum + records + anomalies, 0);
      expect([what, counted]).toEqual([what, [...found.ids.raw.keys()].filter(isReading).length]);
      await node.end();
    }
  },
  600_000,
);

testWith("time").each(["block", "drop-oldest"] as const)(
  "what only late readings would need stops no reading and drops none, while all is delivered: %s",
  async (policy) => {
    // 40 windows of 1,000 sensors: their accumulators are several times the limit.
    const count = 40_000;
    const limits = { AGENT_BUFFER_MAX_BYTES: "3MiB", AGENT_BUFFER_FULL: policy, AGENT_COMMIT_ROWS: "500" };
    const node = await startFakeNode({ count, now: 0, sensors: 1_000, stepMs: 60, env: limits });
    const { buffer, delivery, outbox } = node.opened.parts;
    for (let taken = 0; taken < count; taken += 500) {
      node.source.release(500);
      await node.drive(1_000, 8);
      expect([taken, node.source.taken]).toEqual([taken, taken + 500]);
    }
    await node.drive(30_000, 40);
    expect([outbox.unplanned, delivery.isIdle]).toEqual([0, true]);
    const found = await audit(node.store);
    expect([doubles(found), found.ids.raw.size]).toEqual([[], count]);
    expect([found.windows.size, lossesOf({ db: buffer.db, version: SCHEMA_VERSION })]).toEqual([40 * 980, []]);
    await node.end();
  },
  300_000,
);

testWith("time")(
  "a buffer at its limit takes more, while all is delivered, also when nothing that comes is a reading",
  async () => {
    const count = 30_000;
    const limits = { AGENT_BUFFER_MAX_BYTES: "1MiB", AGENT_COMMIT_ROWS: "500", AGENT_WINDOW_KEEP: "1m" };
    const node = await startFakeNode({ count: count + 1, now: 0, stepMs: 10, env: limits, malformed: true });
    for (let taken = 0; taken < count; taken += 500) {
      node.source.release(500);
      await node.drive(3_000, 4);
      expect([taken, node.source.taken]).toEqual([taken, taken + 500]);
    }
    await node.end();
  },
  300_000,
);
