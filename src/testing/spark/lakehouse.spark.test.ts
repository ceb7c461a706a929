/**
 * The notebooks on a real Spark with Delta, over objects that the compiled binary delivered. `notebooks/autoloader.py`
 * itself runs, with Spark's own file source in the place of Auto Loader. What the tables must hold is computed here, from
 * the objects.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { lakeColumns } from "../../../scripts/generate/lake-columns.ts";
import { lakeDashboard } from "../../../scripts/generate/lake-dashboard.ts";
import { seededRandom } from "../../core/random.ts";
import { bucketOf, metadataBucketOf, STAGES, type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import { startWorkspace } from "../../fake-workspace/wire/workspace.ts";
import { ENGINEER_TOKEN } from "../../fake-workspace/world/settings.ts";
import { type Heartbeat, heartbeatBody, heartbeatKey } from "../../fleet/heartbeat.ts";
import { readNamedQueries } from "../../lakehouse/named-queries.ts";
import { readLoadReport } from "../../provision/load/load-report.ts";
import { gunzipRows } from "../../uplink/read-object.ts";
import { AGENT_BINARY } from "../agent-process.ts";
import { canRun } from "../needs.ts";
import { batchesIn, checkpointIn } from "./checkpoints.ts";
import { heartbeatOf, storedHeartbeats } from "./heartbeats.ts";
import { ANSWERS } from "./lake-answers.ts";
import { comparable } from "./rows.ts";
import { type NotebookSettings, SparkSession, type StageReport, type TableRow } from "./session.ts";
import { sparkEngine } from "./warehouse.ts";

const REGION = "us-west-2";
const isReady = canRun("spark", "binary");
const sparkTest = test.skipIf(!isReady);
setDefaultTimeout(1_800_000);

const folder = mkdtempSync(join(tmpdir(), "agent-lakehouse-"));
const lake = join(folder, "lake");
let opened: Promise<SparkSession> | null = null;
/** One for all tests, opened by the first that wants it. */
const session = () => {
  opened ??= SparkSession.open(folder);
  return opened;
};
afterAll(async () => {
  await (await opened)?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the binary as the node of that name, always with the same buffer, and answers what it wrote to stdout. */
function agent(node: string, args: readonly string[], stdin = "", env: Readonly<Record<string, string>> = {}): string {
  const done = Bun.spawnSync([AGENT_BINARY, ...args, "--store", `dir:${lake}`], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", AGENT_NODE_ID: node, AGENT_DATA_DIR: join(folder, node), ...env },
    stdin: new TextEncoder().encode(stdin),
  });
  if (done.exitCode !== 0) throw new Error(`agent ${args.join(" ")}: ${done.stderr.toString()}`);
  return done.stdout.toString();
}

/** Lines of readings in the minute from 08:00, of three sensors; `round` makes each call's readings other ones. */
function lines(round: number): string {
  const calm = { humidity: 50, pressure: 1_010.5, vibration: 1, voltage: 22 };
  const one = (n: number) => {
    const timestamp = new Date(Date.UTC(2026, 10, 24, 8, 0, n, round)).toISOString();
    return { sensor_id: `probe-${n % 3}`, timestamp, temperature: 20 + n / 10 + round, ...calm };
  };
  return Array.from({ length: 30 }, (_, n) => `${JSON.stringify(one(n))}\n`).join("");
}

const START = "rate=max&start=2026-11-24T07:58:00Z";
beforeAll(() => {
  if (!isReady) return;
  const simulate = (more: string) => ["run", "--once", "--source", `simulator:?${START}&${more}`];
  agent("node-a", simulate("sensors=5&count=1500&seed=7&anomaly=0.1"));
  agent("node-b", [...simulate("sensors=2&count=300&seed=8&anomaly=0.2"), "--profile", "wind-turbine"]);
  const odd =
    '{"sensor_id":"probe-0","timestamp":"2026-11-24T08:00:01.500Z","temperature":20,"colour":"röd"}\nno reading\n';
  agent("node-c", ["run", "--once", "--source", "stdin:"], lines(0) + odd);
  // Late readings: the same window goes out again, twice.
  agent("node-c", ["run", "--once", "--source", "stdin:"], lines(1));
  agent("node-c", ["run", "--once", "--source", "stdin:"], lines(2));
  tellOfAll();
});

/** Of an epoch before the present one's key; `ageMs`: since when it is there. */
function tell(node: string, told: Partial<Heartbeat> | string, ageMs = 0): void {
  const path = join(lake, metadataBucketOf("expanso", REGION), heartbeatKey(node));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof told === "string" ? told : heartbeatBody(heartbeatOf(node, told)));
  // A whole second: parts of one are not written as exactly as they are read.
  const at = Math.floor((Date.now() - ageMs) / 1_000);
  utimesSync(path, at, at);
}

