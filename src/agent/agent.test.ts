/** The machine's faults against a running agent: outages, limits, full disks and clocks, in fake time. */
import { expect, test } from "bun:test";
import { audit, doubles, unsorted } from "../testing/audit.ts";
import { type FakeNode, startFakeNode } from "../testing/fake-node.ts";
import { testWith } from "../testing/needs.ts";

const longTest = testWith("time");

const batches = (node: FakeNode, where: string) =>
  node.opened.parts.buffer.db.query<{ n: number }, []>(`SELECT count(*) AS n FROM batch WHERE ${where}`).get()!.n;

const problemsOf = ({ opened: { parts } }: FakeNode) => [...parts.troubles.problems(), ...parts.upkeep.problems()];

const qualitiesOf = (node: FakeNode) =>
  node.opened.parts.buffer.db
    .query<{ q: string }, []>("SELECT time_quality AS q FROM commit_group ORDER BY first_seq")
    .all()
    .map(({ q }) => q);

longTest(
  "an outage of a thousand intervals promises no more than a few ranges, and ends in large objects",
  async () => {
    const node = await startFakeNode({ count: 20_000, now: 0 });
    node.store.state = "down";
    for (let i = 0; i < 1_000; i++) {
      node.source.release(10);
      await node.drive(30_000, 1);
    }
    expect(node.source.acknowledged).toBe(10_000);
    const ranges = node.opened.parts.buffer.db
      .query("SELECT DISTINCT first_seq FROM batch WHERE first_seq IS NOT NULL")
      .all();
    expect(ranges.length).toBeLessThan(5);
    expect(node.opened.parts.delivery.queuedRanges).toBeLessThan(5);
    node.store.state = "up";
    node.source.release(10_000);
    await node.drive(30_000, 60);
    const found = await audit(node.store);
    expect(found.ids.raw.size).toBe(20_000);
    expect(doubles(found)).toEqual([]);
    expect(unsorted(found)).toEqual([]);
    const sizes = node.opened.parts.buffer.db
      .query<{ n: number }, []>("SELECT sum(count) AS n FROM batch WHERE stage = 'raw' GROUP BY first_seq")
      .all();
    expect(sizes.filter(({ n }) => n >= 1_000).length).toBeGreaterThan(8);
    expect(node.log.filter(({ code }) => code === "uplink_down").map(({ message }) => message)).toEqual([
      'Cannot deliver to "memory:": the line is down. Readings are kept; trying again',
    ]);
    expect(node.log.filter(({ code }) => code === "uplink_up").length).toBe(1);
    await node.end();
  },
  600_000,
);

longTest(
  "after a restart a long backlog is promised as it is carried, and not all of it before the first put",
  async () => {
    const first = await startFakeNode({ count: 60_000, now: 0 });
    first.store.state = "down";
    first.source.release(60_000);
    await first.drive(1_000, 200);
    expect(first.source.acknowledged).toBe(60_000);
    await first.end("keeps its folder");

    const node = await startFakeNode({ count: 60_000, now: 0, dataDir: first.dataDir });
    const ranges = () =>
      node.opened.parts.buffer.db.query("SELECT DISTINCT first_seq FROM batch WHERE first_seq IS NOT NULL");
    node.store.state = "hangs";
    await node.drive(1_000, 20);
    expect(node.store.puts).toBeGreaterThan(0);
    expect(ranges().all().length).toBeLessThan(5);
    await node.end("keeps its folder");

    // More promises that were made before than are read at once.
    const last = await startFakeNode({ count: 60_000, now: 0, dataDir: first.dataDir });
    while (last.opened.parts.outbox.unplanned > 20_000) last.opened.parts.outbox.plan(100, 0);
    expect(batches(last, "state <> 'delivered'")).toBeGreaterThan(1_000);
    await last.drive(1_000, 300);
    const found = await audit(last.store);
    expect(found.ids.raw.size).toBe(60_000);
    expect([doubles(found), unsorted(found)]).toEqual([[], []]);
    await last.end();
  },
  600_000,
);

