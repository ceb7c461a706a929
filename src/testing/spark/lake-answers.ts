/**
 * What each query of notebooks/queries.sql must answer, computed from the rows that the agent delivered and from nothing of
 * Spark's. Rows are seen one at a time and let go, so that a day of them fits in memory.
 */
import { BAD_FIELDS, RECEIVED_TIME } from "../../core/reading.ts";
import type { Stage } from "../../core/stage.ts";
import { Groups, isoOf, type Tally, textOf, timeOf } from "../tally.ts";
import { fleet } from "./fleet-answer.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
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
        if (field === BAD_FIELDS || field === RECEIVED_TIME) continue;
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
