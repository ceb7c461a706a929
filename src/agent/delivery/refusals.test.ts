/** A store that refuses: one row, objects of a size, or everything, as under a quota. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { AgentError, DeniedError, TooLargeError } from "../../core/errors.ts";
import { audit, doubles, unsorted } from "../../testing/audit.ts";
import { type FaultyProxy, startFaultyProxy } from "../../testing/faulty-proxy.ts";
import { canRun, testWith } from "../../testing/needs.ts";
import { PlantedStore } from "../../testing/planted-store.ts";
import { type S3Server, startS3Server } from "../../testing/s3-server.ts";
import { bySeq, live } from "../../testing/whole-life.ts";
import { DirectoryStore } from "../../uplink/directory/store.ts";
import type { ObjectRef, ObjectStore } from "../../uplink/object-store.ts";
import { openS3Store } from "../../uplink/s3/store.ts";
import { PROBES } from "./alike.ts";

const longTest = testWith("time");
const COUNT = 200;
/** Of AGENT_PUTS: on their way when the last of the probes is answered. */
const PUTS = 4;
const folder = mkdtempSync(join(tmpdir(), "agent-refusals-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(folder, "x-"));
const newDirectory = () => new DirectoryStore({ root: newFolder(), prefix: "acme", region: "us-west-2" });
const hasReading = (body: Uint8Array, seq: number) =>
  new RegExp(`"reading_id":"[^"-]+-${seq}"`).test(String(gunzipSync(body)));

/** Refuses with the error that `refuse` returns; counts the puts. */
class RefusingStore extends PlantedStore {
  refused = 0;
  refuse: (ref: ObjectRef, body: Uint8Array) => Error | null = () => null;

  override async put(...given: Parameters<PlantedStore["put"]>) {
    const [ref, body] = given;
    const error = this.refuse(ref, body);
    if (error === null) return await super.put(...given);
    this.refused++;
    throw error;
  }
}

async function expectAll(store: ObjectStore, count: number): Promise<void> {
  const found = bySeq(await audit(store));
  expect([found.ids.raw.size, doubles(found), unsorted(found)]).toEqual([count, [], []]);
}

test("one row that the store refuses is parked with the store's words; every other row arrives", async () => {
  const store = new RefusingStore(newDirectory());
  store.refuse = ({ stage }, body) =>
    stage !== "aggregated" && hasReading(body, 77) ? new AgentError("the store does not like it") : null;
  const life = await live({ dataDir: newFolder(), store, count: COUNT });
  const parked = life.log.filter(({ code }) => code === "batch_parked");
  expect(parked.map(({ message }) => message.includes("the store does not like it"))).toEqual([true, true, true]);
  expect(life.log.map(({ code }) => code)).not.toContain("uplink_down");
  await expectAll(store, COUNT - 1);
});

longTest(
  "objects that are too large are halved until they fit, however many are refused in a row",
  async () => {
    const store = new RefusingStore(newDirectory());
    store.refuse = ({ stage }, body) =>
      stage !== "aggregated" && body.length > 700 ? new TooLargeError("too large") : null;
    const life = await live({ dataDir: newFolder(), store, count: COUNT });
    expect(store.refused).toBeGreaterThan(3 * PROBES);
    expect(life.log.map(({ code }) => code)).not.toContain("uplink_down");
    expect(life.parked).toBe(0);
    await expectAll(store, COUNT);
  },
  600_000,
);

longTest(
  "a store that refuses everything alike is not asked for every row: it waits, and says the store's words",
  async () => {
    const store = new RefusingStore(newDirectory());
    let left = 25;
    let asked = 0;
    store.refuse = ({ key }) =>
      left-- > 0 ? new AgentError(`Cannot store "${key}": out of quota (request ${asked++})`) : null;
    const life = await live({ dataDir: newFolder(), store, count: COUNT });
    const halved = life.log.filter(({ code }) => code === "batch_halved" || code === "batch_parked");
    expect(halved.length).toBeLessThanOrEqual(5 * PROBES);
    expect(life.parked).toBe(0);
    const down = life.log.filter(({ code }) => code === "uplink_down");
    expect(down.map(({ message }) => message.includes("out of quota"))).toEqual([true]);
    await expectAll(store, COUNT);
  },
);

longTest("a store that denies is waited for, and what is missing is said, with who can give it", async () => {
  const store = new RefusingStore(newDirectory());
  let left = 2;
  const missing = "s3:PutObject on arn:aws:s3:::acme/*";
  const advice = "An admin of the AWS organization can change the service control policy";
  store.refuse = () =>
    left-- > 0 ? new DeniedError("Cannot store: Access Denied.", { missing, advice, tryHint: "agent lake ls" }) : null;
  const life = await live({ dataDir: newFolder(), store, count: COUNT });
  const down = life.log.filter(({ code }) => code === "uplink_down").map(({ message }) => message);
  expect(down[0]).toContain(`: Cannot store: Access Denied. Missing: ${missing}. ${advice}. Readings are kept`);
  await expectAll(store, COUNT);
});

longTest(
  "a bucket that is full by itself is waited for as well, however much the others store",
  async () => {
    const store = new RefusingStore(newDirectory());
    let left = 25;
    store.refuse = ({ stage }) => (stage === "raw" && left-- > 0 ? new AgentError("this bucket is full") : null);
    const life = await live({ dataDir: newFolder(), store, count: 5 * COUNT });
    expect(life.log.filter(({ code }) => code === "batch_halved").length).toBeLessThanOrEqual(PROBES);
    expect(life.parked).toBe(0);
    expect(life.log.find(({ code }) => code === "uplink_down")?.message).toContain("Every object of raw is refused");
    await expectAll(store, 5 * COUNT);
  },
  600_000,
);

longTest(
  "a restart while the store refuses everything halves no further, and nothing is parked",
  async () => {
    const store = new RefusingStore(newDirectory());
    store.refuse = () => new AgentError("out of quota");
    let dataDir = newFolder();
    const puts: number[] = [];
    for (let life = 0; life < 5; life++) {
      const to = join(folder, `next-${life}`);
      const before = store.refused;
      await live({ dataDir, store, count: COUNT, dies: { atCall: 25, to } });
      puts.push(store.refused - before);
      dataDir = to;
    }
    store.refuse = () => null;
    const last = await live({ dataDir, store, count: COUNT });
    expect(last.log.filter(({ code }) => code === "batch_halved" || code === "batch_parked")).toEqual([]);
    const raw = await Array.fromAsync(store.list("raw"));
    expect(raw.length).toBeLessThanOrEqual(PROBES + 1);
    await expectAll(store, COUNT);
  },
  600_000,
);

describe.skipIf(!canRun("versitygw"))("a real server", () => {
  let server: S3Server;
  let proxy: FaultyProxy;
  beforeAll(async () => {
    server = await startS3Server("versitygw");
    proxy = await startFaultyProxy({ upstream: server.endpoint, seed: 1, faults: {} });
    await server.createBuckets("acme");
  }, 600_000);
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  }, 600_000);

  test("a 400 that says nothing known takes a stated number of puts, then one at a time until it ends", async () => {
    const env = { ...server.env, AWS_ENDPOINT_URL_S3: proxy.url };
    const store = await openS3Store({ prefix: "acme", region: server.region, env, putTimeoutMs: 60_000 });
    let puts = 0;
    proxy.refusing = (method) => (method === "PUT" && puts++ < 60 ? "QuotaExceeded" : null);
    const life = await live({ dataDir: newFolder(), store, count: 200 });
    proxy.refusing = () => null;
    const at = life.log.findIndex(({ code }) => code === "uplink_down");
    expect(life.log[at]?.message).toContain("QuotaExceeded: as the store says");
    const halved = life.log.filter(({ code }) => code === "batch_halved");
    expect(halved.length).toBeLessThanOrEqual(5 * PROBES);
    expect(life.parked).toBe(0);
    expect(life.putsBeforeDown).toBeLessThanOrEqual(5 * PROBES + PUTS);
    await expectAll(store, 200);
  }, 600_000);
});
