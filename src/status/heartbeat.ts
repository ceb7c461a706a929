/**
 * Reports to the fleet how this node is: its status as an object in the metadata bucket, replaced regularly while `run`
 * works. Readings come first: while the store is down it sends nothing, and a failure here does not degrade health.
 */
import { resolve } from "node:path";
import type { LiveReport } from "../agent/live.ts";
import type { OpenAgent } from "../agent/open-agent.ts";
import { AgentError, messageOf, TransientError } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import { redactor } from "../core/log/redact.ts";
import type { Problem } from "../core/problem.ts";
import { type Settings, secretsOf } from "../core/settings/settings.ts";
import { type Heartbeat, heartbeatBody, heartbeatKey } from "../fleet/heartbeat.ts";
import { countBacklog, type LiveStatus, liveStatus } from "./live-status.ts";
import { Namesakes } from "./namesakes.ts";

/** While the store is down, the heartbeat checks this often whether it is back. */
const DOWN_MS = 1_000;
/** How long a stop waits for the last heartbeat: the whole stop takes at most 700 ms. */
const LAST_WORD_MS = { stopped: 200, finished: 5_000 };
/** A heartbeat waits this long for readings to be counted. */
const COUNT_MS = 500;
const PROBLEMS_TOLD = 20;
const PROBLEM_CHARS = 500;

export class RunHeartbeat {
  readonly #settings: Settings;
  readonly #dataDir: string;
  readonly #log: Log;
  readonly #redact: (text: string) => string;
  readonly #over = new AbortController();
  #isEnding = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> = Promise.resolve();
  #sentAtMs: number | null = null;
  #error: string | null = null;
  #warned = false;
  readonly #namesakes = new Namesakes();
  /** Of the epoch that was sent last: since when, in running time, and what was sent since the last answer. */
  #own: { readonly epoch: string; readonly sinceMs: number; upMs: number; sent: Set<string> } | null = null;

  constructor(settings: Settings, cwd: string, log: Log) {
    this.#settings = settings;
    this.#dataDir = resolve(cwd, settings.dataDir);
    this.#log = log;
    this.#redact = redactor(secretsOf(settings));
  }

