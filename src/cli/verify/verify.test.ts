import { afterEach, beforeEach, expect, test } from "bun:test";
import { tryLock } from "../../buffer/disk/agent-lock.ts";
import { Retention } from "../../buffer/disk/retention.ts";
import { UsageError } from "../../core/errors.ts";
import { STAGES } from "../../core/stage.ts";
import { MemoryStore } from "../../uplink/memory-store.ts";
import { parseKey, readingKey } from "../../uplink/object-key.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { type VerifyOptions, verify } from "../../verify/verify.ts";
import { ALL_IS_WELL, verificationText, WELL_SO_FAR } from "./text.ts";
import { toJson } from "./verify.ts";

let node: TestNode;
let store: MemoryStore;
beforeEach(() => {
  node = new TestNode();
  store = new MemoryStore();
});
afterEach(() => node.end());

const QUIET = { tell: () => undefined, end: () => undefined };
const look = (more: Partial<VerifyOptions> = {}) =>
  verify({
    dataDir: node.dataDir,
    settings: node.settings,
    store,
    deep: false,
    progress: QUIET,
    stop: new AbortController().signal,
    now: () => node.nowMs + 1,
    ...more,
  });
const keysOf = async (stage: (typeof STAGES)[number]) =>
  (await Array.fromAsync(store.list(stage))).map(({ key }) => key);
const METADATA = { node: "edge-7", count: 1, agentVersion: "0.1.0", rulesVersion: "abc" } as const;

test("delivered rows are where they belong, by the listing and by the rows themselves", async () => {
  await node.takeAndDeliver(store, 1_000);
  const found = await look({ deep: true });
  expect(found).toMatchObject({ ok: true, epochs: [{ accepted: 1_000, deep: { corrupt: [] } }] });
  const { raw, validated, anomalies, schematized, aggregated } = found.epochs[0]!.audit.stages;
  expect(raw.rows).toBe(1_000);
  expect([validated.rows, anomalies.rows, schematized.rows]).toEqual([880, 120, 880]);
  expect(aggregated.objects).toBe(17);
  expect(verificationText(found, store)).toEndWith(`\n${ALL_IS_WELL}\n`);
});

test("the same holds when retention has folded the batches, and a gap is still found", async () => {
  await node.takeAndDeliver(store, 1_000);
  const retention = new Retention(node.buffer);
  while (retention.prune(Number.MAX_SAFE_INTEGER) > 0);
  expect((await look({ deep: true })).ok).toBe(true);
  const [, gone = ""] = await keysOf("anomalies");
  await store.remove("anomalies", [gone]);
  const found = await look();
  expect(found.ok).toBe(false);
  expect(found.epochs[0]!.audit.stages.anomalies.missing.length).toBeGreaterThan(0);
  expect(found.epochs[0]!.audit.stages.validated.missing).toEqual([]);
});

test("an undelivered batch is pending: named, neither missing nor double, and ok", async () => {
  node.take(150);
  node.plan();
  await node.deliver(store, 4);
  node.take(10);
  const found = await look();
  expect(found.ok).toBe(true);
  expect(found.epochs[0]!.audit.stages.raw).toMatchObject({
    missing: [],
    pending: [{ first: 101, last: 160 }],
  });
  expect(found.epochs[0]!.audit.stages.aggregated.pending.length).toBe(3);
  const text = verificationText(found, store);
  expect(text).toContain("raw: pending seq 101-160\n");
  expect(text).toContain("No agent is running that delivers them\n  Try: agent run\n");
  expect(text).toEndWith(`\n${WELL_SO_FAR}\n`);
  expect(text).not.toContain(": missing");
});

test("a stage that is switched off is not missed", async () => {
  const other = new TestNode(["raw"]);
  other.take(100);
  other.plan();
  await other.deliver(store);
  const { settings } = other;
  const found = await look({ dataDir: other.dataDir, settings: { ...settings, stages: ["raw"] } });
  other.end();
  expect(found.ok).toBe(true);
});

