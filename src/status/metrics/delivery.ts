/** Metrics of the flow: what was taken in, what each stage delivered and how late, what waits, what was lost. */
import { LAG_BUCKETS_S } from "../../agent/delivery/lag.ts";
import { LATE } from "../../buffer/late-readings.ts";
import { STAGES } from "../../core/stage.ts";
import { type MetricSpec, plain } from "./metric.ts";
import type { NodeFacts } from "./node-facts.ts";

/** There from the start, at 0: an increase is not seen in a series that begins with it. */
const LOSS_REASONS = ["buffer_full", "pruned", "buffer_corrupt", LATE];

type StageStatus = NodeFacts["status"]["stages"]["raw"];
const ofStages = (value: (stage: StageStatus, seen: NodeFacts) => number) => (seen: NodeFacts) =>
  STAGES.map((stage) => [{ stage }, value(seen.status.stages[stage], seen)] as const);

type StageTotals = NodeFacts["counts"]["totals"]["stages"]["raw"];
const ofTotals = (value: (totals: StageTotals) => number) => (seen: NodeFacts) =>
  STAGES.map((stage) => [{ stage }, value(seen.counts.totals.stages[stage])] as const);

const delivered: readonly MetricSpec[] = [
  plain(
    "counter",
    "agent_anomalies_total",
    "Readings that broke a rule, and malformed ones, since the agent started.",
    ({ counts }) => counts.totals.anomalies,
  ),
  {
    type: "counter",
    since: "buffer",
    name: "agent_rows_delivered_total",
    help: "Rows that the store has.",
    labels: ["stage"],
    of: ofStages(({ delivered: rows }) => rows),
  },
  {
    type: "counter",
    name: "agent_objects_delivered_total",
    help: "Objects that the store took since the agent started.",
    labels: ["stage"],
    of: ofTotals(({ objects }) => objects),
  },
  {
    type: "counter",
    name: "agent_delivered_bytes_total",
    help: "Of these objects, as they were sent.",
    labels: ["stage"],
    of: ofTotals(({ bytes }) => bytes),
  },
  {
    type: "histogram",
    name: "agent_delivery_lag_seconds",
    help: "From the time of a reading to its stored object, since the agent started; of aggregated, from the window's end.",
    labels: ["stage"],
    bounds: LAG_BUCKETS_S,
    of: ({ counts }) => STAGES.map((stage) => [{ stage }, counts.lag(stage)]),
  },
];

const waiting: readonly MetricSpec[] = [
  {
    type: "gauge",
    name: "agent_rows_pending",
    help: "Rows that wait to be delivered.",
    labels: ["stage"],
    of: ofStages(({ pending }) => pending),
  },
  {
    type: "gauge",
    name: "agent_rows_parked",
    help: "Rows that the store refused for good.",
    labels: ["stage"],
    of: ofStages(({ parked }) => parked),
  },
  {
    type: "gauge",
    name: "agent_oldest_pending_seconds",
    help: "How long the oldest row that waits has waited; 0: none waits.",
    labels: ["stage"],
    of: ofStages(({ oldest_pending_at: at }, { nowMs }) =>
      at === null ? 0 : Math.max(0, (nowMs - Date.parse(at)) / 1_000),
    ),
  },
  plain(
    "gauge",
    "agent_rows_pending_uncounted",
    "Readings of a long backlog that are not counted in agent_rows_pending yet, but for raw.",
    ({ status }) => status.uncounted,
  ),
  plain("gauge", "agent_open_windows", "Windows that are not due yet.", ({ status }) => status.open_windows),
];

const trouble: readonly MetricSpec[] = [
  plain("gauge", "agent_uplink_up", "1 when the store took what was last sent.", ({ status }) =>
    status.uplink.state === "up" ? 1 : 0,
  ),
  {
    type: "counter",
    name: "agent_delivery_failures_total",
    help: "Puts that failed since the agent started: unreachable and denied ones are tried again, refused ones are halved or parked.",
    labels: ["reason"],
    of: ({ counts }) => Object.entries(counts.totals.failures).map(([reason, count]) => [{ reason }, count]),
  },
  plain(
    "counter",
    "agent_object_conflicts_total",
    "Keys of batches that objects of others had taken; their rows were sent again under another epoch.",
    ({ status }) => status.collisions.conflicts,
  ),
  plain(
    "counter",
    "agent_objects_unseen_total",
    "Keys of new batches that were taken by objects at which this identity may not look.",
    ({ status }) => status.collisions.unseen,
  ),
  {
    type: "counter",
    since: "buffer",
    name: "agent_readings_lost_total",
    help: "Readings that were accepted and could not be kept.",
    labels: ["reason"],
    of: ({ status: { losses } }) => {
      const reasons = new Set([...LOSS_REASONS, ...losses.map(({ reason }) => reason)]);
      return [...reasons].map((reason) => [
        { reason },
        losses.reduce((sum, loss) => sum + (loss.reason === reason ? loss.count : 0), 0),
      ]);
    },
  },
  plain(
    "gauge",
    "agent_losses_uncounted",
    "Losses whose number of readings is unknown.",
    ({ status }) => status.losses.filter(({ counted }) => !counted).length,
  ),
];

export const DELIVERY_METRICS = [...delivered, ...waiting, ...trouble];
