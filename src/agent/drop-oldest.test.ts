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

testWith("time")(
  "what is dropped is counted once, is missing from every stage and window, and a restart finds a sound buffer",
  async () => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
    for (let run = 0; run < Number(process.env["SEEDS"] ?? 2); run++) {
      const what = `SEED=${seed + run}`;
      let node = await startFakeNode({ count: TOTAL + 1, now: 0, env });
      const { store } = node;
      for (let life = 0; life < 6; life++) {
        await live(node, hashAt(seed + run, life), 8);
        await node.end("keeps its folder");
        expect([what, node.log.filter(({ code }) => code === "buffer_corrupt")]).toEqual([what, []]);
        node = await startFakeNode({ count: TOTAL + 1, now: 0, env, dataDir: node.dataDir, store });
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
