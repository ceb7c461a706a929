/**
 * A simulated day through everything: more than a million readings from the compiled binary into a folder, by the notebook
 * into Delta tables on a real Spark, to every named query, each compared with what the sensors sent and the agent delivered.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { STAGES, type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import { readNamedQueries } from "../../lakehouse/named-queries.ts";
import { canRun } from "../needs.ts";
import { storedHeartbeats } from "./heartbeats.ts";
import { comparable } from "./rows.ts";
import { SparkSession, type StageReport, type TableRow } from "./session.ts";
import { DAY_READINGS, deliverDay, type Expected, expectedOf, NEW_FIELD, type Sent } from "./simulated-day.ts";

const isReady = canRun("spark", "binary");
const sparkTest = test.skipIf(!isReady);
// A machine that does other things too is slow, and no failure.
setDefaultTimeout(1_800_000);

const folder = mkdtempSync(join(tmpdir(), "agent-day-"));
const settings = {
  catalog: "spark_catalog",
  schema: "sensor_data",
  prefix: "expanso",
  store: `file://${folder}/lake/`,
  reader: "json" as const,
  // A night's windows are two thousand small objects.
  max_files: 5_000,
};
let sent: Map<string, Sent>;
let spark: SparkSession;
let reports: readonly StageReport[];
let expected: Expected;

beforeAll(async () => {
  if (!isReady) return;
  sent = await deliverDay(folder);
  spark = await SparkSession.open(folder, { length: "long" });
  reports = await spark.run(settings);
  await spark.sql("USE spark_catalog.sensor_data");
  const [read] = await spark.sql("SELECT max(processing_timestamp) AS at FROM sensor_readings_heartbeats");
  const heartbeats = storedHeartbeats(join(folder, "lake"), "expanso", "us-west-2");
  const readMs = Date.parse(`${read!["at"]}Z`);
  const told = heartbeats.map((one) => ({ ...one, readMs }));
  expected = expectedOf(folder, sent, await landed(), told);
});
afterAll(async () => {
  await (spark as SparkSession | undefined)?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** When each raw object came in, by its path in the bucket: its rows in one batch, and so at one time. */
async function landed(): Promise<Map<string, number>> {
  const rows = await spark.sql(
    `SELECT source_file, min(processing_timestamp) AS first, max(processing_timestamp) AS last
     FROM sensor_readings_ingestion GROUP BY source_file`,
  );
  return new Map(
    rows.map(({ source_file, first, last }) => {
      expect(first).toBe(last);
      return [String(source_file).slice(String(source_file).indexOf("date=")), Date.parse(`${first}Z`)];
    }),
  );
}

const queries = readNamedQueries(readFileSync(join(import.meta.dir, "../../../notebooks/queries.sql"), "utf8"));

sparkTest("what the agent delivered is what the sensors sent, all of it, and nothing else", () => {
  expect([...sent.values()].reduce((sum, { print }) => sum + print.rows, 0)).toBe(DAY_READINGS);
  expect(DAY_READINGS).toBeGreaterThan(1_000_000);
  for (const [node, { print }] of sent) expect([node, expected.prints.get(node)!.text]).toEqual([node, print.text]);
});

sparkTest("each table has as many rows as were delivered", () => {
  expect(Object.fromEntries(reports.map(({ stage, rows }) => [stage, rows]))).toEqual(expected.rows);
  expect(expected.rows.raw).toBe(DAY_READINGS);
  expect(expected.rows.validated + expected.rows.anomalies).toBe(DAY_READINGS);
  expect(reports.flatMap(({ quarantined }) => quarantined)).toEqual([]);
});

/** What the queries answered, once it was seen to be right: scripts/picture/lakehouse.ts draws it. */
const answered = new Map<string, readonly TableRow[]>();
const ANSWERED_FILE = join(import.meta.dir, "../../../.cache/lakehouse-day.json");

for (const { name, sql } of queries) {
  sparkTest(`${name} answers what was delivered`, async () => {
    const wanted = expected.answers.get(name)!;
    expect(wanted).not.toEqual([]);
    const answer = await spark.sql(sql);
    expect(comparable(answer, wanted)).toEqual(wanted);
    answered.set(name, answer);
  });
}

sparkTest("every query was asked", () => {
  expect([...answered.keys()]).toEqual(queries.map(({ name }) => name));
  mkdirSync(dirname(ANSWERED_FILE), { recursive: true });
  writeFileSync(ANSWERED_FILE, JSON.stringify(Object.fromEntries(answered)));
});

sparkTest("a field that is new in the evening is found, in as many readings as had it", () => {
  const [row, ...others] = answered.get("schema_evolution")!;
  expect(others).toEqual([]);
  expect([row!["node_id"], row!["field"]]).toEqual([NEW_FIELD.node, NEW_FIELD.name]);
  expect(row!["readings"]).toBe(sent.get(NEW_FIELD.node)!.withNewField);
  expect(String(row!["first_seen"])).toStartWith(`${NEW_FIELD.since}:00:0`);
});

sparkTest("the anomalies of each range and of the sensors' own flag are those that left the sensors", () => {
  const broken = new Map([...sent.values()].flatMap((node) => [...node.broken]));
  const rules = new Set([...broken.keys()].map((key) => key.split(" ")[0]));
  expect(rules.size).toBeGreaterThanOrEqual(5);
  const rates = answered.get("anomaly_rate")!.filter(({ rule }) => rules.has(String(rule)));
  const found = new Map(rates.map((row) => [`${row["rule"]} ${row["sensor_id"]}`, Number(row["anomalies"])]));
  expect([...found].sort()).toEqual([...broken].sort());
});

sparkTest("what the agent accepted in an hour is what was sent in it", () => {
  const hourOf = (row: TableRow) => `${row["node_id"]} ${new Date(`${row["hour"]}Z`).toISOString()}`;
  const hours = [...sent].flatMap(([node, { byHour }]) => [...byHour].map(([hour, n]) => `${node} ${hour} ${n}`));
  expect(hours.length).toBe(48);
  const accepted = answered.get("reconciliation")!;
  expect(accepted.map((row) => `${hourOf(row)} ${row["accepted"]}`).toSorted()).toEqual(hours.toSorted());
});

sparkTest("run again, no table gets a row, or so much as a new version", async () => {
  const versions = async () => {
    const newest: [Stage, unknown][] = [];
    for (const stage of STAGES) {
      const [row] = await spark.sql(`DESCRIBE HISTORY ${TABLE_OF_STAGE[stage]} LIMIT 1`);
      newest.push([stage, row!["version"]]);
    }
    return newest;
  };
  const before = await versions();
  const again = await spark.run(settings);
  expect(again.map(({ stage, rows }) => [stage, rows])).toEqual(reports.map(({ stage, rows }) => [stage, rows]));
  expect(await versions()).toEqual(before);
});