  /** Null where heartbeats are off. */
  report(): LiveReport["heartbeat"] {
    if (this.#settings.heartbeat === null) return null;
    return { sentAtMs: this.#sentAtMs, error: this.#error };
  }

  /** Another agent that reports under the name of this node. */
  problems(): readonly Problem[] {
    return this.#namesakes.problems();
  }

  /** The first one goes out at once. */
  begin(opened: OpenAgent): void {
    const intervalMs = this.#settings.heartbeat;
    if (intervalMs === null) return;
    const next = (waitMs: number) => {
      // No heartbeat follows the last one.
      if (this.#isEnding) return;
      this.#timer = setTimeout(turn, waitMs);
      this.#timer.unref();
    };
    const turn = () => {
      if (opened.parts.delivery.isDown) next(DOWN_MS);
      else {
        this.#sending = this.#send(opened, "running", intervalMs).then(() => next(intervalMs));
      }
    };
    turn();
  }

  /** The last heartbeat, if it can be sent in time. The buffer is still open. */
  async end(opened: OpenAgent, finished: boolean): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    const intervalMs = this.#settings.heartbeat;
    if (intervalMs === null || opened.parts.delivery.isDown) return;
    const late = setTimeout(() => this.#over.abort(), LAST_WORD_MS[finished ? "finished" : "stopped"]);
    await Promise.race([
      this.#sending.then(() => this.#send(opened, "stopped", intervalMs)),
      aborted(this.#over.signal),
    ]);
    clearTimeout(late);
    this.#over.abort();
  }

  /** Never throws. */
  async #send(opened: OpenAgent, state: Heartbeat["state"], intervalMs: number): Promise<void> {
    try {
      if (state === "running") await this.#lookAround(opened, intervalMs);
      const nowMs = Date.now();
      const { nodeId, epoch } = opened.parts.buffer;
      const runningMs = performance.now();
      if (this.#own?.epoch !== epoch) this.#own = { epoch, sinceMs: runningMs, upMs: 0, sent: new Set() };
      const own = this.#own;
      const upMs = runningMs - own.sinceMs;
      const row = await this.#row(opened, { state, sentAtMs: nowMs, upMs, intervalMs });
      if (row === null) return;
      own.sent.add(row.sent_at);
      await opened.store.metadata.replace(heartbeatKey(nodeId, epoch), heartbeatBody(row), this.#over.signal);
      own.upMs = upMs;
      own.sent = new Set([row.sent_at]);
      this.#sentAtMs = nowMs;
      this.#error = null;
      if (this.#warned) this.#log.info("heartbeat_sent", "The node's heartbeat goes out again");
      this.#warned = false;
    } catch (error) {
      if (!this.#over.signal.aborted) this.#failed(error);
    }
  }

  async #lookAround(opened: OpenAgent, intervalMs: number): Promise<void> {
    const { nodeId, epoch } = opened.parts.buffer;
    if (this.#own?.epoch !== epoch || this.#own.sent.size === 0) return;
    if (await this.#namesakes.look(opened.store.metadata, { ...this.#own, nodeId, intervalMs })) opened.beginEpoch();
  }

  /** Null where the buffer cannot be read: the agent itself reports and repairs that. */
  async #row(opened: OpenAgent, moment: HeartbeatMoment): Promise<Heartbeat | null> {
    try {
      await countBacklog(opened, moment.state === "running" ? COUNT_MS : 0);
      const own = liveStatus(opened, this.#settings, this.#dataDir, moment.sentAtMs);
      const problems = own.status.problems
        .slice(0, PROBLEMS_TOLD)
        .map(({ code, message }) => this.#redact(`${code}: ${message}`).slice(0, PROBLEM_CHARS));
      return heartbeatOf(own, { ...moment, problems });
    } catch (error) {
      this.#error = this.#redact(messageOf(error));
      return null;
    }
  }

  /** Logged once where a person can act; a failure that passes by itself is for `agent status` only. */
  #failed(error: unknown): void {
    this.#error = this.#redact(messageOf(error));
    if (this.#warned || error instanceof TransientError) return;
    this.#warned = true;
    const hint = error instanceof AgentError ? error.tryHint : undefined;
    this.#log.warn("heartbeat_unsent", `${this.#error}. No reading waits for it`, {
      try: hint ?? "export AGENT_HEARTBEAT=off",
    });
  }
}

type HeartbeatMoment = {
  readonly state: Heartbeat["state"];
  readonly sentAtMs: number;
  /** How long this agent has worked with this buffer, by a clock that is never set. */
  readonly upMs: number;
  readonly intervalMs: number;
};

type HeartbeatInputs = HeartbeatMoment & { readonly problems: readonly string[] };

function heartbeatOf(
  { status, parked }: LiveStatus,
  { state, sentAtMs, upMs, intervalMs, problems }: HeartbeatInputs,
): Heartbeat {
  const { raw } = status.stages;
  const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0);
  return {
    node_id: status.node_id,
    epoch: status.epoch,
    agent_version: status.agent_version,
    rules_version: status.rules.version,
    sent_at: new Date(sentAtMs).toISOString(),
    started_at: new Date(sentAtMs - upMs).toISOString(),
    state,
    interval_s: intervalMs / 1_000,
    health: status.health,
    problems,
    accepted: status.buffer.accepted,
    refused: sum(status.sources.map(({ refused }) => refused)),
    pending: raw.pending,
    oldest_pending_at: raw.oldest_pending_at,
    losses: sum(status.losses.map(({ count }) => count)),
    parked,
    rules_refused: status.rules.refused.length,
    silent_sensors: new Set(status.silent_sensors.map(({ sensor_id }) => sensor_id)).size,
    buffer_bytes: status.buffer.bytes,
    buffer_limit_bytes: status.buffer.limit_bytes,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
