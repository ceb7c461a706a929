/** Heartbeats as nodes would send them, and those that lie in a folder that is a store. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { metadataBucketOf } from "../../core/stage.ts";
import { type Heartbeat, heartbeatPrefix, isHeartbeatKey, NODES_PREFIX } from "../../fleet/heartbeat.ts";

export function heartbeatOf(node: string, more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    node_id: node,
    epoch: "01jd3v7hx8q2m5n9r4t6w8y0za",
    agent_version: "0.9.0",
    rules_version: "a1b2c3d4e5f6",
    sent_at: "2026-11-24T08:00:00.000Z",
    started_at: "2026-11-24T07:00:00.000Z",
    state: "running",
    // So long that a slow test does not make it silent.
    interval_s: 3_600,
    health: "ok",
    problems: [],
    accepted: 10,
    refused: 0,
    pending: 0,
    oldest_pending_at: null,
    losses: 0,
    parked: 0,
    rules_refused: 0,
    silent_sensors: 0,
    buffer_bytes: 4_096,
    buffer_limit_bytes: 1e9,
    ...more,
  };
}

export type StoredHeartbeat = { readonly row: Heartbeat; readonly receivedMs: number };

/** Those in the lake's folder that are whole. */
export function storedHeartbeats(lake: string, prefix: string, region: string): StoredHeartbeat[] {
  const bucket = join(lake, metadataBucketOf(prefix, region));
  const nodes = existsSync(join(bucket, NODES_PREFIX)) ? readdirSync(join(bucket, NODES_PREFIX)) : [];
  const keys = nodes.flatMap((node) =>
    readdirSync(join(bucket, NODES_PREFIX, node))
      .map((name) => `${heartbeatPrefix(node)}${name}`)
      .filter(isHeartbeatKey),
  );
  return keys.flatMap((key) => {
    const path = join(bucket, key);
    const [line = "", ...more] = readFileSync(path, "utf8").split("\n");
    if (!line.endsWith("}") || more.join("") !== "") return [];
    return [{ row: JSON.parse(line) as Heartbeat, receivedMs: Math.floor(statSync(path).mtimeMs) }];
  });
}
