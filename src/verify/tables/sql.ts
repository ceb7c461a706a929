/**
 * The statements of `verify --databricks`: by hour first, then by object where an hour differs. Hours are parameters; the
 * statements contain only fixed text and the quoted names of the tables.
 */
import { AgentError } from "../../core/errors.ts";
import { type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import { DatabricksError } from "../../databricks/failure.ts";
import { quotedName, type SqlParameter, type SqlRow, type SqlRunner } from "../../databricks/sql.ts";
import type { Pace } from "../../databricks/wire.ts";
import { type LakeNames, QUARANTINE_TABLE } from "../../lakehouse/names.ts";
import type { Sums } from "./sums.ts";

/** The most rows of an answer: more nodes and hours together than this are an error. */
const GROUPS = 100_000;
const OBJECTS = 100_000;
/** How many of the readings with several rows, and of the objects in quarantine, are named. */
export const NAMED_MOST = 1_000;

/** An object as the table has it, by the rows that came from it. */
export type HeldObject = {
  readonly key: string;
  readonly rows: number;
  /** Rows that could not be read as the table's columns. */
  readonly unread: number;
};
export type TwiceHeld = { readonly id: string; readonly times: number; readonly key: string };

/** A table's sums. `uneven`: objects with other rows than their names say. `spare`: rows of readings that have another row. */
export type HeldSums = Sums & { readonly uneven: number; readonly unread: number; readonly spare: number };
export type TableSums = {
  readonly hours: ReadonlyMap<string, HeldSums>;
  readonly nodes: ReadonlyMap<string, HeldSums>;
  /** When the newest row came in, in ms; null: there is none. */
  readonly newestMs: number | null;
};

const ID_OF: Record<Stage, string> = {
  raw: "reading_id",
  validated: "reading_id",
  anomalies: "reading_id",
  schematized: "reading_id",
  aggregated: "window_id || ' ' || coalesce(sensor_id, '')",
};

export class StageTable {
  readonly #sql: Pick<SqlRunner, "run">;
  readonly #pace: Pace;
  readonly #names: LakeNames;
  readonly #stage: Stage;

  constructor(sql: Pick<SqlRunner, "run">, pace: Pace, names: LakeNames, stage: Stage) {
    this.#sql = sql;
    this.#pace = pace;
    this.#names = names;
    this.#stage = stage;
  }

  async sums(): Promise<TableSums> {
    const rows = await this.#ask(
      `, objects AS (
        SELECT key, count(*) AS rows, count_if(id IS NULL) AS unread, max(taken_at) AS taken_at FROM held GROUP BY key
      )
      SELECT ${HOUR} AS hour, ${NODE} AS node, count(*) AS objects, sum(rows) AS rows, sum(unread) AS unread,
        count_if(rows IS DISTINCT FROM ${NAMED}) AS uneven, sum(crc32(CAST(key AS BINARY))) AS fingerprint,
        unix_millis(max(taken_at)) AS taken_ms
      FROM objects GROUP BY GROUPING SETS ((${HOUR}), (${NODE}))`,
      GROUPS,
    );
    const ids = new Map(
      (await this.#ask(`SELECT ${HOUR} AS hour, count(DISTINCT id) AS ids FROM held GROUP BY ${HOUR}`, GROUPS)).map(
        ([hour, count]) => [hour ?? "", Number(count)],
      ),
    );
    const hours = new Map<string, HeldSums>();
    const nodes = new Map<string, HeldSums>();
    let newestMs: number | null = null;
    for (const [hour, node, ...values] of rows) {
      const [objects = 0, count = 0, unread = 0, uneven = 0, fingerprint = 0, takenMs = 0] = values.map(Number);
      const spare = hour === null ? 0 : count - unread - (ids.get(hour ?? "") ?? 0);
      const sums = { objects, rows: count, fingerprint, uneven, unread, spare };
      if (hour !== null) hours.set(hour ?? "", sums);
      else nodes.set(node ?? "", sums);
      newestMs = Math.max(newestMs ?? 0, takenMs);
    }
    return { hours, nodes, newestMs };
  }

  async objects(hours: readonly string[]): Promise<HeldObject[]> {
    const rows = await this.#ask(
      `SELECT key, count(*) AS rows, count_if(id IS NULL) AS unread FROM held
      WHERE ${among(hours)} GROUP BY key ORDER BY key`,
      OBJECTS,
      hours,
    );
    return rows.map(([key, count, unread]) => ({ key: key ?? "", rows: Number(count), unread: Number(unread) }));
  }

  /** Readings, or sensors of windows, with more than one row; at most NAMED_MOST. */
  async twice(hours: readonly string[]): Promise<TwiceHeld[]> {
    const rows = await this.#ask(
      `SELECT id, count(*) AS times, min(key) AS key FROM held WHERE id IS NOT NULL AND ${among(hours)}
      GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT ${NAMED_MOST}`,
      NAMED_MOST,
      hours,
    );
    return rows.map(([id, times, key]) => ({ id: id ?? "", times: Number(times), key: key ?? "" }));
  }

  /** `rest` follows `held`, which has the key of each row, the id that must be unique, and when the row was loaded. */
  async #ask(rest: string, maxRows: number, hours: readonly string[] = []): Promise<readonly SqlRow[]> {
    const { catalog, schema } = this.#names;
    const table = TABLE_OF_STAGE[this.#stage];
    const held = `WITH held AS (
        SELECT regexp_extract(coalesce(source_file, ''), '(date=[^/]+/hour=[^/]+/[^/]+/[^/]+)$', 1) AS key,
          ${ID_OF[this.#stage]} AS id, processing_timestamp AS taken_at
        FROM ${quotedName(catalog, schema, table)}
      )`;
    const parameters = hours.map((value, at): SqlParameter => ({ name: `hour${at}`, type: "STRING", value }));
    const doing = `look into table ${catalog}.${schema}.${table}`;
    try {
      return (await this.#sql.run(doing, `${held} ${rest}`, this.#pace, { parameters, maxRows })).rows;
    } catch (error) {
      throw isNoTable(error)
        ? new AgentError(error.message, { tryHint: "agent provision apply", cause: error })
        : error;
    }
  }
}