/** A node of each state; node-c has readings only, the others but node-a and node-b have none. */
function tellOfAll(): void {
  tell("node-a", { accepted: 1_500, pending: 3, rules_version: null, agent_version: "1.2.3" });
  const problems = ["link_down: the store does not answer", "rules_refused: 2 rules"];
  tell("node-b", { health: "degraded", problems, losses: 7 });
  const gone = dirname(join(lake, metadataBucketOf("expanso", REGION), heartbeatKey("node-c")));
  rmSync(gone, { recursive: true, force: true });
  const hourMs = 3_600_000;
  tell("quiet", { health: "degraded" }, 4 * hourMs);
  tell("resting", { state: "stopped" }, 40 * hourMs);
  tell("slow", { interval_s: 36_000 }, 4 * hourMs);
  tell("torn", '{"node_id":"torn","state":"runn');
  tell("odd", `${JSON.stringify({ ...heartbeatOf("odd"), accepted: "many" })}\n`);
}

/** The objects of a bucket, by their path in it, in order of name. */
function objectsOf(bucket: string): string[] {
  const paths = readdirSync(join(lake, bucket), { recursive: true }).map(String);
  return paths.filter((path) => path.endsWith(".json.gz")).sort();
}

type Delivered = { readonly row: TableRow; readonly path: string };

/** The rows that a stage's table must hold: all of them; of a window's revisions the highest only. */
function delivered(stage: Stage, bucket: string, left: readonly string[] = []): Delivered[] {
  const kept = new Map<string, Delivered>();
  for (const path of objectsOf(bucket).filter((one) => !left.includes(basename(one)))) {
    for (const row of gunzipRows(readFileSync(join(lake, bucket, path)), path)) {
      const key = keyOf(row);
      if (kept.has(key) && stage !== "aggregated") throw new Error(`The agent delivered ${key} twice`);
      const known = Number(kept.get(key)?.row["revision"] ?? -1);
      if (stage !== "aggregated" || Number(row["revision"]) > known) kept.set(key, { row, path });
    }
  }
  return [...kept.values()].map(({ row, path }) => ({ row: asColumns(stage, row), path }));
}

const expectedRows = (stage: Stage, bucket = bucketOf(stage, "expanso", REGION), left: readonly string[] = []) =>
  sorted(delivered(stage, bucket, left).map(({ row }) => row));

const keyOf = (row: TableRow) =>
  String(row["reading_id"] ?? `${row["node_id"]} ${row["window_id"]} ${row["sensor_id"]}`);
const sorted = (rows: TableRow[]) => rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));

/** All columns of the table and no others; what a row does not have is null; times as the agent writes them. */
function asColumns(stage: Stage, row: TableRow): TableRow {
  const known = lakeColumns(stage).map(({ name, type }) => {
    const value = row[name] ?? null;
    const isTime = type === "timestamp" && value !== null;
    return [name, isTime ? new Date(`${String(value).replace(/Z$/, "")}Z`).toISOString() : value];
  });
  return Object.fromEntries(known) as TableRow;
}

const SETTINGS = {
  catalog: "spark_catalog",
  schema: "sensor_data",
  prefix: "expanso",
  store: `file://${lake}/`,
  reader: "json",
} as const satisfies NotebookSettings;

async function tableRows(stage: Stage, { table }: Pick<StageReport, "table">): Promise<TableRow[]> {
  return sorted((await (await session()).sql(`SELECT * FROM ${table}`)).map((row) => asColumns(stage, row)));
}

/** Changes with any row that is added, changed or deleted, or came in at another time. */
async function fingerprints(): Promise<TableRow[]> {
  const spark = await session();
  const of = (stage: Stage) => `SELECT count(*) AS n, sum(hash(*)) AS sum FROM ${TABLE_OF_STAGE[stage]}`;
  await spark.sql("USE spark_catalog.sensor_data");
  return await spark.sql(STAGES.map(of).join(" UNION ALL "));
}

const checkpoint = (stage: Stage) => checkpointIn(join(lake, `expanso-checkpoints-${REGION}/autoloader`, stage));
const batches = (stage: Stage, log: "offsets" | "commits") => batchesIn(checkpoint(stage), log);

