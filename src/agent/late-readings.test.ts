/** Readings that come after their window was deleted, under any mix of deaths, restarts, outages and drops: each is counted once. */
import { expect } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lossesOf } from "../buffer/ledger/losses.ts";
import { SCHEMA_VERSION } from "../buffer/schema.ts";
import { BUFFER_FILE } from "../buffer/sqlite-buffer.ts";
import { between, hashAt, unit } from "../core/random.ts";
import { type Audit, audit, doubles } from "../testing/audit.ts";
import { type FakeNode, startFakeNode } from "../testing/fake-node.ts";
import { cases, testWith } from "../testing/needs.ts";

const MINUTE_MS = 60_000;
/** One reading in four is up to half an hour late, and a window is kept for one. */
const lateMs = (n: number) => {
  const chance = hashAt(99, n);
  return unit(chance) < 0.25 ? between(hashAt(chance, 1), 1, 30) * MINUTE_MS : 0;
};
const kept = { AGENT_WINDOW_KEEP: "1m", AGENT_KEEP: "0" };
const dropping = { ...kept, AGENT_BUFFER_MAX_BYTES: "1MiB", AGENT_BUFFER_FULL: "drop-oldest" };
const KINDS = [
  ["block", { env: kept, now: 0, count: 5_001, most: 250 }],
  ["drop-oldest", { env: dropping, now: 0, count: 25_001, most: 1_500 }],
] as const;
/** An event every half second. */
const STEP_MS = 500;
const LIVES = 8;
/** The lives take about as many readings as 12 of the largest releases; the rest comes in the last one. */
const LAST = 12;

/**
 * The agent dies behind the n-th transaction from now: `remains` is a data dir as it was then. What it does afterwards, until
 * it is ended, reaches no store.
 */
function dieAfter(node: FakeNode, n: number): { remains: string | null } {
  const { buffer } = node.opened.parts;
  const death = { remains: null as string | null };
  const transact = buffer.transact.bind(buffer);
  let left = n;
  buffer.transact = <T>(work: () => T): T => {
    const isOuter = !buffer.db.inTransaction;
    const result = transact(work);
    if (isOuter && --left === 0) {
      death.remains = mkdtempSync(join(tmpdir(), "agent-died-"));
      for (const file of [BUFFER_FILE, `${BUFFER_FILE}-wal`]) {
        const from = join(node.dataDir, file);
        if (existsSync(from)) copyFileSync(from, join(death.remains, file));
      }
      node.store.state = "hangs";
    }
    return result;
  };
  return death;
}

/** One life: up to `most` readings come at once, the store goes up and down; it ends by a death (the data dir is another one then) or in order. */
async function live(node: FakeNode, seed: number, most: number): Promise<string> {
  const death = unit(hashAt(seed, 1)) < 0.8 ? dieAfter(node, between(hashAt(seed, 2), 1, 150)) : { remains: null };
  for (let phase = 0; phase < 6 && death.remains === null; phase++) {
    const chance = hashAt(seed, 10 + phase);
    node.store.state = unit(chance) < 0.4 ? "up" : "down";
    for (let turn = 0; turn < between(hashAt(chance, 1), 1, 8) && death.remains === null; turn++) {
      if (node.source.taken < LAST * most) node.source.release(between(hashAt(chance, 2), 20, most));
      // Now and then the clock passes all windows, and the buffer forgets those that are out.
      const pause = unit(hashAt(chance, 4)) < 0.3 ? 90_000 : 0;
      await node.drive(pause + between(hashAt(chance, 3), 100, 8_000), 1);
    }
  }
  await node.end(death.remains === null ? "keeps its folder" : undefined);
  return death.remains ?? node.dataDir;
}

const isReading = (id: string) => Number(id.split("-")[1]) % 50 !== 0;
/** Readings in windows, and in raw. */
function sumsOf({ windows, ids }: Audit): [counted: number, readings: number] {
  const counted = [...windows.values()].reduce((sum, { records, anomalies }) => sum + records + anomalies, 0);
  return [counted, [...ids.raw.keys()].filter(isReading).length];
}

const lostIn = (node: FakeNode, reason: string) =>
  lossesOf({ db: node.opened.parts.buffer.db, version: SCHEMA_VERSION }).reduce(
    (sum, loss) => sum + (loss.reason === reason ? loss.count : 0),
    0,
  );

testWith("time").each(KINDS)(
  "windows and ledger count every reading once, whenever the agent died: %s",
  async (_, { most, ...kind }) => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
    let lateInAll = 0;
    const runs = Number(process.env["SEEDS"] ?? 1);
    for (let run = 0; run < runs; run++) {
      const what = `SEED=${seed + run}`;
      const of = { ...kind, stepMs: STEP_MS, lateMs };
      let node = await startFakeNode(of);
      const { store } = node;
      for (let life = 0; life < LIVES; life++) {
        const dataDir = await live(node, hashAt(seed + run, life), most);
        const { clock } = node;
        node = await startFakeNode({ ...of, dataDir, store });
        Object.assign(node.clock, clock);
      }
      store.state = "up";
      await node.drive(90_000, 6);
      node.source.release(kind.count - 1);
      const { outbox, delivery } = node.opened.parts;
      await node.drive(3_000, 40);
      for (let more = 0; more < 100 && (outbox.unplanned > 0 || !delivery.isIdle); more++) await node.drive(3_000, 4);
      // The events are ahead of the clock: it passes the last window.
      await node.drive(kind.count * STEP_MS, 1);
      await node.drive(30_000, 10);
      const found = await audit(store);
      const [counted, readings] = sumsOf(found);
      const late = lostIn(node, "late_for_window");
      lateInAll += late;
      expect([what, node.log.filter(({ code }) => code === "buffer_corrupt")]).toEqual([what, []]);
      expect([what, doubles(found)]).toEqual([what, []]);
      expect([what, found.ids.raw.size + lostIn(node, "buffer_full")]).toEqual([
        what,
        node.opened.parts.buffer.lastSeq,
      ]);
      expect([what, counted + late]).toEqual([what, readings]);
      await node.end();
    }
    // One seed may have none.
    expect([runs, lateInAll > 0 || runs < 3]).toEqual([runs, true]);
  },
  300_000,
);

testWith("time")(
  "a reading that came late is counted once, at whichever transaction the agent dies behind it",
  async () => {
    const late = 401;
    const of = { count: 601, now: 0, stepMs: STEP_MS, env: kept, lateMs: (n: number) => (n === late ? 190_000 : 0) };
    for (let nth = 1; nth <= cases(8); nth++) {
      const first = await startFakeNode(of);
      const { store } = first;
      first.source.release(late - 1);
      await first.drive(1_000, 4);
      // Every window goes out, and the buffer forgets all but the newest.
      await first.drive(90_000, 8);
      const death = dieAfter(first, nth);
      first.source.release(600 - late + 1);
      await first.drive(500, 1);
      for (let more = 0; more < 8 && death.remains === null; more++) await first.drive(60_000, 1);
      await first.end(death.remains === null ? "keeps its folder" : undefined);
      store.state = "up";
      const node = await startFakeNode({ ...of, dataDir: death.remains ?? first.dataDir, store });
      node.source.release(600);
      await node.drive(1_000, 4);
      await node.drive(600_000, 4);
      expect([nth, lostIn(node, "late_for_window"), ...sumsOf(await audit(store))]).toEqual([nth, 1, 588 - 1, 588]);
      await node.end();
    }
  },
);
