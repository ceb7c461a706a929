/**
 * The table of what nodes report about themselves, made by the notebook on a real Spark from folders and from S3: what the bucket
 * shows at the time, and nothing else. `agent query --local` must see the same.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { bucketOf, type Stage } from "../../core/stage.ts";
import { type Heartbeat, heartbeatBody, heartbeatKey } from "../../fleet/heartbeat.ts";
import { HEARTBEAT_TABLE_COLUMNS } from "../../lakehouse/columns.ts";
import { readNamedQueries } from "../../lakehouse/named-queries.ts";
import { askLake } from "../../query/local-query.ts";
import { loadProfile } from "../../sensor/profile/shipped.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { openStore } from "../../uplink/open-store.ts";
import { canRun } from "../needs.ts";
import { type S3Server, startS3Server } from "../s3-server.ts";
import { heartbeatOf } from "./heartbeats.ts";
import { comparable } from "./rows.ts";
import { type NotebookSettings, SparkSession, type TableRow } from "./session.ts";

const isReady = canRun("spark", "versitygw");
const sparkTest = test.skipIf(!isReady);
// A machine that does other things too is slow, and no failure.
setDefaultTimeout(1_800_000);
const ARRIVAL_MS = 600_000;

const REGION = "us-west-2";
/** Those that the query `fleet` asks. */
const STAGES: readonly Stage[] = ["raw", "anomalies"];
const folder = mkdtempSync(join(tmpdir(), "agent-heartbeats-"));
let s3: S3Server;
let spark: SparkSession;

