/** What the query `fleet` must answer: each node by its readings and by the heartbeat that is in the bucket. */
import {
  type AnswerRows,
  Groups,
  isoOf,
  type LakeRow,
  type ReadHeartbeat,
  type Tally,
  textOf,
  timeOf,
} from "../tally.ts";

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

  answer(node_id: string | null): AnswerRows[number] {
    const { row, receivedMs } = this.heartbeat ?? { row: null, receivedMs: null };
    const timeFrom = (ms: number) => (ms === 0 ? null : isoOf(ms));
    return {
      node_id,
      state: this.state,
      agent_version: row?.agent_version ?? this.agentVersion,
      rules_version: row?.rules_version ?? this.rulesVersion,
      heartbeat_at: receivedMs === null ? null : isoOf(receivedMs),
      problems: row === null || row.problems.length === 0 ? null : row.problems.join("; "),
      accepted: row?.accepted ?? null,
      pending: row?.pending ?? null,
      losses: row?.losses ?? null,
      buffers: this.buffers.size,
      sensors: this.sensors.size,
      readings: this.readings,
      anomalies: this.anomalies,
      unsure_times: this.unsure,
      last_reading_at: timeFrom(this.lastReadingMs),
      last_ingested_at: timeFrom(this.lastIngestedMs),
      last_landed_at: timeFrom(this.lastLandedMs),
    };
  }
}

export function fleet(): Tally {
  const nodes = new Groups(() => new NodeView());
  return {
    see: (one) => {
      if (one.stage === "raw") nodes.at(textOf(one.row["node_id"])).see(one);
      if (one.stage === "anomalies") nodes.at(textOf(one.row["node_id"])).anomalies++;
    },
    hear: (heartbeat) => {
      const node = nodes.at(heartbeat.row.node_id);
      // A node may have had several epochs: the newest report is the node's.
      if (node.heartbeat === null || node.heartbeat.receivedMs < heartbeat.receivedMs) node.heartbeat = heartbeat;
    },
    answer: () => nodes.inOrder().map(([[node_id = null], node]) => node.answer(node_id)),
  };
}
