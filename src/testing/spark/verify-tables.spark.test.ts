/**
 * `agent verify --databricks` of the compiled binary. What it asks goes over the statement API of the fake workspace to Spark,
 * over Delta tables that the notebook made of what the compiled binary delivered. Then damage on purpose, each named.
 */
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bucketOf, STAGES, type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import type { Workspace } from "../../fake-workspace/wire/port.ts";
import { startWorkspace } from "../../fake-workspace/wire/workspace.ts";
import { ENGINEER_TOKEN } from "../../fake-workspace/world/settings.ts";
import { gunzipRows } from "../../uplink/read-object.ts";
import { AGENT_BINARY } from "../agent-process.ts";
import { canRun } from "../needs.ts";
import { type NotebookSettings, SparkSession } from "./session.ts";
import { sparkEngine } from "./warehouse.ts";

const isReady = canRun("spark", "binary");
const sparkTest = test.skipIf(!isReady);
setDefaultTimeout(1_800_000);

const folder = mkdtempSync(join(tmpdir(), "agent-verify-tables-"));
const lake = join(folder, "lake");
let spark: SparkSession;
let workspace: Workspace;

const SETTINGS: NotebookSettings = {
  catalog: "spark_catalog",
  schema: "sensor_data",
  prefix: "expanso",
  store: `file://${lake}/`,
  reader: "json",
};

type Finding = { kind: string; node_id: string; key: string; expected: number; found: number; note: string | null };
type StageTold = {
  nodes: ({ node_id: string; bucket: object; table: object } & Record<string, unknown>)[];
  findings: Finding[];
  cleaned: { objects: number; rows: number };
};
type VerifyJson = {
  ok: boolean;
  epochs: unknown[];
  databricks: { ok: boolean; buffer: unknown; stages: Record<Stage, StageTold> };
};