sparkTest("killed in mid-batch, Spark continues: every row once, every column as delivered", async () => {
  const victim = await SparkSession.open(folder);
  const settings: NotebookSettings = { ...SETTINGS, max_files: 1, stages: ["raw", "aggregated"] };
  const killed = victim.run(settings).catch((error: Error) => error.message);
  const isMidway = () => STAGES.some((stage) => batches(stage, "commits") > 0) && inDoubt().length > 0;
  const inDoubt = () => STAGES.filter((stage) => batches(stage, "offsets") > batches(stage, "commits"));
  for (const giveUp = performance.now() + 600_000; !isMidway() && performance.now() < giveUp; ) await Bun.sleep(5);
  await victim.kill();
  expect(await killed).toContain("ended without an answer");
  expect(inDoubt()).not.toEqual([]);

  const spark = await session();
  const reports = await spark.run(SETTINGS);
  for (const report of reports) {
    expect(await tableRows(report.stage, report)).toEqual(expectedRows(report.stage));
    expect(report.quarantined).toEqual([]);
  }
  const listed = JSON.parse(agent("node-a", ["lake", "ls", "--json"])) as { stage: Stage; rows: number }[];
  for (const { stage, rows } of listed.filter((one) => one.stage !== "aggregated")) {
    expect([stage, reports.find((report) => report.stage === stage)?.rows]).toEqual([stage, rows]);
  }
});

sparkTest("run again, there is nothing new; a batch that is repeated adds nothing", async () => {
  const spark = await session();
  const before = await fingerprints();
  await spark.run(SETTINGS);
  expect(await fingerprints()).toEqual(before);
  for (const stage of STAGES) {
    // As after a crash between the table's commit and the checkpoint's.
    const commits = batches(stage, "commits");
    for (const name of [`${commits - 1}`, `.${commits - 1}.crc`]) rmSync(join(checkpoint(stage), "commits", name));
  }
  await spark.run(SETTINGS);
  expect(await fingerprints()).toEqual(before);
  expect(STAGES.map((stage) => batches(stage, "offsets") - batches(stage, "commits"))).toEqual(STAGES.map(() => 0));
});

sparkTest("the highest revision of a window holds, in whatever order the revisions come", async () => {
  const from = bucketOf("aggregated", "expanso", REGION);
  const to = bucketOf("aggregated", "late", REGION);
  const settings: NotebookSettings = { ...SETTINGS, schema: "late", prefix: "late", stages: ["aggregated"] };
  const objects = objectsOf(from);
  expect(objects.filter((path) => path.includes(".r2."))).not.toEqual([]);
  // Highest revisions first, then the others in a seeded disorder, over three runs.
  const random = seededRandom(11);
  const ranked = objects.map((path) => ({ path, rank: path.includes(".r2.") ? -1 : random() }));
  ranked.sort((a, b) => a.rank - b.rank);
  for (let run = 0; run < 3; run++) {
    for (const { path } of ranked.filter((_, at) => Math.floor((at * 3) / ranked.length) === run)) {
      mkdirSync(dirname(join(lake, to, path)), { recursive: true });
      cpSync(join(lake, from, path), join(lake, to, path));
    }
    const [report] = await (await session()).run(settings);
    expect(await tableRows("aggregated", report!)).toEqual(expectedRows("aggregated", to));
  }
  expect(objectsOf(to)).toEqual(objects);
});

