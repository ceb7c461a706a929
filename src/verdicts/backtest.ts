/** The replay: every reading that the buffer holds, in the order of its seq, through a candidate rule set. */

import { heldBy } from "../buffer/ledger/holdings.ts";
import type { BufferLedger } from "../buffer/ledger/ledger.ts";
import type { LedgerReadings } from "../buffer/ledger/readings.ts";
import { storedRuleSet } from "../buffer/ledger/rules.ts";
import { AgentError } from "../core/errors.ts";
import type { ProgressLine } from "../core/progress.ts";
import { grouped } from "../core/readable-numbers.ts";
import type { SeqRange } from "../core/seq-range.ts";
import { canonicalRules, storedRules } from "../rules/files/canonical.ts";
import type { EvaluationProblem, RuleSet } from "../rules/rule-set.ts";
import { BacktestTally } from "./tally.ts";
import { labelRules } from "./truth.ts";

export type BacktestOptions = {
  /** One snapshot: an agent may commit and prune beside it. */
  readonly ledger: BufferLedger;
  readonly readings: LedgerReadings;
  /** Over the catalogue of `readings`, without a memory of its own yet. */
  readonly set: RuleSet;
  /** Readings that were committed in [sinceMs, untilMs) count; those before them only warm the rules up. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly stop: AbortSignal;
  readonly progress: ProgressLine;
};

/** Seqs, and the times at which the oldest and the newest commit happened; null where the buffer holds nothing. */
type HeldReadings = {
  readonly seqs: SeqRange | null;
  readonly fromMs: number | null;
  readonly toMs: number | null;
};

const NO_SEQS: SeqRange = { first: 1, last: 0 };

/** A rule of the candidate against the set that was in force last. */
export type Change = "same" | "changed" | "new" | "removed";

export type Backtest = {
  readonly tally: BacktestTally;
  /** Readings that were judged and not counted. */
  readonly warmedUp: number;
  readonly held: HeldReadings;
  readonly inForce: { readonly version: string; readonly known: boolean } | null;
  /** By rule; empty where the set in force is not known. */
  readonly changes: ReadonlyMap<string, Change>;
  readonly problems: readonly EvaluationProblem[];
};

/** Signals are handled, and the progress line is renewed, only between two turns. */
const TURN_MS = 50;

/** Throws AgentError when it is stopped, or where the buffer is damaged. */
export async function backtest(options: BacktestOptions): Promise<Backtest> {
  const { ledger, readings, set, sinceMs, untilMs, stop, progress } = options;
  const held = heldIn(ledger);
  const { first, last: newest } = held.seqs ?? NO_SEQS;
  const inForce = inForceOf(ledger);
  const changes = inForce.canonical === null ? new Map() : changesOf(inForce.canonical, set.canonical);
  const labels = labelRules(set.canonical);
  const tally = new BacktestTally(readings.catalogue, [...new Set([...set.names, ...changes.keys()])], labels);
  let warmedUp = 0;
  const last = Math.min(newest, lastCommittedBefore(ledger, untilMs));
  const startedAt = performance.now();
  let turnAt = startedAt;
  for (const stored of readings.pieces({ first, last })) {
    const { block, facts } = stored;
    const did = new Map(block.findings);
    set.judge(block);
    set.keep();
    if (facts.ingestedAtMs >= sinceMs && facts.ingestedAtMs < untilMs) tally.add(stored, did);
    else warmedUp += block.count;
    const nowMs = performance.now();
    if (nowMs - turnAt < TURN_MS) continue;
    turnAt = nowMs;
    const done = stored.firstSeq + block.count - first;
    progress.tell(() => progressText(done, last - first + 1, nowMs - startedAt));
    await new Promise<void>((next) => setImmediate(next));
    if (stop.aborted) throw new AgentError("Cannot finish the backtest: it was stopped");
  }
  progress.end();
  const { version, canonical } = inForce;
  return {
    tally,
    warmedUp,
    held,
    changes,
    problems: set.evaluationProblems(),
    inForce: version === null ? null : { version, known: canonical !== null },
  };
}

function progressText(done: number, all: number, ms: number): string {
  const perSecond = (done * 1_000) / ms;
  const left = Math.ceil((all - done) / perSecond);
  return `${grouped(done)} of ${grouped(all)} readings, ${grouped(Math.round(perSecond))}/s, about ${left} s left`;
}

function heldIn(ledger: BufferLedger): HeldReadings {
  const { seqs } = heldBy(ledger);
  const committed = (order: "ASC" | "DESC") =>
    ledger.db
      .query<{ at: number }, []>(`SELECT ingested_at AS at FROM commit_group ORDER BY first_seq ${order} LIMIT 1`)
      .get()?.at ?? null;
  return { seqs, fromMs: committed("ASC"), toMs: committed("DESC") };
}

function lastCommittedBefore(ledger: BufferLedger, untilMs: number): number {
  const row = ledger.db
    .query<{ seq: number | null }, [number]>("SELECT max(last_seq) AS seq FROM commit_group WHERE ingested_at < ?")
    .get(untilMs);
  return row?.seq ?? 0;
}

function inForceOf(ledger: BufferLedger): { version: string | null; canonical: string | null } {
  const version = ledger.meta("rules_version");
  const canonical = version === null ? null : (storedRuleSet(ledger, version)?.canonical ?? null);
  // A damaged row: which rules changed is not known, and the backtest is worth having without.
  return { version, canonical: canonical === null || storedRules(canonical) === null ? null : canonical };
}

/** Compares the parts that decide a verdict; a rule's description, severity and tests do not. */
export function changesOf(inForce: string, candidate: string): ReadonlyMap<string, Change> {
  const [before, after] = [decisionsOf(inForce), decisionsOf(candidate)];
  const changes = new Map<string, Change>();
  for (const [name, text] of after) {
    const old = before.get(name);
    changes.set(name, old === undefined ? "new" : old === text ? "same" : "changed");
  }
  for (const name of before.keys()) if (!after.has(name)) changes.set(name, "removed");
  return changes;
}

function decisionsOf(canonical: string): ReadonlyMap<string, string> {
  return new Map(
    canonicalRules(canonical).map(({ name, description: _words, severity: _rank, tests: _tests, ...decides }) => [
      name,
      JSON.stringify(decides),
    ]),
  );
}
