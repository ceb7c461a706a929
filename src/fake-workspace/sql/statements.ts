/**
 * `/api/2.0/sql/statements` (databricks-sdk-go service/sql: StatementExecutionService). A statement that fails is a 200
 * with state FAILED. Its effect happens when it is sent; its result is reported over several calls.
 */
import { absent, invalid, misused } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { int64, listOf, must, oneOf, shape, text } from "../wire/shape.ts";
import type { SqlResult, Statement } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { runSql } from "./run.ts";
import { lookAtWarehouse, startWarehouse, warehouseOf } from "./warehouses.ts";
import { SqlProblem } from "./words.ts";

const BASE = "/api/2.0/sql/statements";
const STATEMENT_CHARACTERS = 16 * 1024 * 1024;
/** "INLINE … result data with size up to 25 MiB". */
const INLINE_BYTES = 25 * 1024 * 1024;
/** "Complex types, such as ARRAY, MAP, and STRUCT are not supported" as parameters. */
const PARAMETER_TYPE =
  /^(STRING|BOOLEAN|TINYINT|SMALLINT|INT|BIGINT|FLOAT|DOUBLE|DATE|TIMESTAMP|TIMESTAMP_NTZ|BINARY|DECIMAL(\(\d+(, *\d+)?\))?)$/i;
const WAIT_SECONDS = { least: 5, most: 50 };

const EXECUTE = shape({
  statement: must(text),
  warehouse_id: must(text),
  catalog: text,
  schema: text,
  wait_timeout: text,
  on_wait_timeout: oneOf("CONTINUE", "CANCEL"),
  parameters: listOf(shape({ name: must(text), value: text, type: text })),
  row_limit: int64,
  byte_limit: int64,
  disposition: oneOf("INLINE", "EXTERNAL_LINKS"),
  format: oneOf("JSON_ARRAY", "ARROW_STREAM", "CSV"),
  query_tags: listOf(shape({ key: must(text), value: text })),
});

/** "0s", or 5 to 50 seconds. */
function demandWait(wait: string | undefined): void {
  if (wait === undefined) return;
  const seconds = /^(\d{1,3})s$/.exec(wait)?.[1];
  const fits = seconds !== undefined && Number(seconds) >= WAIT_SECONDS.least && Number(seconds) <= WAIT_SECONDS.most;
  if (!fits && seconds !== "0") throw invalid(`wait_timeout must be 0s or between 5s and 50s, is "${wait}"`);
}

function stateOf({ asksPending, asksRunning, canceled, closed, end }: Statement) {
  if (canceled) return "CANCELED";
  if (asksPending > 0) return "PENDING";
  if (asksRunning > 0) return "RUNNING";
  if (end instanceof SqlProblem) return "FAILED";
  return closed ? "CLOSED" : "SUCCEEDED";
}

function statementJson(world: World, one: Statement): Record<string, unknown> {
  const state = stateOf(one);
  const { end, id } = one;
  if (state === "FAILED" && end instanceof SqlProblem) {
    const error = { error_code: "BAD_REQUEST", message: end.message };
    return { statement_id: id, status: { state, error, sql_state: end.state } };
  }
  if (state !== "SUCCEEDED" || end instanceof SqlProblem) return { statement_id: id, status: { state } };
  return {
    statement_id: id,
    status: { state },
    manifest: manifestOf(world, one, end),
    result: chunkOf(world, id, end, 0),
  };
}

/** `type_name` is an enum; `type_text` is what one would write in SQL. */
const TYPE_TEXTS: Readonly<Record<string, string>> = { LONG: "BIGINT", SHORT: "SMALLINT", BYTE: "TINYINT" };

const chunksOf = (world: World, { rows }: SqlResult) => Math.ceil(rows.length / world.settings.rowsPerChunk);

function manifestOf(world: World, { truncated }: Statement, result: SqlResult): Record<string, unknown> {
  const size = world.settings.rowsPerChunk;
  const chunks = Array.from({ length: chunksOf(world, result) }, (_one, chunk_index) => ({
    chunk_index,
    row_offset: chunk_index * size,
    row_count: Math.min(size, result.rows.length - chunk_index * size),
  }));
  const columns = result.columns.map(({ name, type, text: typeText }, position) => ({
    name,
    position,
    type_name: type,
    type_text: typeText ?? TYPE_TEXTS[type] ?? type,
  }));
  return {
    format: "JSON_ARRAY",
    // DDL has no columns and no chunks, and its result has no data_array.
    schema: { column_count: columns.length, columns: columns.length === 0 ? undefined : columns },
    total_chunk_count: chunks.length,
    chunks: chunks.length === 0 ? undefined : chunks,
    total_row_count: result.rows.length,
    total_byte_count: sizeOf(result.rows),
    truncated,
  };
}

function chunkOf(world: World, id: string, result: SqlResult, index: number): Record<string, unknown> {
  const size = world.settings.rowsPerChunk;
  const rows = result.rows.slice(index * size, (index + 1) * size);
  if (rows.length === 0) return {};
  const more = (index + 1) * size < result.rows.length;
  return {
    chunk_index: index,
    row_offset: index * size,
    row_count: rows.length,
    next_chunk_index: more ? index + 1 : undefined,
    next_chunk_internal_link: more ? `${BASE}/${id}/result/chunks/${index + 1}` : undefined,
    data_array: rows,
  };
}

function statementOf(world: World, id: string): Statement {
  const found = world.statements.get(id);
  if (found === undefined) throw absent("NOT_FOUND", `The statement ${id} was not found.`);
  return found;
}

