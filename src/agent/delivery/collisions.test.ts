/** Objects that are under our keys before we are, in a folder and on a real S3 server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { audit, doubles, unsorted } from "../../testing/audit.ts";
import { type FaultyProxy, startFaultyProxy } from "../../testing/faulty-proxy.ts";
import { canRun, testWith } from "../../testing/needs.ts";
import { PlantedStore } from "../../testing/planted-store.ts";
import { type S3Server, startS3Server } from "../../testing/s3-server.ts";
import { bySeq, type Life, live as wholeLife } from "../../testing/whole-life.ts";
import { DirectoryStore } from "../../uplink/directory/store.ts";
import { parseKey } from "../../uplink/object-key.ts";
import type { ObjectRef, ObjectStore } from "../../uplink/object-store.ts";
import { openS3Store } from "../../uplink/s3/store.ts";

const longTest = testWith("time");
const COUNT = 700;
const bytes = (text: string) => new TextEncoder().encode(text);
const gzipped = (text: string) => new Uint8Array(gzipSync(text));

const live = (dataDir: string, store: ObjectStore, count = COUNT) => wholeLife({ dataDir, store, count });

/** Whether a key is of the first epoch that was seen. */
function ofFirstEpoch(): (ref: ObjectRef) => boolean {
  let first: string | undefined;
  return ({ stage, key }) => {
    const epoch = parseKey(stage, key)?.epoch;
    first ??= epoch;
    return epoch === first;
  };
}

/** Every reading is once in its stages, and once in its window, whatever epoch its id is of; planted objects aside. */
async function expectOnce(store: PlantedStore, planted: number): Promise<void> {
  expect(store.planted).toHaveLength(planted);
  store.hides = (ref) => store.isPlanted(ref);
  const found = bySeq(await audit(store));
  expect([found.ids.raw.size, doubles(found), unsorted(found)]).toEqual([COUNT, [], []]);
  const records = [...found.windows.values()].reduce((sum, window) => sum + window.records, 0);
  expect(records).toBe(found.ids.validated.size);
}

const codes = ({ log }: Life) => log.filter(({ level }) => level !== "info").map(({ code }) => code);

type Place = { readonly name: string; readonly open: () => Promise<ObjectStore>; readonly stop: () => Promise<void> };

let server: S3Server;
let buckets = 0;
const openBuckets = async (endpoint: string) => {
  const prefix = `acme${++buckets}`;
  await server.createBuckets(prefix);
  const env = { ...server.env, AWS_ENDPOINT_URL_S3: endpoint };
  return await openS3Store({ prefix, region: server.region, env, putTimeoutMs: 60_000 });
};

