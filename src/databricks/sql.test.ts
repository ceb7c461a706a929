/** SQL on a small server: it waits, fails over a 200, comes in parts, is lost and is cancelled. */
import { afterEach, expect, test } from "bun:test";
import { DeniedError, TransientError, UsageError } from "../core/errors.ts";
import { Workspace } from "./client.ts";
import { DatabricksError } from "./failure.ts";
import { quotedName, quotedText, type SqlParameter, SqlRunner } from "./sql.ts";
import { WarehouseChoice } from "./warehouse.ts";
import type { Pace } from "./wire.ts";

const open: { stop(force: boolean): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop(true);
});

type AnswersByPath = Readonly<Record<string, readonly unknown[]>>;
const RUNNING = { warehouses: [{ id: "w1", name: "Starter", state: "RUNNING" }] };
const COLUMNS = [
  { name: "a", position: 0, type_name: "LONG", type_text: "BIGINT" },
  { name: "b", position: 1, type_name: "ARRAY", type_text: "ARRAY<STRING>" },
];
const status = (state: string, more: object = {}) => ({ statement_id: "s1", status: { state, ...more } });

/** By `METHOD /path`: the answers in turn, the last one for ever. An Error in the place of one: 404. */
function runner(answers: AnswersByPath, wanted: string | null = null) {
  const calls: string[] = [];
  const bodies: Record<string, unknown>[] = [];
  const served = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const what = `${request.method} ${new URL(request.url).pathname.replace("/api/2.0/sql/", "")}`;
      const text = await request.text();
      if (text !== "") bodies.push(JSON.parse(text) as Record<string, unknown>);
      const given = answers[what] ?? [{}];
      const answer = given[Math.min(calls.filter((call) => call === what).length, given.length - 1)];
      calls.push(what);
      if (answer instanceof Error)
        return Response.json({ error_code: "NOT_FOUND", message: answer.message }, { status: 404 });
      return Response.json(answer);
    },
  });
  open.push(served);
  const login = { kind: "token" as const, token: "dapi-x" };
  const workspace = new Workspace({ origin: `http://127.0.0.1:${served.port}`, login, random: () => 0 });
  return { calls, bodies, sql: new SqlRunner(workspace, new WarehouseChoice(workspace, wanted)) };
}

function pace(onWait: (nowMs: number) => void = () => undefined) {
  let nowMs = 0;
  const told: string[] = [];
  const stop = new AbortController();
  const own: Pace = {
    stop: stop.signal,
    now: () => nowMs,
    tell: (text) => void told.push(text),
    wait: async (ms) => {
      nowMs += ms;
      onWait(nowMs);
    },
  };
  return { ...own, told, abort: () => stop.abort(new Error("stopped by a signal")) };
}

const failure = async (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error as Error,
  );

test("a statement waits for its warehouse, runs, and gives its rows, in several parts", async () => {
  const { sql, bodies } = runner({
    "GET warehouses": [RUNNING],
    "POST statements": [status("PENDING")],
    "GET statements/s1": [
      status("RUNNING"),
      {
        ...status("SUCCEEDED"),
        manifest: { schema: { columns: COLUMNS }, total_row_count: 2 },
        result: { data_array: [["9007199254740993", null]], next_chunk_index: 1 },
      },
    ],
    "GET statements/s1/result/chunks/1": [{ data_array: [["2", "x"]] }],
  });
  const time = pace();
  const parameters: SqlParameter[] = [{ name: "n", value: "7", type: "INT" }];
  const result = await sql.run("count", "SELECT :n", time, { catalog: "c", schema: "s", parameters });
  expect(result).toEqual({
    columns: [
      { name: "a", type: "BIGINT" },
      { name: "b", type: "ARRAY<STRING>" },
    ],
    rows: [
      ["9007199254740993", null],
      ["2", "x"],
    ],
    truncated: false,
  });
  expect(bodies[0]).toEqual({
    warehouse_id: "w1",
    statement: "SELECT :n",
    wait_timeout: "50s",
    on_wait_timeout: "CONTINUE",
    format: "JSON_ARRAY",
    disposition: "INLINE",
    row_limit: 100_000,
    catalog: "c",
    schema: "s",
    parameters,
  });
  expect(time.told).toEqual([
    "count: the statement waits for the SQL warehouse, 0 s",
    "count: the statement runs, 1 s",
    "count: 1 row",
  ]);
});

