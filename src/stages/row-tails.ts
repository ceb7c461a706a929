/** The end of a row: what all readings of one commit share, made once. */
import { bytesOf } from "../core/bytes/bytes.ts";
import { IMPLAUSIBLE_QUALITY, qualityAt, type TimeFacts, type TimeQuality } from "../core/reading.ts";

export type TailFacts = TimeFacts & {
  readonly ingestedAtMs: number;
  readonly rulesVersion: string;
  readonly agentVersion: string;
};

/** Of the readings of one commit, by whether their time is plausible, and their own. */
export type Tails = {
  readonly usual: Tail;
  readonly arrival: Tail;
  readonly implausible: Tail;
  readonly earliestMs: number;
  readonly latestMs: number;
};
type Tail = { readonly plain: Uint8Array; readonly before: Uint8Array };

export function makeTails(facts: TailFacts, nodeId: string): Tails {
  const { earliestMs = Number.NEGATIVE_INFINITY, latestMs = Number.POSITIVE_INFINITY, timeQuality } = facts;
  const usual = makeTail(facts, nodeId, timeQuality);
  const arrival = makeTail(facts, nodeId, qualityAt(timeQuality, true));
  return { usual, arrival, implausible: makeTail(facts, nodeId, IMPLAUSIBLE_QUALITY), earliestMs, latestMs };
}

function makeTail(facts: TailFacts, nodeId: string, timeQuality: TimeQuality): Tail {
  const columns = {
    node_id: nodeId,
    agent_version: facts.agentVersion,
    rules_version: facts.rulesVersion,
    ingested_at: new Date(facts.ingestedAtMs).toISOString(),
    time_quality: timeQuality,
  };
  const before = `",${JSON.stringify(columns).slice(1, -1)},"extra":`;
  return { plain: bytesOf(`${before}null`), before: bytesOf(before) };
}
