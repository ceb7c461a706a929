/**
 * SQL by the Statement Execution API: sent, waited for, and read to its end. A statement that fails comes as a success of
 * HTTP; a statement continues to run although no one asks about it; and one whose answer was lost may have run: so what changes something
 * must be a statement that may run twice.
 */

import { AgentError, DeniedError, TransientError } from "../core/errors.ts";
import { counted } from "../core/readable-numbers.ts";
import { readAnswer } from "./answer.ts";
import type { Workspace } from "./client.ts";
import { CHECK, DatabricksError, isMissing, missingFrom } from "./failure.ts";
import { Chunk, type Column, Row, Statement } from "./shapes/statements.ts";
import type { WarehouseChoice } from "./warehouse.ts";
import type { Pace } from "./wire.ts";

const STATEMENTS = ["api", "2.0", "sql", "statements"];
/** The longest that the API waits by itself. */
const SERVER_WAIT = "50s";
const DEADLINE_MS = 600_000;
const FIRST_ASK_MS = 1_000;
const MOST_ASK_MS = 5_000;
/** "There may be a delay of up to 5 seconds": until then a statement that is not there may come. */
const LAG_MS = 10_000;
/** How long we try to cancel a statement after a signal. */
const CANCEL_MS = 3_000;

/** What a named parameter may be: the API has no lists and no structs. */
export type SqlType = "STRING" | "BIGINT" | "INT" | "DOUBLE" | "BOOLEAN" | "DATE" | "TIMESTAMP";
/** `:name` in the statement. The value as text, in the form that SQL would cast to the type; null is NULL. */
export type SqlParameter = { readonly name: string; readonly type: SqlType; readonly value: string | null };
export type SqlOptions = {
  readonly catalog?: string;
  readonly schema?: string;
  readonly parameters?: readonly SqlParameter[];
  readonly deadlineMs?: number;
  /** More are not computed, or not read. */
  readonly maxRows?: number;
  /** Of all values together, as text in UTF-8. */
  readonly maxBytes?: number;
  /** An answer beyond the limits fails, or is cut there and marked as `truncated`. Default: it fails. */
  readonly beyond?: "fail" | "cut";
};
/** `type` as Databricks names it: `BIGINT`, `DECIMAL(10,2)`, `ARRAY<STRING>`. */
export type SqlColumn = { readonly name: string; readonly type: string };
export type SqlRow = readonly (string | null)[];
export type SqlRows = {
  readonly columns: readonly SqlColumn[];
  /** Every value as the text that the API gives, so that a BIGINT is exact; NULL is null. As many as there are columns. */
  readonly rows: readonly SqlRow[];
  /** There were more rows than were read: never, unless `beyond` is "cut". */
  readonly truncated: boolean;
};

export const MAX_ROWS = 100_000;
/** The API itself fails a statement whose INLINE result is larger than 25 MiB. */
export const MAX_BYTES = 32 * 1024 * 1024;
const HISTORY = "The query history of the workspace shows why";
const LATER = ["TEMPORARILY_UNAVAILABLE", "WORKSPACE_TEMPORARILY_UNAVAILABLE", "SERVICE_UNDER_MAINTENANCE", "IO_ERROR"];

export class SqlRunner {
  readonly #workspace: Workspace;
  readonly #warehouse: WarehouseChoice;

  constructor(workspace: Workspace, warehouse: WarehouseChoice) {
    this.#workspace = workspace;
    this.#warehouse = warehouse;
  }

