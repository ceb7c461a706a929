/** Objects that are under our keys before we are, in a folder and on a real S3 server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { type LogEntry, makeLog } from "../../core/log/log.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import type { Stage } from "../../core/stage.ts";
import { builtInRules } from "../../rules/files/shipped.ts";
import { audit, doubles, unsorted } from "../../testing/audit.ts";
import { type FaultyProxy, startFaultyProxy } from "../../testing/faulty-proxy.ts";
import { FIRST_EVENT_MS, ListedSource } from "../../testing/listed-source.ts";
import { canRun } from "../../testing/needs.ts";
import { PlantedStore } from "../../testing/planted-store.ts";
import { type S3Server, startS3Server } from "../../testing/s3-server.ts";
import { DirectoryStore } from "../../uplink/directory/store.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { openS3Store } from "../../uplink/s3/store.ts";
import { openAgent } from "../open-agent.ts";

const COUNT = 700;
const bytes = (text: string) => new TextEncoder().encode(text);
const gzipped = (text: string) => new Uint8Array(gzipSync(text));

type Life = {
  readonly log: readonly LogEntry[];
  readonly problems: readonly string[];
  readonly delivered: Record<Stage, number>;
};

/** An agent's whole life: takes `count` readings, delivers them, ends. */
async function live(dataDir: string, store: ObjectStore, count = COUNT): Promise<Life> {
  const log: LogEntry[] = [];
  const env = { AGENT_NODE_ID: "node-1", AGENT_COMMIT_ROWS: "100", AGENT_BATCH_ROWS: "200", AGENT_KEEP: "365d" };
  const opened = await openAgent({
    settings: resolveSettings({ flags: { "data-dir": dataDir }, env }),
    log: makeLog({ least: "info", secrets: [], now: Date.now, write: (entry) => log.push(entry) }),
    store,
    sources: (catalogue, { cursor }) => [new ListedSource(catalogue, { count, cursor: cursor("listed:") })],
    stop: new AbortController().signal,
    now: () => FIRST_EVENT_MS,
    random: () => 0.01,
    rules: (catalogue) => ({ set: builtInRules(catalogue), refused: [] }),
  });
  await opened.run();
  const { problems } = opened.parts.liveReport(FIRST_EVENT_MS);
  const delivered = { ...opened.parts.outbox.deliveredRows };
  await opened.close();
  return { log, problems: problems.map(({ code }) => code), delivered };
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
    test("an object with other rows under our key is reported, and never counts as delivered", async () => {
      const store = new PlantedStore(await place.open());
      const foreign = [gzipped('{"reading_id":"another-1"}\n'), bytes("not gzip"), bytes(""), gzipped("")];
      store.plant = ({ stage }) => (stage === "raw" ? (foreign.pop() ?? null) : null);
      const life = await live(newFolder(), store);
      expect(codes(life)).toContain("object_conflict");
      expect(life.delivered.raw).toBeLessThan(COUNT);
    }, 600_000);

    test("the same rows in other bytes are ours, and no news", async () => {
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
    }, 600_000);

    test("an object that an earlier try stored is ours, and no news", async () => {
      const store = new PlantedStore(await place.open());
      store.plant = (_, body) => body;
      const life = await live(newFolder(), store);
      expect([codes(life), life.problems]).toEqual([[], []]);
      expect((await audit(store)).ids.raw.size).toBe(COUNT);
    }, 600_000);
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