test("a failure over a 200 is a failure, with what the warehouse said", async () => {
  const failed = (error_code: string, message: string, sql_state = "42000") =>
    runner({
      "GET warehouses": [RUNNING],
      "POST statements": [status("FAILED", { error: { error_code, message }, sql_state })],
    }).sql.run("create table a", "CREATE", pace());
  const syntax = await failure(failed("BAD_REQUEST", "[PARSE_SYNTAX_ERROR] near\n 'CREATE'"));
  expect(syntax).toBeInstanceOf(DatabricksError);
  expect(syntax!.message).toBe("Cannot create table a: [PARSE_SYNTAX_ERROR] near 'CREATE'");
  const said = "[INSUFFICIENT_PERMISSIONS] User does not have CREATE TABLE on Schema 'c.s'.";
  const denied = (await failure(failed("BAD_REQUEST", said, "42501"))) as DeniedError;
  expect(denied).toBeInstanceOf(DeniedError);
  expect(denied.missing).toBe("CREATE TABLE on Schema 'c.s'");
  expect(await failure(failed("TEMPORARILY_UNAVAILABLE", "later"))).toBeInstanceOf(TransientError);
  const canceled = runner({ "GET warehouses": [RUNNING], "POST statements": [status("CANCELED")] });
  expect((await failure(canceled.sql.run("x", "SELECT 1", pace())))!.message).toBe(
    "Cannot x: the statement is canceled",
  );
});

test("a statement that does not end is cancelled at its deadline, and one that we are stopped in at once", async () => {
  const answers = {
    "GET warehouses": [RUNNING],
    "POST statements": [status("RUNNING")],
    "GET statements/s1": [status("RUNNING")],
  };
  const slow = runner(answers);
  const error = await failure(slow.sql.run("count", "SELECT 1", pace(), { deadlineMs: 60_000 }));
  expect(error!.message).toMatch(/^Cannot count: the statement is RUNNING after 6\d s; it was cancelled$/);
  expect(slow.calls.at(-1)).toBe("POST statements/s1/cancel");
  const stopped = runner(answers);
  const time = pace(() => time.abort());
  expect((await failure(stopped.sql.run("count", "SELECT 1", time)))!.message).toBe("stopped by a signal");
  expect(stopped.calls.at(-1)).toBe("POST statements/s1/cancel");
});

test("a statement that is not to be seen at first is waited for, for ten seconds", async () => {
  const done = { ...status("SUCCEEDED"), result: {} };
  const lagging = runner({
    "GET warehouses": [RUNNING],
    "POST statements": [status("PENDING")],
    "GET statements/s1": [new Error("no such statement"), done],
  });
  expect((await lagging.sql.run("x", "SELECT 1", pace())).rows).toEqual([]);
  const gone = runner({
    "GET warehouses": [RUNNING],
    "POST statements": [status("PENDING")],
    "GET statements/s1": [new Error("no such statement")],
  });
  expect(await failure(gone.sql.run("x", "SELECT 1", pace()))).toBeInstanceOf(DatabricksError);
});

const ONE_COLUMN = { schema: { columns: [COLUMNS[0]] } };
const answering = (result: object, more: object = {}, chunks: AnswersByPath = {}) =>
  runner({
    "GET warehouses": [RUNNING],
    "POST statements": [{ ...status("SUCCEEDED"), manifest: { ...ONE_COLUMN, ...more }, result }],
    ...chunks,
  });

test("an answer beyond the limits is a failure that says so; or it is cut there, when that was asked for", async () => {
  const three = { data_array: [["1"], ["2"], ["3"]], next_chunk_index: 1 };
  const cut = answering(three);
  const rows = await cut.sql.run("x", "SELECT 1", pace(), { maxRows: 2, beyond: "cut" });
  expect(rows).toMatchObject({ rows: [["1"], ["2"]], truncated: true });
  expect(cut.calls).toEqual(["GET warehouses", "POST statements"]);
  expect(cut.bodies[0]).toMatchObject({ row_limit: 2 });
  const tooMany = await failure(answering(three).sql.run("list them", "SELECT 1", pace(), { maxRows: 2 }));
  expect(tooMany!.message).toBe("Cannot list them: the answer has more than 2 rows");
  const tooLong = await failure(answering(three).sql.run("list them", "SELECT 1", pace(), { maxBytes: 1 }));
  expect(tooLong!.message).toBe("Cannot list them: the answer has more than the 1 row that fits into the limit");
  // The warehouse cut it: the rows are no more than were asked for, and yet not all.
  const two = answering({ data_array: [["1"], ["2"]] }, { truncated: true, total_row_count: 2 });
  expect((await failure(two.sql.run("x", "SELECT 1", pace(), { maxRows: 2 })))!.message).toContain("more than 2 rows");
});

