/**
 * What each query of notebooks/queries.sql must answer, computed from the rows that the agent delivered and from nothing of
 * Spark's. Rows are seen one at a time and let go, so that a day of them fits in memory.
 */
import type { Stage } from "../core/stage.ts";
import type { StoredHeartbeat } from "./heartbeats.ts";

export type LakeRow = {
  readonly stage: Stage;
  readonly row: Readonly<Record<string, unknown>>;
  /** The path of its object in the bucket. */
  readonly path: string;
  /** When it came into its table. */
  readonly processedMs: number;
};
export type Answer = Readonly<Record<string, unknown>>[];
export type ReadHeartbeat = StoredHeartbeat & {
  /** When the bucket was read. */
  readonly readMs: number;
};
/** Is shown every row of every table and every whole heartbeat, in any order, and then says what the query answers. */
export interface Tally {
  see(one: LakeRow): void;
  /** Only for a query that asks for heartbeats. */
  hear?(one: ReadHeartbeat): void;
  answer(): Answer;
}

type Key = readonly (string | null)[];

/** What is known of each group, in order of their keys. */
class Groups<T> {
  readonly #groups = new Map<string, { readonly key: Key; readonly held: T }>();
  readonly #make: () => T;

  constructor(make: () => T) {
    this.#make = make;
  }

  at(...key: Key): T {
    const name = JSON.stringify(key);
    const known = this.#groups.get(name) ?? { key, held: this.#make() };
    this.#groups.set(name, known);
    return known.held;
  }

  inOrder(): (readonly [Key, T])[] {
    const groups = [...this.#groups.values()].sort((a, b) => compare(a.key, b.key));
    return groups.map(({ key, held }) => [key, held]);
  }
}

/** null comes first, as in Spark. */
function compare(a: Key, b: Key): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  if (at < 0) return 0;
  const [left = null, right = null] = [a[at], b[at]];
  return left === null || (right !== null && left < right) ? -1 : 1;
}

const HOUR = 3_600_000;
const MINUTE = 60_000;
const textOf = (value: unknown) => (value === null || value === undefined ? null : String(value));
const timeOf = (value: unknown) => Date.parse(String(value));
const isoOf = (ms: number) => new Date(ms).toISOString();
/** The start of the span that a time is in. */
const start = (value: unknown, spanMs: number) => isoOf(Math.floor(timeOf(value) / spanMs) * spanMs);

class Mean {
  #sum = 0;
  #values = 0;
  see(value: unknown): void {
    if (typeof value !== "number") return;
    this.#sum += value;
    this.#values++;
  }
  get value(): number | null {
    return this.#values === 0 ? null : this.#sum / this.#values;
  }
}

/** Eight bytes each: a day has a million. */
class Delays {
  #values = new Float64Array(1_024);
  #count = 0;
  see(ms: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = ms;
  }
  /** The values below which these shares of all are, between two of them in proportion. */
  percentiles(shares: readonly number[]): number[] {
    const inOrder = this.#values.slice(0, this.#count).sort();
    return shares.map((share) => {
      const at = share * (inOrder.length - 1);
      const [below, above] = [inOrder[Math.floor(at)]!, inOrder[Math.ceil(at)]!];
      return below + (above - below) * (at - Math.floor(at));
    });
  }
}

function ingestionRate(): Tally {
  const groups = new Groups(() => ({ readings: 0 }));
  return {
    see: ({ stage, row }) => {
      if (stage === "raw") groups.at(start(row["ingested_at"], MINUTE), textOf(row["node_id"])).readings++;
    },
    answer: () => groups.inOrder().map(([[minute, node_id], { readings }]) => ({ minute, node_id, readings })),
  };
}

