/**
 * Looks for other agents that are at work under the name of this node, by the heartbeats in the metadata bucket. Two under one
 * name are two boards with one AGENT_NODE_ID, or one image on two boards. Where this identity may not read there, nothing is known,
 * and nothing is said.
 */
import { oneOf, text } from "../core/outside/scalar-shapes.ts";
import { anyNumber, atLeast, storedJson } from "../core/outside/stored-json.ts";
import type { Problem } from "../core/problem.ts";
import { heartbeatKey, heartbeatPrefix, isHeartbeatKey } from "../fleet/heartbeat.ts";
import { type MetadataBucket, NotFoundError } from "../uplink/object-store.ts";

/**
 * The last heartbeat of this agent. `upMs`: how long it had worked with this epoch then, by a clock that is never set. `sent`: the
 * times that its heartbeats since then had, also those without an answer.
 */
export type OwnHeartbeat = {
  readonly nodeId: string;
  readonly epoch: string;
  readonly sent: ReadonlySet<string>;
  readonly intervalMs: number;
  readonly upMs: number;
};

/** One that reports the epoch of this agent has a copy of its buffer. */
export type Namesake = { readonly epoch: string; readonly sentAt: string; readonly heardMs: number };

/** Heartbeats of another one that did not come, after which it is no longer at work. */
const MISSED = 3;
const anyText = text(/^/, "a text");
const OTHER = atLeast({
  node_id: anyText,
  epoch: anyText,
  state: oneOf(["running", "stopped"]),
  sent_at: anyText,
  interval_s: anyNumber,
});

/**
 * Another agent that is at work now, or null: none shows. Called before the next heartbeat replaces the last one. All times are of
 * the store's clock, so it does not matter whose clock is wrong. Throws what the bucket throws.
 */
export async function findNamesake(bucket: MetadataBucket, own: OwnHeartbeat): Promise<Namesake | null> {
  const heard: { readonly key: string; readonly storedMs: number }[] = [];
  for await (const { key, storedMs } of bucket.list(heartbeatPrefix(own.nodeId))) {
    if (isHeartbeatKey(key)) heard.push({ key, storedMs });
  }
  const ownKey = heartbeatKey(own.nodeId, own.epoch);
  const last = heard.find(({ key }) => key === ownKey);
  if (last === undefined) return null;
  const begunMs = last.storedMs - own.upMs;
  // An epoch that ended where this one began reports no more from then on.
  const since = heard.filter(({ key, storedMs }) => key === ownKey || storedMs > begunMs + own.intervalMs);
  for (const { key, storedMs } of since.sort((a, b) => b.storedMs - a.storedMs)) {
    const other = await reportIn(bucket, key);
    if (other === null || other.node_id !== own.nodeId || other.state !== "running") continue;
    const isOwn = other.epoch === own.epoch && (key !== ownKey || own.sent.has(other.sent_at));
    const isSilent = last.storedMs - storedMs > MISSED * 1_000 * other.interval_s;
    if (!isOwn && !isSilent) {
      return { epoch: other.epoch, sentAt: other.sent_at, heardMs: storedMs };
    }
  }
  return null;
}

async function reportIn(bucket: MetadataBucket, key: string) {
  try {
    return storedJson(OTHER, new TextDecoder().decode(await bucket.get(key)));
  } catch (error) {
    // It was deleted after it was listed.
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}

/** Of another agent with another epoch: one with the same epoch ends, as far as this agent is concerned, with a new one. */
function problemOf({ epoch, heardMs }: Namesake, nodeId: string): Problem {
  const message =
    `Another agent is at work under the name of this node, "${nodeId}", with epoch ${epoch} (last heard ` +
    `${new Date(heardMs).toISOString()}). Nothing is lost, but the fleet shows the two as one node. Set another AGENT_NODE_ID on one of them`;
  return { code: "two_agents", message, try: "agent config show" };
}

/** Heartbeats between two looks: a listing is cheap, and not free. */
const BETWEEN_LOOKS = 10;

/** Looks now and then, and remembers what it saw. */
export class Namesakes {
  #problem: Problem | null = null;
  #beats = 0;
  /** A report of this epoch that is not ours was seen once: it may be one that a dead process sent. */
  #suspect: string | null = null;

  problems(): Problem[] {
    return this.#problem === null ? [] : [this.#problem];
  }

  /** Called before each heartbeat but the first. True: another agent is at work with this very epoch. Never throws. */
  async look(bucket: MetadataBucket, own: OwnHeartbeat): Promise<boolean> {
    if (this.#suspect === null && this.#beats++ % BETWEEN_LOOKS !== 0) return false;
    let found: Namesake | null;
    try {
      found = await findNamesake(bucket, own);
    } catch {
      // Most keys of a node may only put, and a store that is away now is back later.
      return false;
    }
    const isCopy = found?.epoch === own.epoch;
    this.#problem = found === null || isCopy ? null : problemOf(found, own.nodeId);
    const isSeenTwice = isCopy && this.#suspect !== null && this.#suspect !== found?.sentAt;
    this.#suspect = isCopy && !isSeenTwice ? (found?.sentAt ?? null) : null;
    return isSeenTwice;
  }
}