async function agent(node: string, args: readonly string[], stdin = "") {
  const child = Bun.spawn([AGENT_BINARY, ...args, "--store", `dir:${lake}`], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      AGENT_NODE_ID: node,
      AGENT_DATA_DIR: join(folder, node),
      DATABRICKS_HOST: workspace.url,
      DATABRICKS_TOKEN: ENGINEER_TOKEN,
    },
    stdin: new TextEncoder().encode(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

async function deliver(node: string, args: readonly string[], stdin = ""): Promise<void> {
  const { code, stderr } = await agent(node, ["run", "--once", ...args], stdin);
  if (code !== 0) throw new Error(stderr);
}

/** Readings of one minute of three sensors; `round` makes each call's readings other ones, of the same windows. */
function lines(round: number, hour = 8): string {
  const one = (n: number) => ({
    sensor_id: `probe-${n % 3}`,
    timestamp: new Date(Date.UTC(2026, 10, 24, hour, 0, n, round)).toISOString(),
    temperature: 20 + n / 10 + round,
    humidity: 50,
    pressure: 1_010.5,
    vibration: 1,
    voltage: 22,
  });
  return Array.from({ length: 30 }, (_, n) => `${JSON.stringify(one(n))}\n`).join("");
}

const placeOf = (stage: Stage) => join(lake, bucketOf(stage, "expanso", "us-west-2"));
function objectsOf(stage: Stage, node = ""): string[] {
  const paths = readdirSync(placeOf(stage), { recursive: true }).map(String);
  return paths.filter((path) => path.endsWith(".json.gz") && path.includes(`/${node}`)).sort();
}

/** As if everything that is there now had been stored two days ago. */
function age(): void {
  const past = new Date(Date.now() - 2 * 86_400_000);
  for (const stage of STAGES) {
    for (const path of objectsOf(stage)) utimesSync(join(placeOf(stage), path), past, past);
  }
}

const rowsOf = (stage: Stage, key: string) => [...gunzipRows(readFileSync(join(placeOf(stage), key)), key)];
const fileOf = (key: string) => `endswith(source_file, '${key}')`;

async function verifyJson(node = "laptop"): Promise<VerifyJson & { code: number }> {
  const { code, stdout, stderr } = await agent(node, ["verify", "--databricks", "--json"]);
  if (stdout === "") throw new Error(stderr);
  return { ...(JSON.parse(stdout) as VerifyJson), code };
}

/** All findings, by stage, without those that only wait. */
const findingsOf = ({ databricks }: VerifyJson) =>
  STAGES.flatMap((stage) =>
    databricks.stages[stage].findings.map(({ node_id: _, ...one }) => ({ stage, ...one })),
  ).filter(({ kind }) => kind !== "waiting");

const marks = new Map<Stage, number>();
/** Delta keeps its versions: each test begins with the tables as they were loaded. */
async function restore(): Promise<void> {
  for (const stage of STAGES) {
    const table = `spark_catalog.sensor_data.${TABLE_OF_STAGE[stage]}`;
    const [latest] = await spark.sql(`DESCRIBE HISTORY ${table} LIMIT 1`);
    if (!marks.has(stage)) marks.set(stage, Number(latest!["version"]));
    else await spark.sql(`RESTORE TABLE ${table} TO VERSION AS OF ${marks.get(stage)}`);
  }
}

beforeAll(async () => {
  if (!isReady) return;
  spark = await SparkSession.open(folder);
  const settings = { rowsPerChunk: 3, statementAsksPending: 0, statementAsksRunning: 0, warehouseAsksStarting: 0 };
  const engine = sparkEngine(async () => spark, "expanso_catalog");
  workspace = await startWorkspace(settings, { engine });
  const source = "simulator:?rate=max&start=2026-11-24T07:58:00Z&sensors=5&count=1500&seed=7&anomaly=0.1";
  await deliver("node-a", ["--source", source]);
  for (const round of [0, 1, 2]) await deliver("node-c", ["--source", "stdin:"], lines(round));
  age();
  await spark.run(SETTINGS);
  await spark.sql("USE spark_catalog.sensor_data");
});
beforeEach(async () => {
  if (isReady) await restore();
});
afterAll(async () => {
  await workspace?.stop();
  await spark?.close();
  rmSync(folder, { recursive: true, force: true });
});

sparkTest("all is right: from a laptop without a buffer, and on a node, for people and for scripts", async () => {
  const laptop = await agent("laptop", ["verify", "--databricks"]);
  expect(laptop.code).toBe(0);
  expect(laptop.stdout).toStartWith(`no buffer in ${join(folder, "laptop")}: the buckets are compared with the tables`);
  expect(laptop.stdout).toContain("\ntables of expanso_catalog.sensor_data against dir:");
  expect(laptop.stdout).toMatch(/\nnode-a +raw +- +\d+ +1,500 +\d+ +1,500 +- +- +-\n/);
  expect(laptop.stdout).toEndWith("\nevery object is in its table, once\n");

  const told = await verifyJson("node-a");
  expect([told.code, told.ok, told.epochs.length, told.databricks.ok]).toEqual([0, true, 1, true]);
  expect(told.databricks.buffer).toMatchObject({ node_id: "node-a", delivered: { raw: 1_500 } });
  for (const stage of STAGES) {
    const { nodes } = told.databricks.stages[stage];
    expect(nodes.length).toBeGreaterThan(0);
    for (const { bucket, table } of nodes) expect(table).toEqual(bucket);
  }
  expect(workspace.journal.complaints()).toEqual([]);
});

sparkTest(
  "a row that is gone, one that is there twice, and an object that is gone are named, and nothing else is",
  async () => {
    const [cut = ""] = objectsOf("validated", "node-a");
    const ids = rowsOf("validated", cut).map((row) => String(row["reading_id"]));
    await spark.sql(`DELETE FROM sensor_readings_validated WHERE reading_id = '${ids[3]}'`);
    const raw = objectsOf("raw", "node-c").at(-1)!;
    const double = String(rowsOf("raw", raw)[7]!["reading_id"]);
    await spark.sql(
      `INSERT INTO sensor_readings_ingestion SELECT * FROM sensor_readings_ingestion WHERE reading_id = '${double}'`,
    );
    const gone = objectsOf("schematized", "node-a").at(-1)!;
    const goneRows = rowsOf("schematized", gone).length;
    await spark.sql(`DELETE FROM sensor_readings_schematized WHERE ${fileOf(gone)}`);
    // Another row of another object in its place: the sum of the table is right, and still both are named.
    const [other = ""] = objectsOf("anomalies", "node-a");
    const anomalies = rowsOf("anomalies", other).map((row) => String(row["reading_id"]));
    await spark.sql(`DELETE FROM sensor_readings_anomalies WHERE reading_id = '${anomalies[0]}'`);
    await spark.sql(
      `INSERT INTO sensor_readings_anomalies SELECT * FROM sensor_readings_anomalies WHERE reading_id = '${anomalies[1]}'`,
    );

    const told = await verifyJson();
    expect([told.code, told.ok]).toEqual([1, false]);
    const rows = rowsOf("raw", raw).length;
    expect(findingsOf(told)).toEqual([
      { stage: "raw", kind: "surplus", key: raw, expected: rows, found: rows + 1, note: null },
      { stage: "raw", kind: "twice", key: raw, expected: 1, found: 2, note: double },
      { stage: "validated", kind: "short", key: cut, expected: ids.length, found: ids.length - 1, note: null },
      { stage: "anomalies", kind: "twice", key: other, expected: 1, found: 2, note: anomalies[1]! },
      { stage: "schematized", kind: "lost", key: gone, expected: goneRows, found: 0, note: null },
    ]);
    const { code, stdout } = await agent("laptop", ["verify", "--databricks"]);
    expect(code).toBe(1);
    expect(stdout).toContain(`\nschematized: lost: ${placeOf("schematized")}/${gone}: none of its ${goneRows} rows\n`);
    expect(stdout).toContain(`\nraw: twice: ${double}: 2 rows, of ${raw}\n`);
    expect(stdout).not.toContain("every object is in its table");
  },
);

sparkTest("a window of which an older revision is in the table, or none, is named", async () => {
  const [r0 = "", r1 = "", r2 = ""] = objectsOf("aggregated", "node-c");
  expect([r0, r1, r2].map((key) => /\.r(\d)\./.exec(key)?.[1])).toEqual(["0", "1", "2"]);
  await spark.sql(
    `UPDATE sensor_readings_aggregated SET revision = 1, source_file = replace(source_file, '${r2}', '${r1}') WHERE ${fileOf(r2)}`,
  );
  const [none = ""] = objectsOf("aggregated", "node-a");
  await spark.sql(`DELETE FROM sensor_readings_aggregated WHERE ${fileOf(none)}`);
  const told = await verifyJson();
  expect(findingsOf(told)).toEqual([
    { stage: "aggregated", kind: "lost", key: none, expected: rowsOf("aggregated", none).length, found: 0, note: null },
    { stage: "aggregated", kind: "older", key: r2, expected: 3, found: 3, note: r1 },
  ]);
  const { stdout } = await agent("laptop", ["verify", "--databricks"]);
  expect(stdout).toContain("\naggregated: older: window 2026-11-24T08:00:00.000Z of node-c (");
  expect(stdout).toContain("): 3 rows of revision 1, the highest is 2\n");
});

sparkTest(
  "what came after the last load waits; when it was there before, it is lost; a new revision waits too",
  async () => {
    const before = new Set(STAGES.flatMap((stage) => objectsOf(stage)));
    await deliver("node-c", ["--source", "stdin:"], lines(3));
    const fresh = (stage: Stage) => objectsOf(stage).filter((key) => !before.has(key));
    const waiting = await verifyJson();
    expect([waiting.code, findingsOf(waiting)]).toEqual([1, []]);
    for (const stage of STAGES) {
      const { findings } = waiting.databricks.stages[stage];
      expect([stage, findings.map(({ kind, key }) => [kind, key])]).toEqual([
        stage,
        fresh(stage).map((key) => ["waiting", key]),
      ]);
    }
    expect(fresh("aggregated")[0]).toContain(".r3.");

    age();
    const lost = await verifyJson();
    const kinds = findingsOf(lost).map(({ stage, kind, key }) => [stage, kind, key]);
    const expected = STAGES.flatMap((stage) =>
      fresh(stage).map((key) => [stage, stage === "aggregated" ? "older" : "lost", key]),
    );
    expect(kinds).toEqual(expected);
    await spark.run(SETTINGS);
    marks.clear();
    await restore();
    expect((await verifyJson()).code).toBe(0);
  },
);

sparkTest(
  "an object in quarantine is named with the reason; one that no bucket lists, unless all before it are gone too",
  async () => {
    const known = new Set(objectsOf("raw"));
    await deliver("node-d", ["--source", "stdin:"], lines(0, 9));
    const [torn = ""] = objectsOf("raw").filter((key) => !known.has(key));
    const path = join(placeOf("raw"), torn);
    const body = readFileSync(path);
    writeFileSync(path, body.subarray(0, body.length >> 1));
    await spark.run(SETTINGS);
    const [gone = ""] = objectsOf("anomalies", "node-a").slice(-1);
    const goneRows = rowsOf("anomalies", gone).length;
    rmSync(join(placeOf("anomalies"), gone));
    const told = await verifyJson();
    expect(findingsOf(told)).toEqual([
      {
        stage: "raw",
        kind: "quarantined",
        key: torn,
        expected: 30,
        found: 0,
        note: expect.stringMatching(/^EOFError: /),
      },
      { stage: "anomalies", kind: "unlisted", key: gone, expected: 0, found: goneRows, note: null },
    ]);

    // Cleaned away: the first hour and all that is in it.
    const early = objectsOf("schematized").filter((key) => key.startsWith("date=2026-11-24/hour=07/"));
    expect(early.length).toBeGreaterThan(0);
    const rows = early.reduce((sum, key) => sum + rowsOf("schematized", key).length, 0);
    for (const key of early) rmSync(join(placeOf("schematized"), key));
    const cleaned = await verifyJson();
    expect(findingsOf(cleaned)).toEqual(findingsOf(told));
    expect(cleaned.databricks.stages.schematized.cleaned).toEqual({ objects: early.length, rows });
    const { stdout } = await agent("laptop", ["verify", "--databricks"]);
    expect(stdout).toContain(
      `schematized: also in the table: ${rows} rows of ${early.length} objects of hours before the first`,
    );
  },
);
