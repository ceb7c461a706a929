/**
 * What a node reports of itself, as an object in the metadata bucket: one for each epoch of a node, replaced every
 * AGENT_HEARTBEAT. Two agents under one name are two epochs, and neither hides the other. It is not a reading, and no promise covers it: one that cannot be sent is not sent later, the next one is newer.
 */
import { bytesOf } from "../core/bytes/bytes.ts";
import type { Column } from "../core/column.ts";

/** The row in the object: one line of JSON. Times are ISO 8601 of the node's clock; counts are of its buffer. */
export type Heartbeat = {
  readonly node_id: string;
  readonly epoch: string;
  readonly agent_version: string;
  readonly rules_version: string | null;
  readonly sent_at: string;
  readonly started_at: string;
  /** `stopped`: the last report of an agent that ended in order. */
  readonly state: "running" | "stopped";
  /** A node that is running reports again after this. */
  readonly interval_s: number;
  readonly health: "ok" | "degraded";
  readonly problems: readonly string[];
  readonly accepted: number;
  readonly refused: number;
  readonly pending: number;
  readonly oldest_pending_at: string | null;
  readonly losses: number;
  readonly parked: number;
  readonly rules_refused: number;
  readonly silent_sensors: number;
  readonly buffer_bytes: number;
  readonly buffer_limit_bytes: number;
};

type HeartbeatRow = { readonly [Name in keyof Heartbeat]: Omit<Column, "name"> };

const ROW: HeartbeatRow = {
  node_id: { type: "text", nullable: false, doc: "The machine that the agent runs on" },
  epoch: { type: "text", nullable: false, doc: "Its buffer" },
  agent_version: { type: "text", nullable: false, doc: "Of the agent that runs there" },
  rules_version: { type: "text", nullable: true, doc: "The rule set in force" },
  sent_at: { type: "timestamp", nullable: false, doc: "When it sent this, by its own clock" },
  started_at: {
    type: "timestamp",
    nullable: false,
    doc: "Since when the agent runs with this buffer, by sent_at and a clock that is never set",
  },
  state: { type: "text", nullable: false, doc: "running, or stopped: the last report of an agent that ended in order" },
  interval_s: { type: "number", nullable: false, doc: "Seconds until the next heartbeat" },
  health: { type: "text", nullable: false, doc: "ok or degraded, as `agent status` says" },
  problems: { type: "list of text", nullable: false, doc: "What is wrong, as `code: message`; the first 20" },
  accepted: { type: "integer", nullable: false, doc: "Readings that were ever accepted into this buffer" },
  refused: { type: "integer", nullable: false, doc: "Of these, what was too malformed to be a reading" },
  pending: { type: "integer", nullable: false, doc: "Readings not yet in the raw bucket" },
  oldest_pending_at: { type: "timestamp", nullable: true, doc: "When the oldest of them was taken" },
  losses: {
    type: "integer",
    nullable: false,
    doc: "Readings that were accepted and could not be kept, as far as counted",
  },
  parked: { type: "integer", nullable: false, doc: "Objects that the store refused for good" },
  rules_refused: { type: "integer", nullable: false, doc: "Problems of a rules folder that is not in force" },
  silent_sensors: { type: "integer", nullable: false, doc: "Sensors that a rule of silence misses now; the first 50" },
  buffer_bytes: { type: "integer", nullable: false, doc: "What the buffer takes" },
  buffer_limit_bytes: { type: "integer", nullable: false, doc: "What it may take" },
};

/** In the order of the row. */
export const HEARTBEAT_COLUMNS: readonly Column[] = Object.entries(ROW).map(([name, column]) => ({ name, ...column }));

/** Nodes report below this, each under its own name. A node may write nothing else in the metadata bucket. */
export const NODES_PREFIX = "nodes/";

/**
 * The epoch is a part of it: two agents under one name never replace the report of each other. Earlier builds of 0.1.0 wrote one
 * object for a node, without an epoch, and readers take both.
 */
export function heartbeatKey(nodeId: string, epoch?: string): string {
  return `${heartbeatPrefix(nodeId)}heartbeat.${epoch === undefined ? "" : `${epoch}.`}json`;
}

/** Below this are the heartbeats of one node, of all its epochs. */
export function heartbeatPrefix(nodeId: string): string {
  return `${NODES_PREFIX}${nodeId}/`;
}

const HEARTBEAT_KEY = /^nodes\/[^/]+\/heartbeat\.(?:(?<epoch>[0-9a-hjkmnp-tv-z]{26})\.)?json$/;

/** Whether an object is a node's heartbeat, and not another object below its name. */
export function isHeartbeatKey(key: string): boolean {
  return HEARTBEAT_KEY.test(key);
}

/** The epoch in the key of a heartbeat; null: it has none, or it is another object. */
export function epochInKey(key: string): string | null {
  return HEARTBEAT_KEY.exec(key)?.groups?.["epoch"] ?? null;
}

/** The object: one line. */
export function heartbeatBody(heartbeat: Heartbeat): Uint8Array {
  return bytesOf(`${JSON.stringify(heartbeat)}\n`);
}
