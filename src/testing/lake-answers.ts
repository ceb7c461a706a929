/** What each query of notebooks/queries.sql must answer, computed from the rows of the objects and from nothing of Spark's. */
import type { Stage } from "../core/stage.ts";

export type LakeRow = {
  readonly row: Readonly<Record<string, unknown>>;
  /** The path of its object in the bucket. */
  readonly path: string;
  /** When it came into its table. */
  readonly processedMs: number;
};
export type Lake = Readonly<Record<Stage, readonly LakeRow[]>>;
export type Answer = Readonly<Record<string, unknown>>[];

/** The queries of a file by the names that stand over them (`-- name: …`). */
export function namedQueries(text: string): Map<string, string> {
  const parts = text.split(/^-- name: /m).slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end).trim(), part.slice(end).trim().replace(/;$/, "")];
    }),
  );
}

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** Groups in order of their keys. */
function grouped<T>(rows: readonly T[], keyOf: (one: T) => readonly unknown[]): { key: unknown[]; rows: T[] }[] {
  const groups = Map.groupBy(rows, (one) => JSON.stringify(keyOf(one)));
  const made = [...groups].map(([key, members]) => ({ key: JSON.parse(key) as unknown[], rows: members }));
  return made.sort((a, b) => compare(a.key, b.key));
}

/** null comes first, as in Spark. */
function compare(a: readonly unknown[], b: readonly unknown[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  if (at < 0) return 0;
  return a[at] === null || (b[at] !== null && String(a[at]) < String(b[at])) ? -1 : 1;
}

const timeOf = (value: unknown) => Date.parse(String(value));
/** The start of the span that a time is in. */
const start = (value: unknown, spanMs: number) => new Date(Math.floor(timeOf(value) / spanMs) * spanMs).toISOString();
const numbers = (rows: readonly LakeRow[], column: string) =>
  rows.map(({ row }) => row[column]).filter((value): value is number => typeof value === "number");
const mean = (values: readonly number[]) =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The value below which a share of the others is, between two of them in proportion. */
function percentile(values: readonly number[], share: number): number {
  const inOrder = values.toSorted((a, b) => a - b);
  const at = share * (inOrder.length - 1);
  const [below, above] = [inOrder[Math.floor(at)]!, inOrder[Math.ceil(at)]!];
  return below + (above - below) * (at - Math.floor(at));
}

function ingestionRate({ raw }: Lake): Answer {
  return grouped(raw, ({ row }) => [start(row["ingested_at"], MINUTE), row["node_id"]]).map(({ key, rows }) => {
    return { minute: key[0], node_id: key[1], readings: rows.length };
  });
}

function anomalyRate({ raw, anomalies }: Lake): Answer {
  const broken = anomalies.flatMap(({ row }) =>
    (row["anomaly_rules"] as string[]).map((rule) => ({ rule, sensor: row["sensor_id"] })),
  );
  return grouped(broken, ({ rule, sensor }) => [rule, sensor]).map(({ key: [rule, sensor], rows }) => {
    const readings = raw.filter(({ row }) => row["sensor_id"] === sensor).length;
    return { rule, sensor_id: sensor, anomalies: rows.length, readings, rate: rows.length / readings };
  });
}

function latency({ raw }: Lake): Answer {
  return grouped(raw, ({ row }) => [row["node_id"]]).map(({ key, rows }) => {
    const shares = (values: number[]) => [0.5, 0.95, 0.99].map((share) => percentile(values, share));
    return {
      node_id: key[0],
      to_buffer_ms: shares(rows.map(({ row }) => timeOf(row["ingested_at"]) - timeOf(row["timestamp"]))),
      to_table_ms: shares(rows.map(({ row, processedMs }) => processedMs - timeOf(row["timestamp"]))),
    };
  });
}

function throughput(lake: Lake): Answer {
  const stages: Stage[] = ["raw", "validated", "anomalies", "schematized", "aggregated"];
  const all = stages.flatMap((stage, at) =>
    lake[stage].map(({ row, path }) => ({
      stage: `${at + 1} ${stage}`,
      path,
      time: row["window_start"] ?? row["timestamp"],
    })),
  );
  return grouped(all, ({ stage, time }) => [stage, start(time, HOUR)]).map(({ key: [stage, hour], rows }) => {
    return { stage, hour, rows: rows.length, objects: new Set(rows.map(({ path }) => path)).size };
  });
}

function windTurbines({ anomalies }: Lake): Answer {
  const turbines = anomalies.filter(({ row }) => row["wind_speed"] !== null || row["power_output"] !== null);
  return grouped(turbines, ({ row }) => [String(row["timestamp"]).slice(0, 10)]).map(({ key, rows }) => ({
    day: key[0],
    anomalies: rows.length,
    avg_wind_speed: mean(numbers(rows, "wind_speed")),
    avg_power_output: mean(numbers(rows, "power_output")),
  }));
}

/** Nothing is amiss in what the agent delivered: each object holds what its name says, each reading is judged once. */
function reconciliation({ raw }: Lake): Answer {
  return grouped(raw, ({ row }) => [row["node_id"], start(row["timestamp"], HOUR)]).map(({ key, rows }) => {
    const paths = [...new Set(rows.map(({ path }) => path))];
    const promised = paths.reduce((sum, path) => sum + Number(/\.(\d+)\.json\.gz$/.exec(path)?.[1]), 0);
    const clean = { duplicates: 0, in_no_stage: 0, in_two_stages: 0 };
    return { node_id: key[0], hour: key[1], objects: paths.length, promised, rows: rows.length, ...clean };
  });
}

function schemaEvolution({ raw }: Lake): Answer {
  const fields = raw.flatMap(({ row }) => {
    const extra = row["sensor_id"] === null || row["extra"] === null ? {} : JSON.parse(String(row["extra"]));
    return Object.keys(extra as object).map((field) => ({ field, row }));
  });
  return grouped(fields, ({ field, row }) => [field, row["node_id"]]).map(({ key, rows }) => {
    const times = rows.map(({ row }) => timeOf(row["timestamp"]));
    const text = (ms: number) => new Date(ms).toISOString();
    const [first, last] = [Math.min(...times), Math.max(...times)];
    return { field: key[0], node_id: key[1], readings: rows.length, first_seen: text(first), last_seen: text(last) };
  });
}

/** By the name of the query. */
export const ANSWERS: Readonly<Record<string, (lake: Lake) => Answer>> = {
  ingestion_rate: ingestionRate,
  anomaly_rate: anomalyRate,
  latency,
  throughput,
  wind_turbines: windTurbines,
  reconciliation,
  schema_evolution: schemaEvolution,
};
