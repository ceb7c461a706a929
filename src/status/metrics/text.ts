/** Metrics in Prometheus' text format, version 0.0.4. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { LagHistogram } from "../../agent/delivery/lag.ts";
import { METRICS } from "./all.ts";
import type { MetricSpec, Series } from "./metric.ts";
import type { NodeFacts } from "./node-facts.ts";

export async function metricsText(seen: NodeFacts): Promise<{ readonly type: string; readonly body: string }> {
  const registry = new Registry();
  for (const spec of METRICS) register(registry, spec, seen);
  return { type: registry.contentType, body: await registry.metrics() };
}

/** A metric without a series is left out. */
function register(registry: Registry, spec: MetricSpec, seen: NodeFacts): void {
  const { name, help, labels: labelNames } = spec;
  const head: MetricHead = { name, help, labelNames, registers: [registry] };
  if (spec.type === "histogram") {
    const series = spec.of(seen);
    if (series.length > 0) new CountedHistogram(head, spec.bounds, series);
    return;
  }
  const series = spec.of(seen);
  if (series.length === 0) return;
  if (spec.type === "gauge") {
    const gauge = new Gauge(head);
    for (const [labels, value] of series) gauge.set(labels, value);
  } else {
    const counter = new Counter(head);
    for (const [labels, value] of series) counter.inc(labels, value);
  }
}

type MetricHead = {
  readonly name: string;
  readonly help: string;
  labelNames: readonly string[];
  registers: Registry[];
};

/** The library counts what it observes; the agent has counted already. */
class CountedHistogram extends Histogram {
  readonly #head: MetricHead;
  readonly #bounds: readonly number[];
  readonly #series: Series<LagHistogram>;

  constructor(head: MetricHead, bounds: readonly number[], series: Series<LagHistogram>) {
    super({ ...head, buckets: [...bounds] });
    this.#head = head;
    this.#bounds = bounds;
    this.#series = series;
  }

  /** The registry asks this, `get` too. */
  async getForPromString() {
    const { name, help } = this.#head;
    const values = this.#series.flatMap(([labels, { buckets, rows, sumSeconds }]) => {
      let below = 0;
      const upTo = buckets.map((count, i) => {
        below += count;
        return { metricName: `${name}_bucket`, labels: { ...labels, le: this.#bounds[i] ?? "+Inf" }, value: below };
      });
      const sum = { metricName: `${name}_sum`, labels, value: sumSeconds };
      return [...upTo, sum, { metricName: `${name}_count`, labels, value: rows }];
    });
    return { name, help, type: "histogram", values, aggregator: "sum" };
  }
}
