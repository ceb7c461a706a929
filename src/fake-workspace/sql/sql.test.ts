/** SQL over `/api/2.0/sql/statements`: the statements that it knows, how they fail, and how a caller waits for them. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Ask, askOf, UC } from "../wire/ask.ts";
import { setRows } from "../wire/control.ts";
import type { Workspace } from "../wire/port.ts";
import { startWorkspace } from "../wire/workspace.ts";
import { makeCatalog } from "../world/scene.ts";

const STATEMENTS = "/api/2.0/sql/statements";
const WAREHOUSE = "0123456789abcdef";

let workspace: Workspace;
let ask: Ask;

beforeAll(async () => {
  workspace = await startWorkspace();
  ask = askOf(workspace);
});
beforeEach(async () => {
  workspace.reset();
  workspace.set({ statementAsksPending: 0, statementAsksRunning: 0, warehouseAsksStarting: 0 });
  await makeCatalog(ask);
  // A look at it is what lets it come up.
  await ask(`POST /api/2.0/sql/warehouses/${WAREHOUSE}/start`, {});
  await ask(`GET /api/2.0/sql/warehouses/${WAREHOUSE}`);
});
afterAll(() => workspace.stop());

type Status = { state: string; error?: { error_code: string; message: string }; sql_state?: string };
type StatementAnswer = { statement_id: string; status: Status; result: { data_array?: string[][] }; manifest: object };

async function sql(statement: string, more: object = {}): Promise<StatementAnswer> {
  const answer = await ask(`POST ${STATEMENTS}`, { statement, warehouse_id: WAREHOUSE, wait_timeout: "50s", ...more });
  expect(answer.status).toBe(200);
  return answer.body as unknown as StatementAnswer;
}

const CREATE = `
  -- the table of raw readings
  CREATE TABLE IF NOT EXISTS \`acme\`.\`sensors\`.\`sensor_readings\` (
    reading_id STRING NOT NULL COMMENT 'unique in the world',
    \`timestamp\` TIMESTAMP,
    temperature DOUBLE,
    status_code INT,
    price DECIMAL(10, 2),
    anomaly_rules ARRAY<STRING>,
    extra MAP<STRING, STRING>,
    nested STRUCT<a: INT, b: ARRAY<BIGINT>>
  ) USING DELTA
  COMMENT 'it''s ours'
  TBLPROPERTIES ('delta.appendOnly' = 'true', delta.enableChangeDataFeed = true)
  CLUSTER BY (reading_id)`.replace("it''s", "it\\'s");

test("a table is made with its columns, comments, properties and clustering, and is there in the API", async () => {
  expect((await sql(CREATE)).status).toEqual({ state: "SUCCEEDED" });
  expect((await sql(CREATE)).status.state).toBe("SUCCEEDED");
  const { body } = await ask(`GET ${UC}/tables/acme.sensors.sensor_readings`);
  expect(body).toMatchObject({
    comment: "it's ours",
    table_type: "MANAGED",
    data_source_format: "DELTA",
    properties: { "delta.appendOnly": "true", "delta.enableChangeDataFeed": "true" },
  });
  expect((body["columns"] as object[]).map((one) => Object.values(one).slice(0, 3))).toEqual([
    ["reading_id", "string", "STRING"],
    ["timestamp", "timestamp", "TIMESTAMP"],
    ["temperature", "double", "DOUBLE"],
    ["status_code", "int", "INT"],
    ["price", "decimal(10,2)", "DECIMAL"],
    ["anomaly_rules", "array<string>", "ARRAY"],
    ["extra", "map<string,string>", "MAP"],
    ["nested", "struct<a:int,b:array<bigint>>", "STRUCT"],
  ]);
  const exists = await ask(`GET ${UC}/tables/acme.sensors.sensor_readings/exists`);
  expect(exists.body).toEqual({ table_exists: true });
});

test("DDL has a manifest without columns and a result without data_array", async () => {
  const made = await sql("CREATE TABLE acme.sensors.t (a INT)");
  expect(made.manifest).toEqual({
    format: "JSON_ARRAY",
    schema: { column_count: 0 },
    total_chunk_count: 0,
    total_row_count: 0,
    total_byte_count: 0,
    truncated: false,
  });
  expect(made.result).toEqual({});
});

test("what fails is a 200 with state FAILED, a message and a SQLSTATE", async () => {
  const cases: Readonly<Record<string, [string, string]>> = {
    "CREATE TABEL acme.sensors.t (a INT)": ["PARSE_SYNTAX_ERROR", "42601"],
    "CREATE TABLE acme.sensors.t (a INTT)": ["PARSE_SYNTAX_ERROR", "42601"],
    "CREATE TABLE acme.sensors.t (a INT) USING PARQUET": ["PARSE_SYNTAX_ERROR", "42601"],
    "SELECT 1; SELECT 2": ["PARSE_SYNTAX_ERROR", "42601"],
    "INSERT INTO acme.sensors.t VALUES (1)": ["PARSE_SYNTAX_ERROR", "42601"],
    "CREATE TABLE acme.nowhere.t (a INT)": ["SCHEMA_NOT_FOUND", "42704"],
    "SELECT count(*) FROM acme.sensors.none": ["TABLE_OR_VIEW_NOT_FOUND", "42P01"],
    "CREATE TABLE acme.sensors.t (a INT, A STRING)": ["COLUMN_ALREADY_EXISTS", "42711"],
    "CREATE TABLE acme.sensors.t (`a b` INT)": ["DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "42K05"],
    "CREATE TABLE acme.sensors.t (a INT, b INT) PARTITIONED BY (a) CLUSTER BY (b)": [
      "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED",
      "42908",
    ],
    "CREATE TABLE acme.sensors.t (a ARRAY<INT>) CLUSTER BY (a)": [
      "DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED",
      "0A000",
    ],
    "DROP TABLE acme.sensors.none": ["TABLE_OR_VIEW_NOT_FOUND", "42P01"],
    "SELECT count(*) FROM IDENTIFIER(:t)": ["UNBOUND_SQL_PARAMETER", "42P02"],
  };
  for (const [statement, [code, sqlState]] of Object.entries(cases)) {
    const { status } = await sql(statement);
    expect([statement, status]).toEqual([
      statement,
      {
        state: "FAILED",
        error: { error_code: "BAD_REQUEST", message: expect.stringContaining(`[${code}]`) },
        sql_state: sqlState,
      },
    ]);
  }
});

test("columns are added once: the second time fails, so a client looks first", async () => {
  await sql("CREATE TABLE acme.sensors.t (a INT)");
  expect(
    (await sql("ALTER TABLE acme.sensors.t ADD COLUMNS (b STRING COMMENT 'new', `timestamp` TIMESTAMP)")).status.state,
  ).toBe("SUCCEEDED");
  expect((await sql("ALTER TABLE acme.sensors.t ADD COLUMN b STRING")).status.error?.message).toContain(
    "[FIELD_ALREADY_EXISTS]",
  );
  expect((await sql("DESCRIBE TABLE acme.sensors.t")).result.data_array).toEqual([
    ["a", "int", null],
    ["b", "string", "new"],
    ["timestamp", "timestamp", null],
  ] as never);
});

test("counts are what the test says, as text; names may come from parameters, catalog and schema", async () => {
  await sql("CREATE TABLE acme.sensors.t (a INT)");
  setRows(workspace, "acme.sensors.t", 1234);
  expect((await sql("SELECT count(*) AS n FROM acme.sensors.t")).result.data_array).toEqual([["1234"]]);
  const parameters = [{ name: "t", value: "acme.sensors.t" }];
  expect((await sql("SELECT count(*) FROM IDENTIFIER(:t)", { parameters })).result.data_array).toEqual([["1234"]]);
  expect((await sql("SELECT count(*) FROM t", { catalog: "acme", schema: "sensors" })).result.data_array).toEqual([
    ["1234"],
  ]);
  expect((await sql("SHOW TABLES IN acme.sensors")).result.data_array).toEqual([["sensors", "t", "false"]]);
});

test("a query that is not understood answers what the test says", async () => {
  const columns = [{ name: "n", type: "LONG" }];
  workspace.set({ queryAnswers: [{ statement: "SELECT max(seq) FROM * WHERE epoch = *", columns, rows: [["41"]] }] });
  const asked = await sql("select max(seq)\n  from acme.sensors.t\n  where epoch = 'a';");
  expect(asked.result.data_array).toEqual([["41"]]);
  expect((await sql("SELECT min(seq) FROM acme.sensors.t")).status.state).toBe("FAILED");
  workspace.set({ queryAnswers: [] });
});

test("grants, comments and the end of a schema may be SQL as well", async () => {
  await sql("GRANT USE SCHEMA, SELECT ON SCHEMA acme.sensors TO `analysts`");
  await sql("REVOKE SELECT ON SCHEMA acme.sensors FROM analysts");
  await ask(`GET ${UC}/permissions/schema/acme.sensors`);
  expect((await ask(`GET ${UC}/permissions/schema/acme.sensors`)).body).toEqual({
    privilege_assignments: [{ principal: "analysts", privileges: ["USE_SCHEMA"] }],
  });
  expect((await sql("GRANT SELECT ON SCHEMA acme.sensors TO nobody")).status.error?.message).toContain(
    "PRINCIPAL_DOES_NOT_EXIST",
  );
  await sql("CREATE TABLE acme.sensors.t (a INT)");
  await sql("COMMENT ON TABLE acme.sensors.t IS 'ours'");
  expect((await ask(`GET ${UC}/tables/acme.sensors.t`)).body).toMatchObject({ comment: "ours" });
  expect((await sql("DROP SCHEMA acme.sensors")).status.error?.message).toContain("[SCHEMA_NOT_EMPTY]");
  expect((await sql("DROP SCHEMA IF EXISTS acme.sensors CASCADE")).status.state).toBe("SUCCEEDED");
  expect((await sql("DROP SCHEMA IF EXISTS acme.sensors CASCADE")).status.state).toBe("SUCCEEDED");
});

test("schemas and volumes are made by SQL as well", async () => {
  expect((await sql("CREATE SCHEMA IF NOT EXISTS `acme`.`more` COMMENT 'more'")).status.state).toBe("SUCCEEDED");
  expect((await sql("CREATE VOLUME IF NOT EXISTS acme.more.v COMMENT 'v'")).status.state).toBe("SUCCEEDED");
  expect(await ask(`GET ${UC}/volumes/acme.more.v`)).toMatchObject({ body: { volume_type: "MANAGED", comment: "v" } });
  const outside = await sql("CREATE EXTERNAL VOLUME acme.more.w LOCATION 's3://nowhere/w'");
  expect(outside.status.error?.message).toContain("No parent external location");
});

test("a statement waits for its warehouse: PENDING, RUNNING, SUCCEEDED, over the asks of a client", async () => {
  workspace.set({ statementAsksPending: 1, statementAsksRunning: 2, warehouseAsksStarting: 2 });
  await ask(`POST /api/2.0/sql/warehouses/${WAREHOUSE}/stop`, {});
  const sent = await sql("SELECT 1", { wait_timeout: "0s" });
  const states = [sent.status.state];
  while (states.at(-1) !== "SUCCEEDED" && states.length < 20) {
    const { body } = await ask(`GET ${STATEMENTS}/${sent.statement_id}`);
    states.push((body as unknown as StatementAnswer).status.state);
  }
  expect(states.filter((one, index) => one !== states[index - 1])).toEqual(["PENDING", "RUNNING", "SUCCEEDED"]);
  expect((await ask(`GET /api/2.0/sql/warehouses/${WAREHOUSE}`)).body).toMatchObject({ state: "RUNNING" });
});

test("a cancelled statement says so; one that took longer than its wait with CANCEL did nothing", async () => {
  workspace.set({ statementAsksPending: 1 });
  const { statement_id } = await sql("CREATE TABLE acme.sensors.t (a INT)");
  expect(await ask(`POST ${STATEMENTS}/${statement_id}/cancel`, {})).toMatchObject({ status: 200, body: {} });
  expect((await ask(`GET ${STATEMENTS}/${statement_id}`)).body).toMatchObject({ status: { state: "CANCELED" } });
  expect((await sql("CREATE TABLE acme.sensors.u (a INT)", { on_wait_timeout: "CANCEL" })).status.state).toBe(
    "CANCELED",
  );
  expect((await ask(`GET ${UC}/tables/acme.sensors.u/exists`)).body).toEqual({ table_exists: false });
});

test("a result in several chunks is fetched chunk by chunk", async () => {
  workspace.set({ rowsPerChunk: 2 });
  for (const name of ["a", "b", "c"]) await sql(`CREATE TABLE acme.sensors.${name} (x INT)`);
  const { statement_id, result } = await sql("SHOW TABLES IN acme.sensors");
  expect(result).toMatchObject({ row_count: 2, next_chunk_index: 1 });
  const next = await ask(`GET ${STATEMENTS}/${statement_id}/result/chunks/1`);
  expect(next.body).toMatchObject({ row_offset: 2, data_array: [["sensors", "c", "false"]] });
});

test("limits of the call cut an answer off, and it says so", async () => {
  for (const name of ["a", "b", "c"]) await sql(`CREATE TABLE acme.sensors.${name} (x INT)`);
  const tables = "SHOW TABLES IN acme.sensors";
  for (const limit of [{ row_limit: 2 }, { byte_limit: 30 }]) {
    const { manifest, result } = await sql(tables, limit);
    expect(manifest).toMatchObject({ total_row_count: 2, truncated: true });
    expect(result.data_array).toHaveLength(2);
  }
  expect((await sql(tables, { row_limit: 3 })).manifest).toMatchObject({ total_row_count: 3, truncated: false });
});

test("a malformed call is a 400", async () => {
  const call = { statement: "SELECT 1", warehouse_id: WAREHOUSE };
  for (const wrong of [
    { wait_timeout: "60s" },
    { wait_timeout: "1s" },
    { warehouse_id: "none" },
    { statement: " " },
    { format: "CSV" },
    { parameters: [{ name: "a", value: "[1]", type: "ARRAY<INT>" }] },
  ]) {
    expect(await ask(`POST ${STATEMENTS}`, { ...call, ...wrong })).toMatchObject({
      status: 400,
      body: { error_code: "INVALID_PARAMETER_VALUE" },
    });
  }
  expect(await ask(`POST ${STATEMENTS}`, { ...call, warehouse_id: "ffffffffffffffff" })).toMatchObject({
    status: 404,
    body: { error_code: "RESOURCE_DOES_NOT_EXIST" },
  });
  expect(await ask(`GET ${STATEMENTS}/none`)).toMatchObject({ status: 404, body: { error_code: "NOT_FOUND" } });
});

test("a query is described without being run: its columns, and that its tables are there and may be read", async () => {
  await sql(CREATE);
  const described = await sql(
    "-- ours\nDESCRIBE QUERY WITH t AS (SELECT reading_id FROM sensor_readings) SELECT reading_id, count(*) AS n FROM t WHERE 1 IS NOT DISTINCT FROM reading_id GROUP BY ALL",
    { catalog: "acme", schema: "sensors" },
  );
  expect(described.result.data_array?.map(([name]) => name!)).toEqual(["reading_id", "n"]);
  const why = async (query: string) =>
    (await sql(`DESCRIBE QUERY ${query}`, { catalog: "acme", schema: "sensors" })).status;
  expect(await why("SELECT a FROM t JOIN acme.sensors.none AS n")).toMatchObject({
    state: "FAILED",
    sql_state: "42P01",
  });
  expect(await why("SELECT * FROM sensor_readings")).toMatchObject({ state: "FAILED", sql_state: "42601" });
});