test("a missing object, and one without a promise, are named with what to do", async () => {
  await node.takeAndDeliver(store, 300);
  const [gone = ""] = await keysOf("schematized");
  await store.remove("schematized", [gone]);
  const [key = ""] = await keysOf("validated");
  const of = parseKey("validated", key);
  if (of?.kind !== "readings") throw new Error("no key of a reading stage");
  const copy = readingKey({ ...of, last: of.last - 1, count: of.count - 1 });
  await store.put({ stage: "validated", key: copy }, await store.get({ stage: "validated", key }), {
    ...METADATA,
    stage: "validated",
  });
  const found = await look();
  expect(toJson(found)).toMatchObject({
    ok: false,
    epochs: [
      {
        epoch: node.buffer.epoch,
        node_id: "edge-7",
        accepted: 300,
        stages: {
          raw: { rows: 300, missing: [], duplicate: [] },
          validated: { missing: [], duplicate: [[1, 99]] },
          schematized: { missing: [[1, 100]], duplicate: [] },
        },
        unpromised_objects: [{ stage: "validated", key: copy }],
      },
    ],
  });
  const text = verificationText(found, store);
  expect(text).toContain("schematized: missing seq 1-100\n");
  expect(text).toContain(`not promised: memory:validated/${copy}\n`);
  const deep = await look({ deep: true });
  expect(deep.epochs[0]!.deep?.contents.twice.validated.length).toBeGreaterThan(0);
  expect(deep.epochs[0]!.deep?.corrupt[0]).toMatchObject({ stage: "validated", key: copy });
});

test("--deep finds faults that no listing shows: a body that is cut, and rows that do not match the name", async () => {
  await node.takeAndDeliver(store, 300);
  const replace = async (stage: "raw" | "anomalies", key: string, body: Uint8Array) => {
    await store.remove(stage, [key]);
    await store.put({ stage, key }, body, { ...METADATA, stage });
  };
  const [cut = ""] = await keysOf("raw");
  const body = await store.get({ stage: "raw", key: cut });
  await replace("raw", cut, body.subarray(0, body.length - 20));
  const [wrong = "", right = ""] = await keysOf("anomalies");
  await replace("anomalies", wrong, await store.get({ stage: "anomalies", key: right }));
  expect((await look()).ok).toBe(true);
  const found = await look({ deep: true });
  expect(found.ok).toBe(false);
  const problems = found.epochs[0]!.deep?.corrupt.map(({ key, message }) => [key, message]) ?? [];
  expect(problems).toContainEqual([
    cut,
    expect.stringMatching(/^Cannot read "memory:raw\/.*": unexpected end of file$/),
  ]);
  expect(problems).toContainEqual([wrong, "a reading_id outside the range in its name (12 rows)"]);
});

test("lost readings are not missing, and are reported", async () => {
  await node.takeAndDeliver(store, 100);
  node.take(100);
  new Retention(node.buffer).dropOldest(100, node.nowMs);
  const found = await look();
  expect(found.ok).toBe(true);
  expect(verificationText(found, store)).toContain("200 readings accepted, 100 of them lost and counted");
});

test("another epoch of the node is reported and fails nothing; another node's objects are ignored", async () => {
  await node.takeAndDeliver(store, 50);
  const key = (of: { node: string; epoch: string }) => readingKey({ ...of, hourMs: 0, first: 1, last: 5, count: 5 });
  for (const of of [
    { node: "edge-7", epoch: "0old" },
    { node: "edge-8", epoch: "0other" },
  ]) {
    await store.put({ stage: "raw", key: key(of) }, new Uint8Array(1), { ...METADATA, stage: "raw" });
  }
  await store.put({ stage: "raw", key: "README.txt" }, new Uint8Array(1), { ...METADATA, stage: "raw" });
  const found = await look();
  expect(found).toMatchObject({
    ok: true,
    foreign: 1,
    foreignNamed: [expect.stringContaining("README.txt")],
    otherEpochs: [{ epoch: "0old", objects: 1, rows: 5 }],
  });
});

