/**
 * A node in one line, for logs and for jobs over many nodes, which cut what they print: `NODE_ID STATE name=value …`, where a
 * word that is not known is `-`. The last word, `why`, is the first problem's message, else that the
 * agent is not heard, cut where the line is full.
 */
import { LOCK_CODE } from "../buffer/disk/waiting-note.ts";
import { roughAge } from "../core/readable-numbers.ts";
import { BUILD_VERSION } from "../core/version.ts";
import type { Status } from "./status.ts";

/**
 * `waiting`: an agent was started and has not begun, because it waits. `stopped`: no agent has the data dir. `missing`: there is
 * no buffer.
 */
export type NodeState = "ok" | "degraded" | "waiting" | "stopped" | "missing";

/** Where there is no buffer to read: what is known all the same. */
export type NoStatus = { readonly state: NodeState; readonly code: string; readonly message: string };

/** Without the line's end, in UTF-16 units. */
export const LINE_MOST = 299;
/** An id of a node has 64 characters at most, the rest of these far less. What a damaged file says may be longer. */
const NODE_MOST = 64;
const WORD_MOST = 20;
const CODE_MOST = 32;
/** The beginning of an epoch is the time at which it began: two of a node differ in it. */
const EPOCH_CHARS = 10;
/** Below this there is no room for a sentence. */
const LEAST_WHY = 8;

export function statusLine(status: Status, nowMs: number): string {
  const { rules, losses, uplink, problems } = status;
  const lost = losses.reduce((sum, { count }) => sum + count, 0);
  const isCounted = losses.every(({ counted }) => counted);
  return joined(status.node_id, stateOf(status), {
    version: status.agent_version,
    epoch: status.epoch.slice(0, EPOCH_CHARS),
    rules: rules.version,
    ...lagOf(status, nowMs),
    lost: `${lost}${isCounted ? "" : "+?"}`,
    uplink: status.pid === null || uplink.as_of !== null ? null : uplink.state,
    problems: problems.length,
    problem: problems[0]?.code ?? null,
    why: problems[0]?.message ?? silenceText(status, nowMs),
  });
}

/** `not heard for 8 s`; null: the agent reports, or there is none. */
export function silenceText({ not_heard_since: since }: Pick<Status, "not_heard_since">, nowMs: number): string | null {
  return since === null ? null : `not heard for ${roughAge(Math.abs(nowMs - Date.parse(since)))}`;
}

/** Of a node whose buffer cannot be read, or of none. */
export function noStatusLine(nodeId: string | null, { state, code, message }: NoStatus): string {
  return joined(nodeId, state, {
    version: BUILD_VERSION,
    epoch: null,
    rules: null,
    lag: null,
    pending: null,
    lost: null,
    uplink: null,
    problems: 1,
    problem: code,
    why: message,
  });
}

/** An agent that waits for the lock waits for the one that runs. */
function stateOf({ pid, health, waiting }: Status): NodeState {
  if (pid === null) return waiting === null ? "stopped" : "waiting";
  return waiting?.pid === pid && waiting.for !== LOCK_CODE ? "waiting" : health;
}

/** Windows wait until they close: they are no lag. A reading waits for several stages, and is counted once. */
function lagOf({ stages }: Status, nowMs: number): { readonly lag: string; readonly pending: number } {
  const { aggregated: _, ...ofReadings } = stages;
  const all = Object.values(ofReadings);
  const times = all.flatMap(({ oldest_pending_at: at }) => (at === null ? [] : [Date.parse(at)]));
  const lagMs = times.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...times));
  return { lag: `${Math.round(lagMs / 1_000)}s`, pending: Math.max(...all.map(({ pending }) => pending)) };
}

type Words = {
  readonly version: string;
  readonly epoch: string | null;
  readonly rules: string | null;
  readonly lag: string | null;
  readonly pending: number | null;
  readonly lost: string | null;
  readonly uplink: string | null;
  readonly problems: number;
  readonly problem: string | null;
  readonly why: string | null;
};

function joined(nodeId: string | null, state: NodeState, { problem, why, ...words }: Words): string {
  const named = Object.entries(words).map(([name, value]) => `${name}=${word(value, WORD_MOST)}`);
  const head = [word(nodeId, NODE_MOST), state, ...named, `problem=${word(problem, CODE_MOST)}`].join(" ");
  return head + whyWord(why, LINE_MOST - head.length);
}

/** A word of a line: no blanks, no control characters, at most this long; `-`: not known. */
export function word(value: string | number | null, most: number): string {
  const text = shown(String(value ?? "")).replaceAll(/\s/g, "?");
  return text === "" ? "-" : cut(text, most);
}

/** A sentence as the last word of a line, cut to the room; empty where there is none. */
export function whyWord(text: string | null, room: number): string {
  const left = room - ' why=""'.length;
  return text === null || left < LEAST_WHY ? "" : ` why="${cut(shown(text).replaceAll('"', "'"), left)}"`;
}

/** Control characters, and those that change how a terminal shows the ones behind them, as `?`. */
function shown(text: string): string {
  return text.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  // Half of a pair is no character.
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