  /** `doing`: `create table "…"`, for the sentence of an error. Throws TransientError, DeniedError or DatabricksError. */
  async run(doing: string, statement: string, pace: Pace, options: SqlOptions = {}): Promise<SqlRows> {
    const warehouse_id = await this.#warehouse.running(pace);
    const { catalog, schema, parameters, maxRows = MAX_ROWS, maxBytes = MAX_BYTES, beyond = "fail" } = options;
    const body = {
      warehouse_id,
      statement,
      wait_timeout: SERVER_WAIT,
      on_wait_timeout: "CONTINUE",
      format: "JSON_ARRAY",
      disposition: "INLINE",
      row_limit: maxRows,
      ...(catalog === undefined ? {} : { catalog }),
      ...(schema === undefined ? {} : { schema }),
      ...(parameters === undefined ? {} : { parameters: parameters.map(wireOf) }),
    };
    const sent = await this.#workspace.read(Statement, { doing, method: "POST", path: STATEMENTS, body }, pace);
    const ended = await this.#ended(doing, sent, pace, options.deadlineMs ?? DEADLINE_MS);
    const answer = await this.#rows(doing, ended, pace, { maxRows, maxBytes });
    if (answer.truncated && beyond === "fail") throw tooMuch(doing, answer.rows.length, maxRows);
    return answer;
  }

  async #ended(doing: string, sent: Statement, pace: Pace, deadlineMs: number): Promise<Statement> {
    const startedMs = pace.now();
    const id = sent.statement_id ?? "";
    let answer = sent;
    for (let waitMs = FIRST_ASK_MS; ; waitMs = Math.min(MOST_ASK_MS, waitMs + 1_000)) {
      const { state } = answer.status;
      if (state === "SUCCEEDED") return answer;
      if (state !== "PENDING" && state !== "RUNNING") throw failureOf(doing, answer);
      const spentMs = pace.now() - startedMs;
      if (id === "" || spentMs > deadlineMs) {
        await this.#cancel(id, pace);
        throw new AgentError(
          `Cannot ${doing}: the statement is ${state} after ${Math.round(spentMs / 1_000)} s; it was cancelled`,
          { advice: HISTORY },
        );
      }
      const doingWhat = state === "PENDING" ? "waits for the SQL warehouse" : "runs";
      pace.tell(`${doing}: the statement ${doingWhat}, ${Math.round(spentMs / 1_000)} s`);
      try {
        await pace.wait(waitMs);
        pace.stop.throwIfAborted();
        answer = await this.#ask({ doing, id, spentMs, last: answer }, pace);
      } catch (error) {
        if (pace.stop.aborted) await this.#cancel(id, pace);
        throw error;
      }
    }
  }

  async #ask({ doing, id, spentMs, last }: RunningStatement, pace: Pace): Promise<Statement> {
    try {
      return await this.#workspace.read(Statement, { doing, method: "GET", path: [...STATEMENTS, id] }, pace);
    } catch (error) {
      if (isMissing(error) && spentMs < LAG_MS) return last;
      throw error;
    }
  }

  /** Its result is not needed any more. If the attempt fails, nothing changes. */
  async #cancel(id: string, pace: Pace): Promise<void> {
    if (id === "") return;
    const call = {
      doing: "cancel a statement",
      method: "POST" as const,
      path: [...STATEMENTS, id, "cancel"],
      body: {},
    };
    const own = { ...pace, stop: AbortSignal.timeout(CANCEL_MS), tell: () => undefined };
    await this.#workspace.request({ ...call, again: "never" }, own).catch(() => undefined);
  }

  /** All chunks, one after the other, up to the limits. Throws where the answer contradicts itself. */
  async #rows(doing: string, ended: Statement, pace: Pace, limits: RowLimits): Promise<SqlRows> {
    const { manifest = {}, statement_id: id = "" } = ended;
    const columns = (manifest.schema?.columns ?? []).map(columnOf);
    const rows: SqlRow[] = [];
    let bytes = 0;
    for (let chunk: Chunk = ended.result ?? {}, index = 0; ; ) {
      for (const values of chunk.data_array ?? []) {
        const row = rowOf(values, doing);
        if (row.length !== columns.length)
          throw torn(doing, `a row of ${row.length} values for ${columns.length} columns`);
        bytes += bytesOf(row);
        if (rows.length >= limits.maxRows || bytes > limits.maxBytes) return { columns, rows, truncated: true };
        rows.push(row);
      }
      const next = nextOf(chunk);
      if (next === null) break;
      if (next <= index) throw torn(doing, `chunk ${index} is followed by chunk ${next}`);
      pace.tell(`${doing}: ${counted(rows.length, "row")}`);
      const path = [...STATEMENTS, id, "result", "chunks", String(next)];
      chunk = await this.#workspace.read(Chunk, { doing, method: "GET", path }, pace);
      index = next;
    }
    const total = manifest.total_row_count ?? rows.length;
    if (total !== rows.length) throw torn(doing, `${rows.length} of ${total} rows came`);
    return { columns, rows, truncated: manifest.truncated === true };
  }
}

