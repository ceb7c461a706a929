/**
 * The notebook's streams on a real Spark where tables and buckets are not at rest: objects in S3 with the checkpoints beside
 * them, rows that arrive while it runs, and columns that a table is given.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { bucketOf, STAGES, type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import { tableColumns } from "../../lakehouse/columns.ts";
import { loadProfile } from "../../sensor/profile/shipped.ts";
import { gunzipRows } from "../../uplink/read-object.ts";
import { AGENT_BINARY } from "../agent-process.ts";
import { canRun } from "../needs.ts";
import { type S3Server, startS3Server } from "../s3-server.ts";
import { type NotebookSettings, SparkSession, type StageReport, type TableRow } from "./session.ts";

const isReady = canRun("spark", "versitygw", "binary");
const sparkTest = test.skipIf(!isReady);
// A machine that does other things too is slow, and no failure.
setDefaultTimeout(1_800_000);
const ARRIVAL_MS = 600_000;

const REGION = "us-west-2";
const OCCUPANCY = join(import.meta.dir, "../../../docs/examples/occupancy");
const folder = mkdtempSync(join(tmpdir(), "agent-streams-"));
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

/** Runs the binary as a node of that name to its end, and answers what it wrote to stdout. */
async function agent(node: string, args: readonly string[], env: Readonly<Record<string, string>>, stdin = "") {
  const child = Bun.spawn([AGENT_BINARY, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", AGENT_NODE_ID: node, AGENT_DATA_DIR: join(folder, node), ...env },
    stdin: new TextEncoder().encode(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, heard, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`agent ${args.join(" ")}: ${heard}`);
  return out;
}

/** Another seed makes other readings, of the same node. */
const simulated = (seed: number, count = 600) => [
  ...["run", "--once", "--source"],
  `simulator:?rate=max&start=2026-11-24T07:58:00Z&sensors=5&anomaly=0.1&seed=${seed}&count=${count}`,
];
const rowsOf = (reports: readonly StageReport[]) =>
  Object.fromEntries(reports.map(({ stage, rows }) => [stage, rows])) as Record<Stage, number>;
const intoFolder = (prefix: string) => ({ AGENT_STORE: `dir:${join(folder, "lake")}`, S3_BUCKET_PREFIX: prefix });
const settingsOf = (schema: string): NotebookSettings => ({
  catalog: "spark_catalog",
  schema,
  prefix: schema,
  store: `file://${folder}/lake/`,
  reader: "json",
});

/** The rows of a stage's objects in the folder, by bucket prefix. */
function delivered(stage: Stage, prefix: string): TableRow[] {
  const bucket = join(folder, "lake", bucketOf(stage, prefix, REGION));
  const paths = readdirSync(bucket, { recursive: true }).map(String);
  return paths
    .filter((path) => path.endsWith(".json.gz"))
    .flatMap((path) => [...gunzipRows(readFileSync(join(bucket, path)), path)]);
}

sparkTest(
  "objects in S3 come in by s3a, with the checkpoints in S3 too: each once, and only new ones later",
  async () => {
    await s3.createBuckets("expanso");
    const env = { ...s3.env, AGENT_STORE: "s3:", S3_BUCKET_PREFIX: "expanso" };
    const settings: NotebookSettings = { ...settingsOf("from_s3"), prefix: "expanso", store: "s3a://" };
    const listed = async () => {
      const stages = JSON.parse(await agent("s3-node", ["lake", "ls", "--json"], env)) as {
        stage: Stage;
        rows: number;
      }[];
      // These windows are issued once: no reading of them comes late.
      return Object.fromEntries(stages.map(({ stage, rows }) => [stage, rows]));
    };
    await agent("s3-node", simulated(1), env);
    const first = await spark.run(settings);
    expect(rowsOf(first).raw).toBe(600);
    expect(rowsOf(first)).toEqual((await listed()) as Record<Stage, number>);
    expect(rowsOf(await spark.run(settings))).toEqual(rowsOf(first));

    await agent("s3-node-2", simulated(2), env);
    const second = await spark.run(settings);
    expect(rowsOf(second).raw).toBe(1_200);
    expect(rowsOf(second)).toEqual((await listed()) as Record<Stage, number>);
    const [row] = await spark.sql(
      `SELECT count(DISTINCT reading_id) AS ids, min(source_file) AS file FROM ${first[0]!.table}`,
    );
    expect(row!["ids"]).toBe(1_200);
    expect(String(row!["file"])).toStartWith("s3a://expanso-raw-data-us-west-2/date=");
  },
);

async function until(query: string, isThere: (row: TableRow) => boolean): Promise<void> {
  let row: TableRow | undefined;
  for (const giveUp = performance.now() + ARRIVAL_MS; performance.now() < giveUp; await Bun.sleep(500)) {
    [row] = await spark.sql(query);
    if (row !== undefined && isThere(row)) return;
  }
  // Where the notebook failed, this says with what.
  await spark.stop();
  throw new Error(`After ${ARRIVAL_MS / 1_000} s ${query} still answers ${JSON.stringify(row)}`);
}

sparkTest(
  "run without end, rows come in while it runs, and columns are filled as tables are given them; stopped, a job continues where it stopped",
  async () => {
    const settings = settingsOf("live");
    const env = intoFolder("live");
    const raw = "spark_catalog.live.sensor_readings_ingestion";
    const count = `SELECT count(*) AS rows FROM ${raw}`;
    await agent("live-1", simulated(1), env);
    expect(rowsOf(await spark.run(settings)).raw).toBe(600);
    await spark.start(settings);
    await agent("live-2", simulated(2), env);
    await until(count, ({ rows }) => rows === 1_200);

    for (const stage of STAGES) {
      await spark.sql(`ALTER TABLE spark_catalog.live.${TABLE_OF_STAGE[stage]} ADD COLUMN colour STRING`);
    }
    const painted = (n: number) =>
      `${JSON.stringify({ sensor_id: "s", timestamp: `2026-11-24T08:00:0${n}.000Z`, temperature: 20, colour: "röd" })}\n`;
    // The streams do not stop for the column; each row after they have seen it has a value.
    for (let n = 0; n < 10; n++) {
      await agent("live-3", ["run", "--once", "--source", "stdin:"], env, painted(n));
      await until(count, ({ rows }) => rows === 1_201 + n);
      const [row] = await spark.sql(`SELECT count(colour) AS painted FROM ${raw}`);
      if (row!["painted"] !== 0) break;
      expect(n).toBeLessThan(9);
    }
    const stopped = rowsOf(await spark.stop());

    await agent("live-4", simulated(3), env);
    const after = rowsOf(await spark.run(settings));
    expect(after.raw).toBe(stopped.raw + 600);
    for (const stage of ["raw", "validated", "anomalies", "schematized"] as const) {
      const ids = delivered(stage, "live").map((row) => String(row["reading_id"]));
      const landed = await spark.sql(`SELECT reading_id FROM spark_catalog.live.${TABLE_OF_STAGE[stage]}`);
      expect(landed.map((row) => String(row["reading_id"])).sort()).toEqual(ids.toSorted());
    }
    const windows = new Set(delivered("aggregated", "live").map((row) => `${row["window_id"]} ${row["sensor_id"]}`));
    expect(after.aggregated).toBe(windows.size);
  },
);

/** As `agent provision apply` makes a stage's table for a node of that profile. */
async function provision(schema: string, stage: Stage, profile: string): Promise<void> {
  const columns = tableColumns(stage, loadProfile(profile)).map(({ name, type }) => `\`${name}\` ${type}`);
  await spark.sql(`CREATE SCHEMA IF NOT EXISTS spark_catalog.${schema}`);
  await spark.sql(`CREATE TABLE spark_catalog.${schema}.${TABLE_OF_STAGE[stage]} (${columns.join(", ")}) USING DELTA`);
}

sparkTest("the measures of a profile of the user's own are columns, in every table, with the values sent", async () => {
  const profile = join(OCCUPANCY, "profile.json");
  for (const stage of STAGES) await provision("room", stage, profile);
  const sent = gunzipSync(readFileSync(join(OCCUPANCY, "readings.ndjson.gz"))).toString("utf8");
  const run = ["run", "--once", "--source", "stdin:", "--profile", profile, "--map", join(OCCUPANCY, "map.json")];
  await agent("room", run, intoFolder("room"), sent);
  await spark.run(settingsOf("room"));

  const lines = sent.trim().split("\n");
  const wanted = lines.map((line) => {
    const row = JSON.parse(line) as Readonly<Record<string, string>>;
    return [row["Light"], row["CO2"], row["HumidityRatio"], row["Occupancy"]].map(Number);
  });
  const landed = await spark.sql(
    "SELECT light, co2, humidity_ratio, occupancy FROM spark_catalog.room.sensor_readings_ingestion ORDER BY timestamp",
  );
  expect(landed.map((row) => Object.values(row))).toEqual(wanted);

  const windows = delivered("aggregated", "room").map(({ window_start, avg_co2, max_light }) => [
    Date.parse(String(window_start)),
    ...[avg_co2, max_light],
  ]);
  const aggregated = await spark.sql(
    "SELECT window_start, avg_co2, max_light FROM spark_catalog.room.sensor_readings_aggregated ORDER BY window_start",
  );
  const found = aggregated.map((row) => [Date.parse(`${row["window_start"]}Z`), row["avg_co2"], row["max_light"]]);
  expect(found).toEqual(windows.toSorted((a, b) => Number(a[0]) - Number(b[0])));
});

sparkTest(
  "an unknown field becomes a column by one statement: filled from then on, and backwards by another",
  async () => {
    const raw = "spark_catalog.fields.sensor_readings_ingestion";
    const line = (second: number, more: Readonly<Record<string, unknown>>) =>
      `${JSON.stringify({ sensor_id: "s", timestamp: `2026-11-24T08:00:0${second}.000Z`, temperature: 20, ...more })}\n`;
    const send = (text: string) => agent("f", ["run", "--once", "--source", "stdin:"], intoFolder("fields"), text);
    const column = async () => {
      const rows = await spark.sql(`SELECT colour, lux FROM ${raw} ORDER BY timestamp`);
      return rows.map(({ colour, lux }) => [colour, lux]);
    };
    await send(line(1, { colour: "röd", lux: 7.5 }));
    const raws: NotebookSettings = { ...settingsOf("fields"), stages: ["raw"] };
    await spark.run(raws);
    await spark.sql(`ALTER TABLE ${raw} ADD COLUMNS (colour STRING, lux DOUBLE)`);
    // Not of the column's type: no value, and the row comes in; the text stays in `extra`.
    await send(line(2, { colour: "blå", lux: "dark" }) + line(3, { colour: null }) + line(4, { lux: 9 }));
    await spark.run(raws);
    expect(await column()).toEqual([
      [null, null],
      ["blå", null],
      [null, null],
      [null, 9],
    ]);
    await spark.sql(
      `UPDATE ${raw} SET colour = get_json_object(extra, '$.colour'), lux = try_cast(get_json_object(extra, '$.lux') AS DOUBLE)`,
    );
    expect((await column())[0]).toEqual(["röd", 7.5]);
  },
);