test("the epoch of a buffer that was set aside is judged from the listing, its losses and what is sent for it", async () => {
  await node.takeAndDeliver(store, 100);
  const epoch = "01earlier0000000000000000a";
  const put = (stage: "raw" | "validated" | "schematized", first: number, last: number) => {
    const key = readingKey({ node: "edge-7", epoch, hourMs: 0, first, last, count: last - first + 1 });
    return store.put({ stage, key }, new Uint8Array(1), { ...METADATA, stage });
  };
  for (const stage of ["raw", "validated", "schematized"] as const) {
    await put(stage, 1, 10);
    await put(stage, 16, 20);
  }
  const old = { epoch, nodeId: "edge-7", accepted: 20, certain: true, lost: 5, file: "buffer.db.corrupt", atMs: 0 };
  node.buffer.setMeta("old_epochs", JSON.stringify([old]));
  const lost = { reason: "buffer_corrupt", count: 5, range: { first: 11, last: 15 }, sinceMs: 0, untilMs: 0, epoch };
  new Retention(node.buffer).recordLoss(lost);
  const whole = await look();
  expect(whole).toMatchObject({
    ok: true,
    otherEpochs: [],
    epochs: [{ file: null }, { epoch, accepted: 20, lost: 5 }],
  });
  const { key } = (await Array.fromAsync(store.list("raw")))[1]!;
  await store.remove(
    "raw",
    (await keysOf("raw")).filter((one) => one.includes(`${epoch}.000000000016`)),
  );
  await store.remove(
    "schematized",
    (await keysOf("schematized")).filter((one) => one.includes(epoch)),
  );
  const [, earlier] = (await look()).epochs;
  expect(key).toContain(epoch);
  expect(earlier!.audit.stages.raw.missing).toEqual([{ first: 16, last: 20 }]);
  expect(earlier!.audit.stages.schematized.missing).toEqual([
    { first: 1, last: 10 },
    { first: 16, last: 20 },
  ]);
});

test("a store without any object of the epoch is probably the wrong one, and verify says so", async () => {
  await node.takeAndDeliver(store, 50);
  const found = await look({ store: new MemoryStore() });
  expect(verificationText(found, store)).toContain("memory: holds nothing of this epoch");
});

test("a batch that an agent settles while the store is listed is pending, not missing", async () => {
  node.take(100);
  node.plan();
  const racing: ObjectStore = Object.assign(Object.create(store), {
    uri: "memory:",
    list: (stage: (typeof STAGES)[number]) => store.list(stage, "nothing yet"),
  });
  await node.deliver(store);
  const found = await look({ store: racing, now: () => node.nowMs });
  expect(found.epochs[0]!.audit.stages.raw.pending).toEqual([{ first: 1, last: 100 }]);
});

test("while an agent runs a finding is looked at twice: a listing and a buffer are never of one moment", async () => {
  await node.takeAndDeliver(store, 100);
  const lock = tryLock(node.dataDir, { pid: process.pid, host: "h", sinceMs: 0 });
  let listings = 0;
  const flaky: ObjectStore = Object.assign(Object.create(store), {
    uri: "memory:",
    list: (stage: (typeof STAGES)[number]) => store.list(stage, listings++ < STAGES.length ? "nothing yet" : ""),
  });
  const found = await look({ store: flaky });
  lock?.release();
  expect([found.ok, listings]).toEqual([true, 2 * STAGES.length]);
});

test("--settle waits until nothing is pending, and no longer", async () => {
  node.take(150);
  node.plan();
  node.issueWindows();
  await node.deliver(store, 2);
  let now = 0;
  const wait = async (ms: number) => {
    now += ms;
    if (now >= 2_000) await node.deliver(store);
  };
  const found = await look({ settle: { forMs: 60_000, nowMs: () => now, wait } });
  expect(verificationText(found, store)).toEndWith(`\n${ALL_IS_WELL}\n`);
  expect(now).toBe(2_000);
});

test("--settle ends when its time is over; what is pending then is counted apart", async () => {
  await node.takeAndDeliver(store, 100);
  node.take(50);
  let now = 0;
  const wait = async (ms: number) => {
    now += ms;
  };
  const found = await look({ settle: { forMs: 3_200, nowMs: () => now, wait } });
  expect([found.ok, now, found.epochs[0]!.audit.stages.raw.pending]).toEqual([
    true,
    3_200,
    [{ first: 101, last: 150 }],
  ]);
});

test("an object that is gone while others of its range wait is missing, not pending", async () => {
  node.take(900);
  node.plan(900);
  await node.deliver(store, 1);
  const [gone = ""] = await keysOf("raw");
  await store.remove("raw", [gone]);
  const { missing, pending } = (await look()).epochs[0]!.audit.stages.raw;
  expect([missing.length, pending.length]).toEqual([1, 1]);
});

test("a data dir without a buffer is a wrong call", async () => {
  expect(look({ dataDir: `${node.dataDir}/nowhere` })).rejects.toThrow(UsageError);
});