/** NULL is a parameter without a value. */
function wireOf({ name, type, value }: SqlParameter) {
  return value === null ? { name, type } : { name, type, value };
}

type RunningStatement = {
  readonly doing: string;
  readonly id: string;
  readonly spentMs: number;
  readonly last: Statement;
};

type RowLimits = { readonly maxRows: number; readonly maxBytes: number };

function columnOf({ name, type_text, type_name }: Column): SqlColumn {
  return { name, type: type_text ?? type_name ?? "" };
}

/** The chunk after this one: by its index, or out of the link, where there is only that. Null: this is the last. */
function nextOf({ next_chunk_index: index = 0, next_chunk_internal_link: link = "" }: Chunk): number | null {
  if (index > 0) return index;
  const linked = /\/result\/chunks\/(\d{1,9})(?:$|\?)/.exec(link)?.[1];
  return linked === undefined ? null : Number(linked);
}

/** By hand, as there may be 100,000; arktype says what is wrong with one. */
function rowOf(values: unknown, doing: string): SqlRow {
  const isRow = Array.isArray(values) && values.every((value) => value === null || typeof value === "string");
  return isRow ? (values as SqlRow) : readAnswer(Row, values, doing);
}

function bytesOf(row: SqlRow): number {
  return row.reduce((sum, value) => sum + (value === null ? 0 : Buffer.byteLength(value)), 0);
}

function tooMuch(doing: string, rows: number, maxRows: number): AgentError {
  const more =
    rows >= maxRows
      ? `more than ${maxRows} rows`
      : `more than the ${counted(rows, "row")} that ${rows === 1 ? "fits" : "fit"} into the limit`;
  return new AgentError(`Cannot ${doing}: the answer has ${more}`, {
    advice: "Ask for less: a shorter time, fewer columns, a LIMIT",
  });
}

function torn(doing: string, what: string): TransientError {
  return new TransientError(`Cannot ${doing}: the answer is not whole: ${what}`);
}

function failureOf(doing: string, { status, statement_id = "" }: Statement): AgentError {
  const { state, sql_state, error = {} } = status;
  const { error_code: errorCode = "" } = error;
  const said = (error.message ?? `the statement is ${state.toLowerCase()}`).replace(/\s+/g, " ").slice(0, 800);
  const message = `Cannot ${doing}: ${said}`;
  if (LATER.includes(errorCode)) return new TransientError(message);
  // SQLSTATE 42501: insufficient privilege.
  if (sql_state === "42501" || /PERMISSION_DENIED|INSUFFICIENT_PERMISSIONS/.test(said)) {
    const named = missingFrom(said) ?? `the permission to ${doing}`;
    return new DeniedError(message, {
      advice: `Its owner can grant what is missing: ${named}`,
      missing: named,
      tryHint: CHECK,
    });
  }
  return new DatabricksError(message, { advice: HISTORY, status: 200, errorCode, said, requestId: statement_id });
}

/** A name in SQL: in back-ticks, a back-tick in it doubled. */
export function quotedName(...parts: readonly string[]): string {
  return parts.map((part) => `\`${part.replaceAll("`", "``")}\``).join(".");
}

/** Text in SQL, for where parameters are not allowed (comments). Spark reads a backslash in it as an escape. */
export function quotedText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