sparkTest(
  "an object that cannot be unpacked is named, and no row of it gets in; the others do, and later ones too",
  async () => {
    const from = bucketOf("raw", "expanso", REGION);
    const to = bucketOf("raw", "torn", REGION);
    const settings: NotebookSettings = { ...SETTINGS, schema: "torn", prefix: "torn", stages: ["raw"] };
    const objects = objectsOf(from);
    expect(objects.length).toBeGreaterThanOrEqual(4);
    const put = (path: string, change: (body: Buffer) => Buffer) => {
      mkdirSync(dirname(join(lake, to, path)), { recursive: true });
      writeFileSync(join(lake, to, path), change(readFileSync(join(lake, from, path))));
    };
    const [truncated = "", flipped = "", later = "", ...whole] = objects;
    const flip = (body: Buffer) => Buffer.from(body.map((byte, at) => (at === body.length >> 1 ? byte ^ 0x40 : byte)));
    put(truncated, (body) => body.subarray(0, body.length >> 1));
    put(flipped, flip);
    for (const path of whole) put(path, (body) => body);

    const left = [truncated, flipped].map((path) => basename(path));
    for (const more of [[], [later]]) {
      for (const path of more) put(path, (body) => body);
      const [report] = await (await session()).run(settings);
      expect(report!.quarantined.map((path) => basename(path)).sort()).toEqual(left.toSorted());
      expect(await tableRows("raw", report!)).toEqual(expectedRows("raw", to, left));
    }
    const named = await (await session()).sql(
      "SELECT source_file, reason FROM spark_catalog.torn.sensor_readings_quarantine",
    );
    const reasonOf = (path: string) =>
      named.find((row) => String(row["source_file"]).endsWith(basename(path)))?.["reason"];
    expect(reasonOf(truncated)).toStartWith("EOFError: ");
    expect(String(reasonOf(flipped))).toMatch(/^(error|BadGzipFile): /);
    const counted = "SELECT count(*) AS n, count(DISTINCT source_file) AS objects FROM sensor_readings_ingestion";
    const local = locally(counted, { S3_BUCKET_PREFIX: "torn" });
    expect(local.left_out.map(({ object }) => basename(object))).toEqual(left);
    const [inSpark] = await (await session()).sql(counted.replace("FROM ", "FROM spark_catalog.torn."));
    expect(local.rows).toEqual([inSpark!]);
  },
);

const QUERIES_TEXT = readFileSync(join(import.meta.dir, "../../../notebooks/queries.sql"), "utf8");
const QUERIES = new Map(readNamedQueries(QUERIES_TEXT).map(({ name, sql }) => [name, sql]));
test("each named query has an independent answer to be compared with", () => {
  expect([...QUERIES.keys()]).toEqual(Object.keys(ANSWERS));
});

sparkTest("each named query answers what the objects say", async () => {
  const spark = await session();
  await spark.run(SETTINGS);
  await spark.sql("USE spark_catalog.sensor_data");
  const landed = await spark.sql("SELECT reading_id, processing_timestamp FROM sensor_readings_ingestion");
  const times = new Map(landed.map((row) => [row["reading_id"], Date.parse(`${row["processing_timestamp"]}Z`)]));
  const [read] = await spark.sql("SELECT max(processing_timestamp) AS at FROM sensor_readings_heartbeats");
  const readMs = Date.parse(`${read!["at"]}Z`);
  const tallies = Object.entries(ANSWERS).map(([name, make]) => [name, make()] as const);
  const whole = storedHeartbeats(lake, "expanso", REGION).filter(({ row }) => row.node_id !== "odd");
  for (const one of whole) for (const [, tally] of tallies) tally.hear?.({ ...one, readMs });
  for (const stage of STAGES) {
    for (const { row, path } of delivered(stage, bucketOf(stage, "expanso", REGION))) {
      const processedMs = times.get(row["reading_id"]) ?? Number.NaN;
      for (const [, tally] of tallies) tally.see({ stage, row, path, processedMs });
    }
  }
  const answers = new Map(tallies.map(([name, tally]) => [name, tally.answer()]));
  for (const [name, query] of QUERIES) {
    const expected = answers.get(name)!;
    expect([name, expected.length]).not.toEqual([name, 0]);
    expect([name, comparable(await spark.sql(query), expected)]).toEqual([name, expected]);
  }
});

sparkTest("the nodes are distinguished by their heartbeats; anything else is a row, and not a node", async () => {
  const spark = await session();
  await spark.run(SETTINGS);
  await spark.sql("USE spark_catalog.sensor_data");
  const states = (await spark.sql(QUERIES.get("fleet")!)).map(({ node_id, state }) => [node_id, state]);
  expect(states).toEqual([
    ...[
      ["node-a", "ok"],
      ["node-b", "degraded"],
      ["node-c", "no heartbeat"],
    ],
    ...[
      ["quiet", "silent"],
      ["resting", "stopped"],
      ["slow", "ok"],
    ],
  ]);
  const damaged = "SELECT node_id, _corrupt_record FROM sensor_readings_heartbeats WHERE _corrupt_record IS NOT NULL";
  const found = await spark.sql(`${damaged} ORDER BY node_id`);
  expect(found).toEqual([
    { node_id: null, _corrupt_record: '{"node_id":"torn","state":"runn' },
    { node_id: "odd", _corrupt_record: expect.stringContaining('"accepted":"many"') },
  ]);
  const everything = (from: string) =>
    `SELECT node_id, epoch, agent_version, rules_version, sent_at, started_at, state, interval_s, health, problems, accepted,
      refused, pending, oldest_pending_at, losses, parked, rules_refused, silent_sensors, buffer_bytes, buffer_limit_bytes,
      received_at, _corrupt_record
    FROM ${from} ORDER BY node_id, epoch`;
  const { rows } = locally(everything("sensor_readings_heartbeats"));
  expect(comparable(await spark.sql(everything("sensor_readings_heartbeats")), rows)).toEqual(rows);
  // node-a and node-b have two: of the agent that ran here, and the made-up one.
  expect(rows.length).toBe(9);
});

