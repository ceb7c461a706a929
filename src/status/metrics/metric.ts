/**
 * What a metric is, before it is text for Prometheus or a message of OTLP. Names are by the conventions of Prometheus: base units
 * (seconds, bytes), `_total` at the end of what only grows. Every series is bounded: by the stages, the settings, or a stated number.
 */
import type { LagHistogram } from "../../agent/delivery/lag.ts";
import type { NodeFacts } from "./node-facts.ts";

export type Labels = Readonly<Record<string, string>>;
export type Series<Value> = readonly (readonly [labels: Labels, value: Value])[];

type MetricHead = { readonly name: string; readonly help: string; readonly labels: readonly string[] };
export type MetricSpec =
  /** Facts of now. */
  | (MetricHead & { readonly type: "gauge"; readonly of: (seen: NodeFacts) => Series<number> })
  /** Counts that only grow: since the agent started, or in the life of its buffer. */
  | (MetricHead & {
      readonly type: "counter";
      readonly since?: "buffer";
      readonly of: (seen: NodeFacts) => Series<number>;
    })
  /** `bounds`: upper limits of the buckets; one more takes what is above the last. */
  | (MetricHead & {
      readonly type: "histogram";
      readonly bounds: readonly number[];
      readonly of: (seen: NodeFacts) => Series<LagHistogram>;
    });

/** A metric with one series, without labels; null: there is no such fact now. */
export function plain(
  type: "gauge" | "counter",
  name: string,
  help: string,
  of: (seen: NodeFacts) => number | null,
): MetricSpec {
  const series = (value: number | null): Series<number> => (value === null ? [] : [[{}, value]]);
  return { type, name, help, labels: [], of: (seen) => series(of(seen)) };
}