longTest(
  "windows wait for the store, and are issued once with all readings that came meanwhile",
  async () => {
    const node = await startFakeNode({ count: 3_001, now: 0 });
    node.store.state = "down";
    for (let i = 0; i < 30; i++) {
      node.source.release(100);
      await node.drive(100_000, 1);
    }
    expect(batches(node, "stage = 'aggregated'")).toBeLessThan(5);
    node.store.state = "up";
    node.source.release(1);
    await node.drive(30_000, 60);
    const found = await audit(node.store);
    let records = 0;
    for (const window of found.windows.values()) records += window.records;
    expect(found.ids.raw.size).toBe(3_001);
    expect(records).toBe(found.ids.validated.size);
    await node.end();
  },
  600_000,
);

longTest(
  "at the limit with policy block nothing is taken and nothing lost; delivery makes room and intake continues",
  async () => {
    const env = { AGENT_BUFFER_MAX_BYTES: "1MiB", AGENT_BUFFER_FULL: "block" };
    const node = await startFakeNode({ count: 60_001, now: 0, env });
    node.store.state = "down";
    for (let i = 0; i < 60; i++) {
      node.source.release(1_000);
      await node.drive(2_100, 1);
    }
    const acknowledged = node.source.acknowledged;
    expect(problemsOf(node).map(({ code }) => code)).toContain("buffer_full");
    expect(acknowledged).toBeLessThan(60_000);
    await node.drive(1_000, 20);
    expect(node.source.acknowledged).toBe(acknowledged);
    node.store.state = "up";
    await node.drive(1_000, 400);
    // The windows of the last hour are left, kept for late readings.
    await node.drive(60_000, 120);
    expect(node.source.acknowledged).toBe(60_000);
    const found = await audit(node.store);
    expect(found.ids.raw.size).toBe(60_000);
    expect(doubles(found)).toEqual([]);
    expect(unsorted(found)).toEqual([]);
    expect(node.opened.parts.buffer.db.query("SELECT * FROM loss").all()).toEqual([]);
    expect(problemsOf(node)).toEqual([]);
    await node.end();
  },
  600_000,
);

longTest(
  "at the limit with policy drop-oldest dropped readings are counted with their range, and all others arrive once",
  async () => {
    const env = { AGENT_BUFFER_MAX_BYTES: "1MiB", AGENT_BUFFER_FULL: "drop-oldest" };
    const node = await startFakeNode({ count: 90_000, now: 3_000, env });
    await node.drive(1_000, 40);
    node.store.state = "down";
    for (let i = 0; i < 87; i++) {
      node.source.release(1_000);
      await node.drive(2_100, 1);
    }
    expect(node.source.acknowledged).toBe(90_000);
    node.store.state = "up";
    await node.drive(30_000, 60);
    const found = await audit(node.store);
    type LossRow = { reason: string; count: number; first_seq: number; last_seq: number };
    const losses = node.opened.parts.buffer.db.query<LossRow, []>("SELECT * FROM loss").all();
    expect(losses.length).toBeGreaterThan(0);
    const lost = losses.reduce((sum, { count }) => sum + count, 0);
    expect(
      losses.every((loss) => loss.count === loss.last_seq - loss.first_seq + 1 && loss.reason === "buffer_full"),
    ).toBe(true);
    expect(found.ids.raw.size + lost).toBe(90_000);
    expect(doubles(found)).toEqual([]);
    expect(unsorted(found)).toEqual([]);
    expect(batches(node, "state = 'parked'")).toBe(0);
    expect(node.log.filter(({ code }) => code === "readings_dropped").length).toBeGreaterThan(0);
    await node.end();
  },
  600_000,
);