sparkTest(
  "as a notebook in a job it takes its parameters from widgets, and gives back what agent provision run reads",
  async () => {
    const spark = await session();
    const report = await spark.run(SETTINGS);
    expect(readLoadReport(await spark.notebook(SETTINGS))).toEqual(report);
    await expect(spark.notebook({ ...SETTINGS, mode: "twice" })).rejects.toThrow("twice is not one of");
  },
);

/** The types of Spark that an axis may show. */
const ON_AXIS: Readonly<Record<string, RegExp>> = {
  temporal: /^(date|timestamp)$/,
  quantitative: /^(bigint|int|double|decimal\(.*\))$/,
  categorical: /^(string|int|bigint)$/,
};

sparkTest(
  "each dataset of the dashboard has the columns that its widgets ask for, of types that their axes show",
  async () => {
    const spark = await session();
    await spark.run(SETTINGS);
    await spark.sql("USE spark_catalog.sensor_data");
    const { datasets, pages } = lakeDashboard(readNamedQueries(QUERIES_TEXT));
    const types = new Map<string, ReadonlyMap<unknown, unknown>>();
    for (const { name, queryLines } of datasets) {
      const rows = await spark.sql(`DESCRIBE QUERY ${queryLines.join("")}`);
      types.set(name, new Map(rows.map((row) => [row["col_name"], row["data_type"]])));
    }
    let axes = 0;
    for (const { widget } of pages.flatMap(({ layout }) => layout)) {
      const { datasetName, fields } = widget.queries?.[0]?.query ?? { datasetName: "", fields: [] };
      const shown = Object.values(widget.spec?.["encodings"] ?? {}) as {
        fieldName?: string;
        scale?: { type: string };
      }[];
      for (const { name, expression } of fields) {
        const column = /`(.+)`/.exec(expression)![1]!;
        const type = types.get(datasetName)!.get(column);
        expect([widget.name, column, typeof type]).toEqual([widget.name, column, "string"]);
        const scale = shown.find((one) => one.fieldName === name)?.scale?.type;
        if (scale === undefined) continue;
        expect([widget.name, column, String(type)]).toEqual([
          widget.name,
          column,
          expect.stringMatching(ON_AXIS[scale]!),
        ]);
        axes += 1;
      }
    }
    expect(axes).toBeGreaterThan(15);
  },
);

type LocalAnswer = { readonly rows: TableRow[]; readonly left_out: readonly { readonly object: string }[] };
const locally = (question: string, env: Readonly<Record<string, string>> = {}) =>
  JSON.parse(agent("node-a", ["query", question, "--local", "--json"], "", env)) as LocalAnswer;

/** Where no table is, nothing is known of when a row came into it. */
function withoutTable(name: string, row: TableRow): TableRow {
  if (name === "fleet") return { ...row, last_landed_at: null };
  const isLanding = name === "latency" && String(row["step"]).endsWith(" to table");
  return isLanding ? { ...row, p50_ms: null, p95_ms: null, p99_ms: null } : row;
}

sparkTest("`agent query NAME --local` answers what Spark answers: the same rows, columns and order", async () => {
  const spark = await session();
  await spark.run(SETTINGS);
  await spark.sql("USE spark_catalog.sensor_data");
  for (const [name, query] of QUERIES) {
    const { rows, left_out } = locally(name);
    const inSpark = (await spark.sql(query)).map((row) => withoutTable(name, row));
    expect([name, comparable(inSpark, rows)]).toEqual([name, rows]);
    expect([name, Object.keys(rows[0]!), left_out]).toEqual([name, Object.keys(inSpark[0]!), []]);
  }
  // Of each window its highest revision, as MERGE left it.
  const windows = "SELECT window_id, sensor_id, revision, record_count FROM sensor_readings_aggregated ORDER BY 1, 2";
  const { rows } = locally(windows);
  expect(rows).toEqual(await spark.sql(windows));
  expect(Math.max(...rows.map((row) => Number(row["revision"])))).toBe(2);
});