test("the next part is found by its link too", async () => {
  const next_chunk_internal_link = "/api/2.0/sql/statements/s1/result/chunks/1?row_offset=1";
  const { sql } = answering(
    { data_array: [["1"]], next_chunk_internal_link },
    {},
    { "GET statements/s1/result/chunks/1": [{ data_array: [["2"]] }] },
  );
  expect((await sql.run("x", "SELECT 1", pace())).rows).toEqual([["1"], ["2"]]);
});

test("an answer that contradicts itself is refused", async () => {
  const saidBy = async (made: ReturnType<typeof answering>) => {
    const error = await failure(made.sql.run("x", "SELECT 1", pace()));
    expect(error).toBeInstanceOf(TransientError);
    return error!.message;
  };
  expect(await saidBy(answering({ data_array: [["1"]] }, { total_row_count: 2 }))).toBe(
    "Cannot x: the answer is not whole: 1 of 2 rows came",
  );
  expect(await saidBy(answering({ data_array: [["1", "2"]] }))).toContain("a row of 2 values for 1 columns");
  const circle = { data_array: [["1"]], next_chunk_index: 1 };
  expect(await saidBy(answering(circle, {}, { "GET statements/s1/result/chunks/1": [circle] }))).toContain(
    "chunk 1 is followed by chunk 1",
  );
});

test("the only warehouse is started once, and waited for", async () => {
  const stopped = { id: "w1", name: "Starter", state: "STOPPED" };
  const { sql, calls } = runner({
    "GET warehouses": [{ warehouses: [stopped, { id: "w0", name: "old", state: "DELETED" }] }],
    "GET warehouses/w1": [
      { ...stopped, state: "STARTING" },
      { ...stopped, state: "RUNNING" },
    ],
    "POST statements": [status("SUCCEEDED")],
  });
  const time = pace();
  await Promise.all([sql.run("x", "SELECT 1", time), sql.run("y", "SELECT 2", time)]);
  await sql.run("z", "SELECT 3", time);
  expect(calls.filter((call) => call.startsWith("POST warehouses"))).toEqual(["POST warehouses/w1/start"]);
  expect(calls.filter((call) => call === "GET warehouses")).toHaveLength(1);
  expect(time.told[0]).toBe('SQL warehouse "Starter" is stopped, 0 s');
});

test("where there is a choice a person makes it; a warehouse that never starts is given up after five minutes", async () => {
  const two = {
    warehouses: [
      { id: "w1", name: "A", state: "RUNNING" },
      { id: "w2", name: "B", state: "STOPPED" },
    ],
  };
  const choice = (await failure(runner({ "GET warehouses": [two] }).sql.run("x", "SELECT 1", pace()))) as UsageError;
  expect(choice.message).toBe("Cannot choose a SQL warehouse: there are 2: w1 (A), w2 (B)");
  expect(choice.tryHint).toBe("export DATABRICKS_WAREHOUSE_ID=w1");
  expect(await failure(runner({}).sql.run("x", "SELECT 1", pace()))).toBeInstanceOf(UsageError);
  const missing = await failure(runner({ "GET warehouses/w9": [new Error("none")] }, "w9").sql.run("x", "S", pace()));
  expect(missing!.message).toBe('Cannot use SQL warehouse "w9": the workspace has no such one');
  const stuck = runner({ "GET warehouses/w1": [{ id: "w1", name: "A", state: "STARTING" }] }, "w1");
  expect((await failure(stuck.sql.run("x", "S", pace())))!.message).toBe(
    'Cannot start SQL warehouse "A": it is STARTING after 300 s',
  );
});

test("names and texts are quoted, so that neither can end the statement", () => {
  expect(quotedName("a", "b`; DROP")).toBe("`a`.`b``; DROP`");
  expect(quotedText("it's \\ here")).toBe("'it\\'s \\\\ here'");
});