longTest(
  "a clock that jumps, back or ahead, stalls nothing and makes nothing run hot",
  async () => {
    const node = await startFakeNode({ count: 6_000, now: 0 });
    const qualities = new Set<string>();
    const jumps = [-86_400_000, 7_200_000, -3_600_000, 400 * 86_400_000, -400 * 86_400_000];
    for (let i = 0; i < 60; i++) {
      if (i % 12 === 11) node.clock.wallMs += jumps[Math.floor(i / 12)]!;
      node.store.state = i % 5 === 4 ? "down" : "up";
      node.source.release(100);
      await node.drive(1_000, 3);
      for (const quality of qualitiesOf(node)) qualities.add(quality);
    }
    node.store.state = "up";
    const puts = node.store.puts;
    await node.drive(1_000, 200);
    expect(node.store.puts - puts).toBeLessThan(600);
    expect(node.source.acknowledged).toBe(6_000);
    const found = await audit(node.store);
    expect(found.ids.raw.size).toBe(6_000);
    expect(doubles(found)).toEqual([]);
    let records = 0;
    for (const window of found.windows.values()) records += window.records;
    expect(records).toBe(found.ids.validated.size);
    expect([...qualities].sort()).toEqual(["ok", "stepped"]);
    await node.end();
  },
  600_000,
);

test("no wait depends on the clock of the wall: a source that polls and a store that was down continue within seconds of any jump", async () => {
  const node = await startFakeNode({ count: 10_000, now: 0, polls: true, env: { AGENT_BATCH_MS: "1s" } });
  const takenSoon = async () => {
    const before = node.source.acknowledged;
    node.source.release(10);
    await node.drive(500, 6);
    return node.source.acknowledged - before;
  };
  expect(await takenSoon()).toBe(10);
  for (const jumpMs of [-50 * 60_000, -23 * 3_600_000, 3_600_000, -86_400_000, 40 * 86_400_000, -20 * 86_400_000]) {
    node.clock.wallMs += jumpMs;
    expect([jumpMs, await takenSoon()]).toEqual([jumpMs, 10]);
    // While it backs off, too.
    node.store.state = "down";
    await takenSoon();
    await node.drive(1_000, 30);
    node.clock.wallMs += jumpMs;
    node.store.state = "up";
    const { delivery } = node.opened.parts;
    expect(delivery.isDown).toBe(true);
    await node.drive(1_000, 65);
    expect([jumpMs, delivery.isDown]).toEqual([jumpMs, false]);
  }
  await node.end();
}, 120_000);

test("before the clock is set, readings are committed as unsynced, and as stepped around the moment that it is", async () => {
  const node = await startFakeNode({ count: 300, now: 0 });
  const taken = async () => {
    node.source.release(100);
    await node.drive(1_000, 3);
    return qualitiesOf(node).at(-1);
  };
  node.clock.wallMs = 1_000;
  expect(await taken()).toBe("unsynced");
  node.clock.wallMs = Date.UTC(2026, 10, 23, 9);
  expect(await taken()).toBe("stepped");
  await node.drive(1_000, 70);
  expect(await taken()).toBe("ok");
  await node.end();
}, 120_000);

longTest(
  "a full database stops intake, reports it, loses nothing, and continues when there is room",
  async () => {
    const node = await startFakeNode({ count: 30_000, now: 1_000 });
    const { db } = node.opened.parts.buffer;
    node.store.state = "down";
    await node.drive(1_000, 1);
    node.source.release(29_000);
    db.run(
      `PRAGMA max_page_count = ${db.query<{ page_count: number }, []>("PRAGMA page_count").get()!.page_count + 20}`,
    );
    await node.drive(1_000, 30);
    expect(problemsOf(node).map(({ code }) => code)).toContain("disk_full");
    const acknowledged = node.source.acknowledged;
    expect(acknowledged).toBeLessThan(30_000);
    node.store.state = "up";
    await node.drive(1_000, 20);
    db.run("PRAGMA max_page_count = 1000000");
    await node.drive(1_000, 200);
    expect(node.source.acknowledged).toBe(30_000);
    const found = await audit(node.store);
    expect(found.ids.raw.size).toBe(30_000);
    expect(doubles(found)).toEqual([]);
    expect(problemsOf(node)).toEqual([]);
    await node.end();
  },
  600_000,
);
