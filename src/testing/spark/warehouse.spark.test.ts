/** Statements by the API of the fake workspace, answered by Spark over a Delta table. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Workspace } from "../../databricks/client.ts";
import { type SqlOptions, SqlRunner } from "../../databricks/sql.ts";
import { WarehouseChoice } from "../../databricks/warehouse.ts";
import type { Pace } from "../../databricks/wire.ts";
import type { Workspace as FakeWorkspace } from "../../fake-workspace/wire/port.ts";
import { startWorkspace } from "../../fake-workspace/wire/workspace.ts";
import { ENGINEER_TOKEN } from "../../fake-workspace/world/settings.ts";
import { canRun } from "../needs.ts";
import { SparkSession } from "./session.ts";
import { sparkEngine } from "./warehouse.ts";

const isReady = canRun("spark");
const sparkTest = test.skipIf(!isReady);
setDefaultTimeout(1_800_000);

const folder = mkdtempSync(join(tmpdir(), "agent-warehouse-"));
let spark: SparkSession;
let fake: FakeWorkspace;
let sql: SqlRunner;

beforeAll(async () => {
  if (!isReady) return;
  spark = await SparkSession.open(folder);
  await spark.sql("CREATE SCHEMA sensor_data");
  await spark.sql("CREATE TABLE spark_catalog.sensor_data.t (id BIGINT, at TIMESTAMP, tags ARRAY<STRING>) USING DELTA");
  await spark.sql(`INSERT INTO sensor_data.t VALUES
    (9007199254740993, TIMESTAMP '2026-11-24T08:00:00.123Z', ARRAY('a', 'b"')), (2, NULL, NULL), (3, NULL, ARRAY())`);
  const settings = { rowsPerChunk: 2, statementAsksPending: 0, statementAsksRunning: 1 };
  fake = await startWorkspace(settings, { engine: sparkEngine(async () => spark, "lake") });
  const login = { kind: "token" as const, token: ENGINEER_TOKEN };
  const workspace = new Workspace({ origin: fake.url, login, random: () => 0 });
  sql = new SqlRunner(workspace, new WarehouseChoice(workspace, null));
});
afterAll(async () => {
  await fake?.stop();
  await spark?.close();
  rmSync(folder, { recursive: true, force: true });
});

const PACE: Pace = {
  stop: new AbortController().signal,
  now: () => performance.now(),
  wait: async () => undefined,
  tell: () => undefined,
};
const ask = (statement: string, options: SqlOptions = {}) => sql.run("ask", statement, PACE, options);
const said = (statement: string, options?: SqlOptions) =>
  ask(statement, options).then(
    () => "no failure",
    (error: Error) => error.message,
  );

sparkTest("rows of a Delta table come in chunks, exact, with the types as Databricks names them", async () => {
  expect(await ask("SELECT id, at, tags FROM `lake`.`sensor_data`.`t` ORDER BY id DESC")).toEqual({
    columns: [
      { name: "id", type: "BIGINT" },
      { name: "at", type: "TIMESTAMP" },
      { name: "tags", type: "ARRAY<STRING>" },
    ],
    rows: [
      ["9007199254740993", "2026-11-24T08:00:00.123Z", '["a","b\\""]'],
      ["3", null, "[]"],
      ["2", null, null],
    ],
    truncated: false,
  });
  const types = await ask(`SELECT 1.50BD AS d, true AS b, DATE '2026-11-24' AS day, 0.1D AS f, 1 AS n, 1 AS n,
    struct(1 AS x, 'y' AS z) AS s, 'lake.t' AS text FROM lake.sensor_data.t LIMIT 1`);
  expect(types.columns.map(({ type }) => type)).toEqual(
    ["DECIMAL(3,2)", "BOOLEAN", "DATE", "DOUBLE", "INT", "INT"].concat(
      "STRUCT<x: INT NOT NULL, z: STRING NOT NULL>",
      "STRING",
    ),
  );
  expect(types.rows).toEqual([["1.50", "true", "2026-11-24", "0.1", "1", "1", '{"x":1,"z":"y"}', "lake.t"]]);
});

sparkTest("parameters are values, whatever they hold, and have their types", async () => {
  const parameters = [
    { name: "id", type: "BIGINT", value: "9007199254740993" },
    { name: "at", type: "TIMESTAMP", value: "2026-11-24T08:00:00.123Z" },
    { name: "odd", type: "STRING", value: "it's `; DROP TABLE t --" },
    { name: "none", type: "INT", value: null },
  ] as const;
  const statement =
    "SELECT :odd AS odd, :none + 1 AS none, count(*) AS n FROM t WHERE id = :id AND at = :at GROUP BY ALL";
  const { columns, rows } = await ask(statement, { catalog: "lake", schema: "sensor_data", parameters });
  expect(columns.map(({ type }) => type)).toEqual(["STRING", "INT", "BIGINT"]);
  expect(rows).toEqual([["it's `; DROP TABLE t --", null, "1"]]);
});

sparkTest("what fails in Spark is a failed statement, with Spark's class and what it says", async () => {
  expect(await said("SELECT * FROM lake.sensor_data.none")).toMatch(
    /^Cannot ask: \[TABLE_OR_VIEW_NOT_FOUND\] .*`spark_catalog`\.`sensor_data`\.`none`.* SQLSTATE: 42P01$/,
  );
  expect(await said("SELECT id FORM t")).toContain("[PARSE_SYNTAX_ERROR]");
  expect(await said("SELECT 1 / 0")).toContain("[DIVIDE_BY_ZERO]");
  expect(await said("SELECT :x")).toContain("[UNBOUND_SQL_PARAMETER]");
  const wrong = [{ name: "x", type: "INT", value: "many" }] as const;
  expect(await said("SELECT :x", { parameters: wrong })).toContain("[CAST_INVALID_INPUT]");
  // What changes something is the workspace's own, and never reaches Spark.
  expect(await said("DELETE FROM lake.sensor_data.t")).toContain("[PARSE_SYNTAX_ERROR]");
  expect((await ask("SELECT count(*) AS n FROM lake.sensor_data.t")).rows).toEqual([["3"]]);
});