function anomalyRate(): Tally {
  const taken = new Groups(() => ({ readings: 0 }));
  const broken = new Groups(() => ({ anomalies: 0 }));
  return {
    see: ({ stage, row }) => {
      const sensor = textOf(row["sensor_id"]);
      if (stage === "raw") taken.at(sensor).readings++;
      if (stage === "anomalies")
        for (const rule of row["anomaly_rules"] as string[]) broken.at(rule, sensor).anomalies++;
    },
    answer: () =>
      broken.inOrder().map(([[rule, sensor_id = null], { anomalies }]) => {
        const { readings } = taken.at(sensor_id);
        return { rule, sensor_id, anomalies, readings, rate: anomalies / readings };
      }),
  };
}

function latency(): Tally {
  const groups = new Groups(() => new Delays());
  return {
    see: ({ stage, row, processedMs }) => {
      if (stage !== "raw") return;
      const [sensed, kept] = [timeOf(row["timestamp"]), timeOf(row["ingested_at"])];
      const node = textOf(row["node_id"]);
      groups.at(node, "sensor to buffer").see(kept - sensed);
      groups.at(node, "buffer to table").see(processedMs - kept);
      groups.at(node, "sensor to table").see(processedMs - sensed);
    },
    answer: () =>
      groups.inOrder().map(([[node_id, step], delays]) => {
        const [p50_ms, p95_ms, p99_ms] = delays.percentiles([0.5, 0.95, 0.99]);
        return { node_id, step, p50_ms, p95_ms, p99_ms };
      }),
  };
}

function schemaEvolution(): Tally {
  const groups = new Groups(() => ({ readings: 0, first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY }));
  return {
    see: ({ stage, row }) => {
      if (stage !== "raw" || row["sensor_id"] === null || textOf(row["extra"]) === null) return;
      const at = timeOf(row["timestamp"]);
      for (const field of Object.keys(JSON.parse(String(row["extra"])) as object)) {
        const group = groups.at(field, textOf(row["node_id"]));
        group.readings++;
        group.first = Math.min(group.first, at);
        group.last = Math.max(group.last, at);
      }
    },
    answer: () =>
      groups.inOrder().map(([[field, node_id], { readings, first, last }]) => {
        return { field, node_id, readings, first_seen: isoOf(first), last_seen: isoOf(last) };
      }),
  };
}

const IN_ORDER: Record<Stage, string> = {
  raw: "1 raw",
  validated: "2 validated",
  anomalies: "3 anomalies",
  schematized: "4 schematized",
  aggregated: "5 aggregated",
};

function throughput(): Tally {
  const groups = new Groups(() => ({ rows: 0, objects: new Set<string>() }));
  return {
    see: ({ stage, row, path }) => {
      const group = groups.at(IN_ORDER[stage], start(row["window_start"] ?? row["timestamp"], HOUR));
      group.rows++;
      group.objects.add(path);
    },
    answer: () =>
      groups.inOrder().map(([[stage, hour], { rows, objects }]) => ({ stage, hour, rows, objects: objects.size })),
  };
}

function windTurbines(): Tally {
  const groups = new Groups(() => ({ anomalies: 0, wind: new Mean(), power: new Mean() }));
  return {
    see: ({ stage, row }) => {
      if (stage !== "anomalies" || (textOf(row["wind_speed"]) ?? textOf(row["power_output"])) === null) return;
      const group = groups.at(String(row["timestamp"]).slice(0, 10));
      group.anomalies++;
      group.wind.see(row["wind_speed"]);
      group.power.see(row["power_output"]);
    },
    answer: () =>
      groups.inOrder().map(([[day], { anomalies, wind, power }]) => {
        return { day, anomalies, avg_wind_speed: wind.value, avg_power_output: power.value };
      }),
  };
}