const folder = mkdtempSync(join(tmpdir(), "agent-collisions-"));
const newFolder = () => mkdtempSync(join(folder, "x-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PLACES: readonly Place[] = [
  {
    name: "a folder",
    open: async () => new DirectoryStore({ root: newFolder(), prefix: "acme", region: "us-west-2" }),
    stop: async () => undefined,
  },
  ...(canRun("versitygw")
    ? [{ name: "versitygw", open: () => openBuckets(server.endpoint), stop: () => server.stop() }]
    : []),
];
beforeAll(async () => {
  if (canRun("versitygw")) server = await startS3Server("versitygw");
}, 600_000);

for (const place of PLACES) {
  describe(place.name, () => {
    test("the rows of a batch whose key is taken arrive once, under another epoch, and the object is reported", async () => {
      const store = new PlantedStore(await place.open());
      const foreign = [gzipped('{"reading_id":"another-1"}\n'), bytes("not gzip"), bytes(""), gzipped("")];
      const isFirst = ofFirstEpoch();
      store.plant = (ref) => (ref.stage === "raw" && isFirst(ref) ? (foreign.pop() ?? null) : null);
      const life = await live(newFolder(), store);
      expect(codes(life)).toEqual(Array(4).fill("object_conflict"));
      expect(life.problems).toEqual(["object_conflict"]);
      expect(life.delivered.raw).toBe(COUNT);
      await expectOnce(store, 4);
    }, 600_000);

    longTest(
      "where every key is taken, however new, the agent waits longer and longer between its tries",
      async () => {
        const store = new PlantedStore(await place.open());
        let left = 12;
        store.plant = ({ stage }) => (stage === "raw" && left-- > 0 ? bytes("not gzip") : null);
        const life = await live(newFolder(), store, 200);
        expect(codes(life)).toContain("uplink_down");
        expect(life.log.find(({ code }) => code === "uplink_down")?.message).toContain("again and again");
        store.hides = (ref) => store.isPlanted(ref);
        const found = bySeq(await audit(store));
        expect([found.ids.raw.size, doubles(found), unsorted(found)]).toEqual([200, [], []]);
      },
      600_000,
    );

    longTest(
      "of an object that has some of our rows only the others are sent again",
      async () => {
        const store = new PlantedStore(await place.open());
        store.plant = ({ stage }, body) =>
          stage === "validated" ? gzipped(`${gunzipSync(body).toString().split("\n").slice(0, 5).join("\n")}\n`) : null;
        await live(newFolder(), store);
        expect(store.planted.length).toBeGreaterThan(2);
        const found = bySeq(await audit(store));
        expect([found.ids.raw.size, doubles(found), unsorted(found)]).toEqual([COUNT, [], []]);
      },
      600_000,
    );

    longTest(
      "a window whose key is taken continues under the other epoch, with all of its readings once",
      async () => {
        const store = new PlantedStore(await place.open());
        const dataDir = newFolder();
        const isFirst = ofFirstEpoch();
        store.plant = (ref) =>
          isFirst(ref) && ref.stage === "aggregated" && ref.key.includes(".r0.") ? gzipped("{}\n") : null;
        await live(dataDir, store, COUNT - 250);
        store.plant = () => null;
        await live(dataDir, store, COUNT);
        await expectOnce(store, store.planted.length);
        const keys = (await Array.fromAsync(store.list("aggregated"))).map(({ key }) => key);
        expect(keys.filter((key) => key.includes(".r1."))).toHaveLength(1);
      },
      600_000,
    );

    longTest(
      "the same rows in other bytes are ours, and no news",
      async () => {
        const store = new PlantedStore(await place.open());
        store.plant = (_, body) => {
          const lines = gunzipSync(body).toString().trimEnd().split("\n").reverse();
          const rows = lines.map((line) => ({ ...JSON.parse(line), agent_version: "9.9.9", new_column: 1 }));
          return new Uint8Array(gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join(""), { level: 1 }));
        };
        const life = await live(newFolder(), store);
        expect([codes(life), life.problems]).toEqual([[], []]);
        const found = await audit(store);
        expect([found.ids.raw.size, doubles(found), unsorted(found)]).toEqual([COUNT, [], []]);
      },
      600_000,
    );

    longTest(
      "an object that an earlier try stored is ours, and no news",
      async () => {
        const store = new PlantedStore(await place.open());
        store.plant = (_, body) => body;
        const life = await live(newFolder(), store);
        expect([codes(life), life.problems]).toEqual([[], []]);
        expect((await audit(store)).ids.raw.size).toBe(COUNT);
      },
      600_000,
    );
  });
}

describe.skipIf(!canRun("versitygw"))("a key that may only put", () => {
  let proxy: FaultyProxy;
  beforeAll(async () => {
    proxy = await startFaultyProxy({ upstream: server.endpoint, seed: 1, faults: {} });
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  }, 600_000);

  test("new batches whose keys are taken are counted and reported, with the permission that lets it look", async () => {
    const store = new PlantedStore(await openBuckets(proxy.url));
    proxy.refusing = (method) => (method === "HEAD" || method === "GET" ? 403 : null);
    store.plant = ({ stage }) => (stage === "raw" ? gzipped('{"reading_id":"another-1"}\n') : null);
    const life = await live(newFolder(), store);
    proxy.refusing = () => null;
    expect(life.problems).toEqual(["object_unseen"]);
    const said = life.log.filter(({ code }) => code === "object_unseen");
    expect(said).toHaveLength(1);
    expect(said[0]!.message).toContain("Allow s3:GetObject on arn:aws:s3:::acme");
  }, 600_000);

  test("an object whose answer was lost is no news", async () => {
    const store = new PlantedStore(await openBuckets(proxy.url));
    proxy.setFaults({ lostAnswer: 1 });
    const first = live(newFolder(), store);
    while (proxy.counts().lostAnswer < 3) await new Promise((resolve) => setImmediate(resolve));
    proxy.refusing = (method) => (method === "HEAD" || method === "GET" ? 403 : null);
    proxy.setFaults({});
    const life = await first;
    proxy.refusing = () => null;
    expect(life.problems).toEqual([]);
    const found = await audit(store);
    expect([found.ids.raw.size, doubles(found)]).toEqual([COUNT, []]);
  }, 600_000);

  test("a store that is busy when it is asked is asked again, and that is no conflict", async () => {
    const store = new PlantedStore(await openBuckets(proxy.url));
    store.plant = (_, body) => body;
    let busy = 5;
    proxy.refusing = (method) => (method === "HEAD" && busy-- > 0 ? 503 : null);
    const life = await live(newFolder(), store);
    expect(busy).toBeLessThan(0);
    expect(life.problems).toEqual([]);
    expect(codes(life)).not.toContain("object_conflict");
    expect((await audit(store)).ids.raw.size).toBe(COUNT);
  }, 600_000);
});