beforeAll(async () => {
  if (!isReady) return;
  s3 = await startS3Server("versitygw", REGION);
  spark = await SparkSession.open(folder, { s3 });
});
afterAll(async () => {
  await (spark as SparkSession | undefined)?.close();
  await (s3 as S3Server | undefined)?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A lake with empty buckets for two stages, and the notebook's settings for it: the schema is named as the lake is. */
async function lakeOf(name: string): Promise<{ store: ObjectStore; settings: NotebookSettings }> {
  for (const stage of STAGES) mkdirSync(join(folder, bucketOf(stage, name, REGION)), { recursive: true });
  const store = await openStore(`dir:${folder}`, { prefix: name, region: REGION, env: {}, putTimeoutMs: 60_000 });
  const place = { prefix: name, store: `file://${folder}/`, reader: "json" as const };
  return { store, settings: { catalog: "spark_catalog", schema: name, ...place, stages: STAGES } };
}

const tell = (store: ObjectStore, node: string, more: Partial<Heartbeat> = {}) =>
  store.metadata.replace(heartbeatKey(node), heartbeatBody(heartbeatOf(node, more)));

async function locally(store: ObjectStore, sql: string): Promise<TableRow[]> {
  const options = { profile: loadProfile("environmental"), limit: 100, sinceMs: null, nowMs: Date.now() };
  const free = { stop: new AbortController().signal, tell: () => undefined, busy: <T>(work: () => T) => work() };
  const { columns, rows } = await askLake(store, sql, { ...options, ...free });
  const value = (text: string | null, kind: string) =>
    text === null || kind === "text" ? text : (JSON.parse(text) as unknown);
  return rows.map((row) => Object.fromEntries(columns.map(({ name, kind }, at) => [name, value(row[at]!, kind)])));
}

const TABLE = "sensor_readings_heartbeats";
/** What must be the same wherever it is asked: not when it was read, and not how a place is written there. */
const SAME = HEARTBEAT_TABLE_COLUMNS.map(({ name }) => name).filter(
  (name) => name !== "processing_timestamp" && name !== "source_file",
);
const ROWS = `SELECT ${SAME.join(", ")} FROM ${TABLE} ORDER BY node_id, received_at`;
const ACCEPTED = `SELECT node_id, accepted FROM ${TABLE} ORDER BY node_id`;

/** Asked of the tables of that schema. */
async function inSpark(schema: string, sql: string): Promise<TableRow[]> {
  await spark.sql(`USE spark_catalog.${schema}`);
  return await spark.sql(sql);
}

sparkTest("where no node has sent a heartbeat there is an empty table, with every column", async () => {
  const { store, settings } = await lakeOf("silence");
  const reports = await spark.run(settings);
  expect(reports).toEqual(
    STAGES.map((stage) => ({
      stage,
      table: expect.any(String),
      rows: 0,
      quarantined: [] as string[],
      foreign: 0,
      foreign_named: [] as string[],
    })),
  );
  expect(await inSpark("silence", `SELECT * FROM ${TABLE}`)).toEqual([]);
  const columns = await inSpark("silence", `DESCRIBE ${TABLE}`);
  expect(columns.map((row) => ({ name: row["col_name"], type: row["data_type"], comment: row["comment"] }))).toEqual([
    ...HEARTBEAT_TABLE_COLUMNS,
  ]);
  // As good as none: something else that is there.
  await store.metadata.replace("nodes/pump-7/notes.txt", new TextEncoder().encode("hello\n"));
  await spark.run(settings);
  expect(await inSpark("silence", `SELECT * FROM ${TABLE}`)).toEqual([]);
  expect(await locally(store, ROWS)).toEqual([]);
});

sparkTest("the table is what the bucket shows at each run: replaced, gone, damaged; one row a node", async () => {
  const { store, settings } = await lakeOf("replaced");
  for (const node of ["pump-7", "pump-8", "pump-9"]) await tell(store, node);
  await spark.run(settings);
  expect(await inSpark("replaced", ACCEPTED)).toEqual(
    ["pump-7", "pump-8", "pump-9"].map((node_id) => ({ node_id, accepted: 10 })),
  );
  const before = await inSpark("replaced", `SELECT DISTINCT processing_timestamp FROM ${TABLE}`);
  expect(before.length).toBe(1);

  // A column that a person gave the table is none of ours, and stays.
  await spark.sql(`ALTER TABLE spark_catalog.replaced.${TABLE} ADD COLUMN site STRING`);
  await tell(store, "pump-7", {
    accepted: 11,
    problems: ["a: b", "c: d"],
    health: "degraded",
    oldest_pending_at: null,
  });
  await store.metadata.replace(heartbeatKey("pump-8"), new TextEncoder().encode('{"node_id":"pump-8"'));
  rmSync(join(store.metadata.place, heartbeatKey("pump-9")));
  await spark.run(settings);
  const [damaged, whole, ...others] = await inSpark("replaced", `SELECT * FROM ${TABLE} ORDER BY node_id`);
  expect(others).toEqual([]);
  expect(damaged).toMatchObject({ node_id: null, _corrupt_record: '{"node_id":"pump-8"', site: null });
  expect(whole).toMatchObject({ node_id: "pump-7", accepted: 11, problems: ["a: b", "c: d"], _corrupt_record: null });
  expect(String(damaged!["source_file"])).toEndWith("/replaced-metadata-us-west-2/nodes/pump-8/heartbeat.json");
  expect(String(whole!["processing_timestamp"]) > String(before[0]!["processing_timestamp"])).toBe(true);
  const rows = await locally(store, ROWS);
  expect(comparable(await inSpark("replaced", ROWS), rows)).toEqual(rows);

  // In the place of another node, and older: the node is one all the same.
  await store.metadata.replace(heartbeatKey("copy"), heartbeatBody(heartbeatOf("pump-7", { accepted: 3 })));
  utimesSync(join(store.metadata.place, heartbeatKey("copy")), 1_000, 1_000);
  await tell(store, "pump-7", { accepted: 12 });
  const text = readFileSync(join(import.meta.dir, "../../../notebooks/queries.sql"), "utf8");
  const fleet = readNamedQueries(text).find(({ name }) => name === "fleet")!;
  await spark.run(settings);
  const nodes = await inSpark("replaced", fleet.sql);
  expect(nodes).toMatchObject([{ node_id: "pump-7", state: "ok", accepted: 12, readings: 0, anomalies: 0 }]);
});

sparkTest("in S3 it is the same, with the store's own time of each object", async () => {
  await s3.createBuckets("told");
  const store = await openStore("s3:", { prefix: "told", region: REGION, env: s3.env, putTimeoutMs: 60_000 });
  const settings: NotebookSettings = {
    catalog: "spark_catalog",
    schema: "told",
    prefix: "told",
    store: "s3a://",
    reader: "json",
    stages: STAGES,
  };
  await spark.run(settings);
  expect(await inSpark("told", ACCEPTED)).toEqual([]);
  for (const node of ["pump-7", "pump-8"]) await tell(store, node);
  await spark.run(settings);
  await tell(store, "pump-8", { accepted: 20, state: "stopped" });
  await spark.run(settings);
  const rows = await locally(store, ROWS);
  expect(rows.map(({ node_id, accepted }) => [node_id, accepted])).toEqual([
    ["pump-7", 10],
    ["pump-8", 20],
  ]);
  expect(comparable(await inSpark("told", ROWS), rows)).toEqual(rows);
  store.close();
});

sparkTest("run without end, it is looked at again and again", async () => {
  const { store, settings } = await lakeOf("endless");
  await tell(store, "pump-7");
  await spark.start(settings);
  const accepted = `SELECT accepted FROM spark_catalog.endless.${TABLE}`;
  for (const wanted of [10, 11]) {
    await tell(store, "pump-7", { accepted: wanted });
    let found: unknown;
    for (const giveUp = performance.now() + ARRIVAL_MS; performance.now() < giveUp; await Bun.sleep(500)) {
      found = (await spark.sql(accepted).catch(() => []))[0]?.["accepted"];
      if (found === wanted) break;
    }
    expect(found).toBe(wanted);
  }
  // After a stop, the table shows what was there at the end.
  await tell(store, "pump-7", { accepted: 12 });
  await spark.stop();
  expect(await spark.sql(accepted)).toEqual([{ accepted: 12 }]);
});

sparkTest("if the table cannot be written, that is reported after the readings are in theirs", async () => {
  const { store, settings } = await lakeOf("refused");
  await tell(store, "pump-7");
  const object = "date=2026-11-24/hour=08/pump-7/01jd3v7hx8q2m5n9r4t6w8y0za.000000000001-000000000001.1.json.gz";
  const path = join(folder, bucketOf("raw", "refused", REGION), object);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, gzipSync('{"reading_id":"e-1"}\n'));
  await spark.sql("CREATE SCHEMA spark_catalog.refused");
  await spark.sql(`CREATE TABLE spark_catalog.refused.${TABLE} (node_id BINARY, problems STRING) USING DELTA`);
  await expect(spark.run(settings)).rejects.toThrow(/DELTA_|_SCHEMA|INCOMPATIBLE|mismatch/i);
  expect(await inSpark("refused", "SELECT reading_id FROM sensor_readings_ingestion")).toEqual([{ reading_id: "e-1" }]);
});