/** One ask: a statement waits for its warehouse, then runs. */
function ask(world: World, id: string): Statement {
  const before = statementOf(world, id);
  const { state } = lookAtWarehouse(world, before.warehouseId);
  if (before.asksPending > 0 && state !== "RUNNING") return before;
  const pending = before.asksPending > 0;
  const after: Statement = {
    ...before,
    asksPending: Math.max(0, before.asksPending - 1),
    asksRunning: pending ? before.asksRunning : Math.max(0, before.asksRunning - 1),
  };
  world.statements.set(id, after);
  return after;
}

async function attempt(run: () => Promise<SqlResult>): Promise<SqlResult | SqlProblem> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof SqlProblem) return error;
    throw error;
  }
}

export const STATEMENT_ROUTES: readonly Route[] = [
  route("POST", BASE, { body: EXECUTE }, async ({ world, caller, body }) => {
    demandWait(body.wait_timeout);
    if (body.statement.trim() === "") throw invalid("The statement is empty.");
    if (body.statement.length > STATEMENT_CHARACTERS) throw invalid("The statement is larger than 16 MiB.");
    warehouseOf(world, body.warehouse_id);
    if (body.disposition === "EXTERNAL_LINKS") throw invalid("This fake has no EXTERNAL_LINKS.");
    if (body.format !== undefined && body.format !== "JSON_ARRAY") {
      throw invalid("INLINE results are JSON_ARRAY only.");
    }
    const mistyped = body.parameters?.find(({ type }) => type !== undefined && !PARAMETER_TYPE.test(type));
    if (mistyped !== undefined)
      throw invalid(`The type of parameter ${mistyped.name} is not supported: ${mistyped.type}`);
    const parameters = new Map(
      (body.parameters ?? []).map(({ name, type = "STRING", value = null }) => [name, { type, value }]),
    );
    if (parameters.size !== (body.parameters ?? []).length) throw misused("A parameter is named twice");
    const stopped = warehouseOf(world, body.warehouse_id).state !== "RUNNING";
    startWarehouse(world, body.warehouse_id);
    const { statementAsksPending, statementAsksRunning } = world.settings;
    const asksPending = Math.max(statementAsksPending, stopped ? 1 : 0);
    const late = asksPending + statementAsksRunning > 0;
    const canceled = late && body.on_wait_timeout === "CANCEL" && body.wait_timeout !== "0s";
    const call = { text: body.statement, catalog: body.catalog, schema: body.schema, parameters };
    const made: Statement = {
      id: world.nextUuid("statement"),
      warehouseId: body.warehouse_id,
      asksPending,
      asksRunning: statementAsksRunning,
      canceled,
      closed: false,
      // Cancelled because it took longer than wait_timeout: then it has done nothing.
      ...(canceled ? UNDONE : limited(await attempt(() => runSql(world, caller, call)), body)),
    };
    world.statements.set(made.id, made);
    return statementJson(world, made);
  }),

  route("GET", `${BASE}/{id}`, {}, ({ world, at }) => statementJson(world, ask(world, at["id"]!))),

  // "Cancelation might silently fail": what was done stays done, and a statement that has ended keeps its state.
  route("POST", `${BASE}/{id}/cancel`, {}, ({ world, at }) => {
    const one = statementOf(world, at["id"]!);
    if (one.asksPending + one.asksRunning > 0) world.statements.set(one.id, { ...one, canceled: true });
  }),

  route("GET", `${BASE}/{id}/result/chunks/{index}`, {}, ({ world, at }) => {
    const one = statementOf(world, at["id"]!);
    const index = Number(at["index"]);
    if (stateOf(one) !== "SUCCEEDED" || one.end instanceof SqlProblem) throw invalid("The statement has no result.");
    if (!Number.isInteger(index) || index < 0 || index >= chunksOf(world, one.end)) {
      throw invalid(`There is no chunk ${at["index"]}.`);
    }
    return chunkOf(world, one.id, one.end, index);
  }),
];

type Ended = Pick<Statement, "end" | "truncated">;
const UNDONE: Ended = { end: { columns: [], rows: [] }, truncated: false };

function sizeOf(rows: SqlResult["rows"]): number {
  return rows.flat().reduce((sum, value) => sum + Buffer.byteLength(value ?? ""), 0);
}

/** Cut by the limits of the call; a larger result than INLINE allows then fails as the real one does. */
function limited(
  end: SqlResult | SqlProblem,
  { row_limit, byte_limit }: { row_limit?: bigint | undefined; byte_limit?: bigint | undefined },
): Ended {
  if (end instanceof SqlProblem) return { end, truncated: false };
  const rows = firstOf(end.rows, Number(row_limit ?? Infinity), Number(byte_limit ?? Infinity));
  if (sizeOf(rows) > INLINE_BYTES) {
    const said = `Statements executed with disposition=INLINE can have a result size of at most ${INLINE_BYTES} bytes.`;
    return {
      end: new SqlProblem("INLINE_BYTE_LIMIT_EXCEEDED", "54000", `Inline byte limit exceeded. ${said}`),
      truncated: false,
    };
  }
  return { end: { ...end, rows }, truncated: rows.length < end.rows.length };
}

function firstOf(rows: SqlResult["rows"], mostRows: number, mostBytes: number): SqlResult["rows"] {
  let [count, bytes] = [0, 0];
  for (const row of rows) {
    bytes += sizeOf([row]);
    if (count >= mostRows || bytes > mostBytes) break;
    count++;
  }
  return rows.slice(0, count);
}
