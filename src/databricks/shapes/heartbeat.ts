/** A heartbeat as an agent writes it, read back: src/fleet/heartbeat.ts. A newer agent may report more. */
import { Text, type } from "./ark.ts";

const Count = type("number.integer >= 0");
const Time = type("string.date.iso").describe("a time in ISO 8601");

export const HeartbeatLine = type({
  node_id: Text,
  epoch: Text,
  agent_version: Text,
  rules_version: "string | null",
  sent_at: Time,
  started_at: Time,
  state: "'running' | 'stopped'",
  interval_s: "number > 0",
  health: "'ok' | 'degraded'",
  problems: "string[]",
  accepted: Count,
  refused: Count,
  pending: Count,
  oldest_pending_at: Time.or("null"),
  losses: Count,
  parked: Count,
  rules_refused: Count,
  silent_sensors: Count,
  buffer_bytes: "number >= 0",
  buffer_limit_bytes: "number >= 0",
});
export type HeartbeatLine = typeof HeartbeatLine.infer;