/** Nothing is amiss in what the agent delivered: each object holds what its name says, each reading is judged once. */
function reconciliation(): Tally {
  const groups = new Groups(() => ({ rows: 0, objects: new Set<string>() }));
  return {
    see: ({ stage, row, path }) => {
      if (stage !== "raw") return;
      const group = groups.at(textOf(row["node_id"]), start(row["timestamp"], HOUR));
      group.rows++;
      group.objects.add(path);
    },
    answer: () =>
      groups.inOrder().map(([[node_id, hour], { rows, objects }]) => {
        const promised = [...objects].reduce((sum, path) => sum + Number(/\.(\d+)\.json\.gz$/.exec(path)?.[1]), 0);
        const clean = { duplicates: 0, in_no_stage: 0, in_two_stages: 0 };
        return { node_id, hour, objects: objects.size, accepted: rows, promised, rows, ...clean };
      }),
  };
}

class NodeView {
  readonly buffers = new Set<string>();
  readonly sensors = new Set<string>();
  readings = 0;
  anomalies = 0;
  unsure = 0;
  lastReadingMs = 0;
  lastLandedMs = 0;
  lastIngestedMs = 0;
  agentVersion: unknown = null;
  rulesVersion: unknown = null;
  heartbeat: ReadHeartbeat | null = null;

  see({ row, processedMs }: LakeRow): void {
    this.readings++;
    this.buffers.add(String(row["reading_id"]).slice(0, 26));
    const sensor = textOf(row["sensor_id"]);
    if (sensor !== null) this.sensors.add(sensor);
    if (row["time_quality"] !== "ok") this.unsure++;
    this.lastReadingMs = Math.max(this.lastReadingMs, timeOf(row["timestamp"]));
    this.lastLandedMs = Math.max(this.lastLandedMs, processedMs);
    const ingestedMs = timeOf(row["ingested_at"]);
    if (ingestedMs < this.lastIngestedMs) return;
    this.lastIngestedMs = ingestedMs;
    this.agentVersion = row["agent_version"];
    this.rulesVersion = row["rules_version"];
  }

  get state(): string {
    if (this.heartbeat === null) return "no heartbeat";
    const { row, receivedMs, readMs } = this.heartbeat;
    if (row.state === "stopped") return "stopped";
    if (readMs - receivedMs > 3 * row.interval_s * 1_000) return "silent";
    return row.health;
  }

  answer(node_id: string | null): Answer[number] {
    const { row, receivedMs } = this.heartbeat ?? { row: null, receivedMs: null };
    const timeFrom = (ms: number) => (ms === 0 ? null : isoOf(ms));
    return {
      ...{ node_id, state: this.state },
      agent_version: row?.agent_version ?? this.agentVersion,
      rules_version: row?.rules_version ?? this.rulesVersion,
      heartbeat_at: receivedMs === null ? null : isoOf(receivedMs),
      problems: row === null || row.problems.length === 0 ? null : row.problems.join("; "),
      ...{ accepted: row?.accepted ?? null, pending: row?.pending ?? null, losses: row?.losses ?? null },
      ...{ buffers: this.buffers.size, sensors: this.sensors.size },
      ...{ readings: this.readings, anomalies: this.anomalies, unsure_times: this.unsure },
      last_reading_at: timeFrom(this.lastReadingMs),
      last_ingested_at: timeFrom(this.lastIngestedMs),
      last_landed_at: timeFrom(this.lastLandedMs),
    };
  }
}

function fleet(): Tally {
  const nodes = new Groups(() => new NodeView());
  return {
    see: (one) => {
      if (one.stage === "raw") nodes.at(textOf(one.row["node_id"])).see(one);
      if (one.stage === "anomalies") nodes.at(textOf(one.row["node_id"])).anomalies++;
    },
    hear: (heartbeat) => {
      nodes.at(heartbeat.row.node_id).heartbeat = heartbeat;
    },
    answer: () => nodes.inOrder().map(([[node_id = null], node]) => node.answer(node_id)),
  };
}

/** By the name of the query, in the order of the file. */
export const ANSWERS: Readonly<Record<string, () => Tally>> = {
  ingestion_rate: ingestionRate,
  anomaly_rate: anomalyRate,
  latency,
  schema_evolution: schemaEvolution,
  throughput,
  wind_turbines: windTurbines,
  reconciliation,
  fleet,
};