const HOUR = "regexp_extract(key, '^(date=[^/]+/hour=[^/]+)/', 1)";
const NODE = "split_part(key, '/', 3)";
/** The rows that the name says. */
const NAMED = "try_cast(regexp_extract(key, '[.]([0-9]+)[.]json[.]gz$', 1) AS BIGINT)";

/** `… IN (:hour0, :hour1)`: as many parameters as there are hours. */
function among(hours: readonly string[]): string {
  return `${HOUR} IN (${hours.map((_, at) => `:hour${at}`).join(", ")})`;
}

/** Objects that the notebook could not unpack, with the reason, by `stage/key`. Empty where none ever was. */
export async function quarantinedObjects(
  sql: Pick<SqlRunner, "run">,
  pace: Pace,
  { catalog, schema }: LakeNames,
): Promise<ReadonlyMap<string, string>> {
  const statement = `SELECT stage || '/' || regexp_extract(source_file, '(date=[^/]+/hour=[^/]+/[^/]+/[^/]+)$', 1) AS object,
      min(reason) AS reason
    FROM ${quotedName(catalog, schema, QUARANTINE_TABLE)} GROUP BY 1 ORDER BY 1`;
  const doing = `look into table ${catalog}.${schema}.${QUARANTINE_TABLE}`;
  try {
    const { rows } = await sql.run(doing, statement, pace);
    return new Map(rows.map(([object, reason]) => [object ?? "", reason ?? "no reason was written down"]));
  } catch (error) {
    if (isNoTable(error)) return new Map();
    throw error;
  }
}

function isNoTable(error: unknown): error is DatabricksError {
  return error instanceof DatabricksError && error.said.startsWith("[TABLE_OR_VIEW_NOT_FOUND]");
}
