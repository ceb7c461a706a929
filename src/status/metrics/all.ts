/** Every metric of the agent. `docs/monitoring/metrics.md` has the same list; a test compares. */
import { DELIVERY_METRICS } from "./delivery.ts";
import type { MetricSpec } from "./metric.ts";
import { NODE_METRICS } from "./node.ts";
import { RULE_METRICS } from "./rules.ts";

export const METRICS: readonly MetricSpec[] = [...NODE_METRICS, ...DELIVERY_METRICS, ...RULE_METRICS];
