/**
 * SQL by the Statement Execution API: sent, waited for, and read to its end. A statement that fails comes as a success of
 * HTTP; one that nobody asks about goes on running; and one whose answer was lost may have run: so what changes something
 * must be a statement that may run twice.
 */
import { AgentError, DeniedError, TransientError } from "../core/errors.ts";
import type { Pace, Workspace } from "./client.ts";
import { DatabricksError, isMissing, missingFrom } from "./failure.ts";
import { asObject, type Json, listAt, objectAt, objectsAt, textAt } from "./json.ts";
import type { WarehouseChoice } from "./warehouse.ts";

const STATEMENTS = ["api", "2.0", "sql", "statements"];
/** The longest that the API waits by itself. */
const SERVER_WAIT = "50s";
const DEADLINE_MS = 600_000;
const FIRST_ASK_MS = 1_000;
const MOST_ASK_MS = 5_000;
/** "There may be a delay of up to 5 seconds": until then a statement that is not there may come. */
const LAG_MS = 10_000;
/** How long a statement is told to end when we are told to stop. */
const CANCEL_MS = 3_000;

export type SqlParameter = { readonly name: string; readonly value: string | null; readonly type: string };
export type SqlOptions = {
  readonly catalog?: string;
  readonly schema?: string;
  readonly parameters?: readonly SqlParameter[];
  readonly deadlineMs?: number;
  /** More rows are not read. */
  readonly maxRows?: number;
};
export type SqlRows = {
  readonly columns: readonly string[];
  /** Every value as text, as the API gives it, or null. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** There were more rows than were read. */
  readonly truncated: boolean;
};

const MAX_ROWS = 100_000;
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
    const { catalog, schema, parameters } = options;
    const body = {
      warehouse_id,
      statement,
      wait_timeout: SERVER_WAIT,
      on_wait_timeout: "CONTINUE",
      format: "JSON_ARRAY",
      disposition: "INLINE",
      ...(catalog === undefined ? {} : { catalog }),
      ...(schema === undefined ? {} : { schema }),
      ...(parameters === undefined ? {} : { parameters }),
    };
    const sent = await this.#workspace.request({ doing, method: "POST", path: STATEMENTS, body }, pace);
    const ended = await this.#ended(doing, sent, pace, options.deadlineMs ?? DEADLINE_MS);
    return this.#rows(doing, ended, pace, options.maxRows ?? MAX_ROWS);
  }

  async #ended(doing: string, sent: Json, pace: Pace, deadlineMs: number): Promise<Json> {
    const startedMs = pace.now();
    const id = textAt(sent, "statement_id") ?? "";
    let answer = sent;
    for (let waitMs = FIRST_ASK_MS; ; waitMs = Math.min(MOST_ASK_MS, waitMs + 1_000)) {
      const state = stateOf(answer);
      if (state === "SUCCEEDED") return answer;
      if (state !== "PENDING" && state !== "RUNNING") throw failureOf(doing, answer, state);
      const spentMs = pace.now() - startedMs;
      if (id === "" || spentMs > deadlineMs) {
        await this.#cancel(id, pace);
        throw new AgentError(
          `Cannot ${doing}: the statement is ${state} after ${Math.round(spentMs / 1_000)} s; it was cancelled`,
          {
            tryHint: "look at the query history of the workspace, then the same command again",
          },
        );
      }
      const doingWhat = state === "PENDING" ? "waits for the SQL warehouse" : "runs";
      pace.tell(`${doing}: the statement ${doingWhat}, ${Math.round(spentMs / 1_000)} s`);
      try {
        await pace.wait(waitMs);
        pace.stop.throwIfAborted();
        answer = await this.#ask(doing, id, answer, spentMs, pace);
      } catch (error) {
        if (pace.stop.aborted) await this.#cancel(id, pace);
        throw error;
      }
    }
  }

  async #ask(doing: string, id: string, last: Json, spentMs: number, pace: Pace): Promise<Json> {
    try {
      return await this.#workspace.request({ doing, method: "GET", path: [...STATEMENTS, id] }, pace);
    } catch (error) {
      if (isMissing(error) && spentMs < LAG_MS) return last;
      throw error;
    }
  }

  /** Nobody waits for it any more. An attempt: that it fails changes nothing. */
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

  async #rows(doing: string, ended: Json, pace: Pace, maxRows: number): Promise<SqlRows> {
    const manifest = objectAt(ended, "manifest");
    const columns = objectsAt(objectAt(manifest, "schema"), "columns").map((one) => textAt(one, "name") ?? "");
    const rows: (readonly (string | null)[])[] = [];
    const id = textAt(ended, "statement_id") ?? "";
    for (let chunk = objectAt(ended, "result"); ; ) {
      for (const row of listAt(chunk, "data_array")) rows.push(valuesOf(row));
      const next = chunk["next_chunk_index"];
      if (typeof next !== "number" || next <= 0 || rows.length >= maxRows) {
        const isCut = rows.length > maxRows || (typeof next === "number" && next > 0) || manifest["truncated"] === true;
        return { columns, rows: rows.slice(0, maxRows), truncated: isCut };
      }
      const path = [...STATEMENTS, id, "result", "chunks", String(next)];
      chunk = asObject(await this.#workspace.request({ doing, method: "GET", path }, pace));
    }
  }
}

function valuesOf(row: Json): readonly (string | null)[] {
  return listAt({ row }, "row").map((value) =>
    value === null || typeof value === "string" ? value : JSON.stringify(value),
  );
}

function stateOf(answer: Json): string {
  return textAt(objectAt(answer, "status"), "state") ?? "of no state";
}

function failureOf(doing: string, answer: Json, state: string): AgentError {
  const status = objectAt(answer, "status");
  const error = objectAt(status, "error");
  const errorCode = textAt(error, "error_code") ?? "";
  const said = (textAt(error, "message") ?? `the statement is ${state.toLowerCase()}`)
    .replace(/\s+/g, " ")
    .slice(0, 800);
  const message = `Cannot ${doing}: ${said}`;
  if (LATER.includes(errorCode)) return new TransientError(message);
  // SQLSTATE 42501: insufficient privilege.
  if (textAt(status, "sql_state") === "42501" || /PERMISSION_DENIED|INSUFFICIENT_PERMISSIONS/.test(said)) {
    const named = missingFrom(said) ?? `the permission to ${doing}`;
    return new DeniedError(message, { missing: named, tryHint: `ask its owner for: ${named}` });
  }
  return new DatabricksError(message, {
    status: 200,
    errorCode,
    said,
    requestId: textAt(answer, "statement_id") ?? "",
  });
}

/** A name in SQL: in back-ticks, a back-tick in it doubled. */
export function quotedName(...parts: readonly string[]): string {
  return parts.map((part) => `\`${part.replaceAll("`", "``")}\``).join(".");
}

/** Text in SQL, for where no parameter can stand (comments). Spark reads a backslash in it as an escape. */
export function quotedText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