sparkTest("`agent query` without --local asks the tables in Databricks, and answers the same", async () => {
  const spark = await session();
  await spark.run(SETTINGS);
  const settings = { rowsPerChunk: 3, statementAsksPending: 0, statementAsksRunning: 0 };
  const workspace = await startWorkspace(settings, { engine: sparkEngine(async () => spark, "lake") });
  const remotely = async (...args: string[]) => {
    const login = { DATABRICKS_HOST: workspace.url, DATABRICKS_TOKEN: ENGINEER_TOKEN, DATABRICKS_CATALOG: "lake" };
    const child = Bun.spawn([AGENT_BINARY, "query", ...args], { cwd: folder, env: login, stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { code: await child.exited, stdout, stderr };
  };
  try {
    for (const name of ["ingestion_rate", "anomaly_rate", "latency", "wind_turbines", "reconciliation", "fleet"]) {
      const { code, stdout, stderr } = await remotely(name, "--json");
      expect([name, code, code === 0 ? "" : stderr]).toEqual([name, 0, ""]);
      const { rows } = JSON.parse(stdout) as LocalAnswer;
      await spark.sql("USE spark_catalog.sensor_data");
      expect([name, comparable(await spark.sql(QUERIES.get(name)!), rows)]).toEqual([name, rows]);
    }
    const some = await remotely(
      "SELECT reading_id, anomaly_rules FROM sensor_readings_anomalies",
      "--limit",
      "2",
      "--json",
    );
    expect(JSON.parse(some.stdout)).toMatchObject({
      columns: [
        { name: "reading_id", type: "STRING" },
        { type: "ARRAY<STRING>", kind: "json" },
      ],
      rows: [{ anomaly_rules: expect.any(Array) }, { anomaly_rules: expect.any(Array) }],
      truncated: true,
    });
    expect(some.stderr).toMatch(/Only the first 2 rows; there are more[.] Try: agent query .* --limit 20\n$/);
    const wrong = await remotely("SELECT none FROM sensor_readings_anomalies");
    expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
    expect(wrong.stderr).toContain("Cannot query the tables: [UNRESOLVED_COLUMN");
  } finally {
    await workspace.stop();
  }
});

sparkTest(
  "reconciliation shows a reading that is gone, one that is there twice, an object that lacks a row, and one that is gone",
  async () => {
    const spark = await session();
    await spark.run(SETTINGS);
    await spark.sql("USE spark_catalog.sensor_data");
    const lastOf = async (table: string, node: string) => {
      const [row] = await spark.sql(`SELECT max(reading_id) AS id FROM ${table} WHERE node_id = '${node}'`);
      return `FROM ${table} WHERE reading_id = '${row!["id"]}'`;
    };
    await spark.sql(`DELETE ${await lastOf("sensor_readings_validated", "node-a")}`);
    const twice = await lastOf("sensor_readings_ingestion", "node-b");
    await spark.sql(`INSERT INTO sensor_readings_ingestion SELECT * ${twice}`);
    await spark.sql(`DELETE ${await lastOf("sensor_readings_ingestion", "node-c")}`);
    // A whole object: no name in the table promises its rows, but the numbers of the readings have a gap.
    const raw = delivered("raw", bucketOf("raw", "expanso", REGION));
    const first = raw.filter(({ row }) => row["node_id"] === "node-a" && String(row["timestamp"]) < "2026-11-24T08");
    expect(first).not.toEqual([]);
    await spark.sql(
      "DELETE FROM sensor_readings_ingestion WHERE node_id = 'node-a' AND timestamp < TIMESTAMP '2026-11-24T08:00:00Z'",
    );
    const found = await spark.sql(QUERIES.get("reconciliation")!);
    const sum = (node: string, column: string) =>
      found.filter((row) => row["node_id"] === node).reduce((total, row) => total + Number(row[column]), 0);
    const nodes = ["node-a", "node-b", "node-c"];
    expect(nodes.map((node) => sum(node, "rows") - sum(node, "promised"))).toEqual([0, 1, -1]);
    expect(nodes.map((node) => sum(node, "rows") - sum(node, "accepted"))).toEqual([-first.length, 1, 0]);
    expect(nodes.map((node) => sum(node, "in_no_stage"))).toEqual([1, 0, 0]);
    expect(nodes.map((node) => sum(node, "duplicates"))).toEqual([0, 1, 0]);
  },
);
