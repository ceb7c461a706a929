/**
 * Metrics as a message of OTLP. Loaded only where they are pushed. The exporter takes what the agent has counted; nothing of the SDK
 * counts beside it. It makes at most a few tries within its time, and holds one message.
 */
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { METRICS } from "./all.ts";
import type { Labels, MetricSpec } from "./metric.ts";
import type { NodeFacts } from "./node-facts.ts";

export type OtlpTarget = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For a push, its repeated tries too. */
  readonly timeoutMs: number;
};

export class OtlpExporter {
  readonly #exporter: OTLPMetricExporter;

  constructor({ url, headers, timeoutMs }: OtlpTarget) {
    this.#exporter = new OTLPMetricExporter({ url, headers, timeoutMillis: timeoutMs, concurrencyLimit: 1 });
  }

  /** Throws where the receiver did not take them. */
  async push(facts: NodeFacts): Promise<void> {
    const { error, code } = await new Promise<{ readonly code: number; readonly error?: Error | undefined }>((done) => {
      this.#exporter.export(resourceMetrics(facts), ({ code, error }) => done({ code, error }));
    });
    if (code !== 0) throw error ?? new Error("the receiver did not take them");
  }

  close(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

function resourceMetrics(facts: NodeFacts): ResourceMetrics {
  const { agent_version: version, node_id: node } = facts.status;
  const attributes = { "service.name": "agent", "service.version": version, "service.instance.id": node };
  const metrics = METRICS.flatMap((spec) => metricData(spec, facts) ?? []);
  return {
    resource: resourceFromAttributes(attributes),
    scopeMetrics: [{ scope: { name: "agent", version }, metrics }],
  };
}

/** Null: the metric has no series now. */
function metricData(spec: MetricSpec, facts: NodeFacts): MetricData | null {
  const { name, help: description } = spec;
  // The API's `ValueType.DOUBLE`: the one thing that is needed of that package.
  const descriptor = { name, description, unit: unitOf(name), valueType: 1 };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  // Counters of a buffer began before this process, at a time that is not known.
  const since = timeOf(spec.type === "counter" && spec.since === "buffer" ? 0 : facts.startedAtMs);
  const now = timeOf(facts.nowMs);
  const point = <T>([attributes, value]: readonly [Labels, T]) => ({
    startTime: since,
    endTime: now,
    attributes,
    value,
  });
  if (spec.type === "histogram") {
    const dataPoints = spec.of(facts).map(([labels, { buckets, rows, sumSeconds }]) => {
      const counted = { boundaries: [...spec.bounds], counts: [...buckets] };
      return point([labels, { buckets: counted, sum: sumSeconds, count: rows }]);
    });
    const dataPointType = DataPointType.HISTOGRAM;
    return dataPoints.length === 0 ? null : { descriptor, aggregationTemporality, dataPointType, dataPoints };
  }
  const dataPoints = spec.of(facts).map(point);
  if (dataPoints.length === 0) return null;
  return spec.type === "gauge"
    ? { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints }
    : { descriptor, aggregationTemporality, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
}

/** As UCUM writes it; names have it already, so that a receiver changes none of them. */
function unitOf(name: string): string {
  if (/_seconds(_total)?$/.test(name)) return "s";
  return /_bytes(_total)?$/.test(name) ? "By" : "";
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
