/**
 * `agent verify --line`: a node in one line, as `agent status --line`: `NODE_ID STATE name=value …`, and the first finding last.
 * `ok`: nothing is missing or double. `wrong`: something is. `unknown`: it could not look.
 */
import { messageOf } from "../../core/errors.ts";
import { type SeqRange, totalSize } from "../../core/seq-range.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { LINE_MOST, whyWord, word } from "../../status/status-line.ts";
import type { StageAudit } from "../../verify/audit.ts";
import type { Verification } from "../../verify/findings.ts";

const NODE_MOST = 64;
const WORD_MOST = 24;

/** `accepted` and `lost` are of all epochs; the rest is counted in the stage that has most of it. A window counts as one. */
export function verifiedLine({ ok, epochs }: Verification, finding: string | null): string {
  const most = (of: (audit: StageAudit) => readonly SeqRange[]) =>
    Math.max(
      ...STAGES.map((stage) => epochs.reduce((sum, { audit }) => sum + size(stage, of(audit.stages[stage])), 0)),
    );
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return line(epochs[0]?.nodeId ?? null, ok ? "ok" : "wrong", finding, {
    accepted: sum(epochs.map(({ accepted }) => accepted)),
    raw: sum(epochs.map(({ audit }) => audit.stages.raw.rows)),
    pending: most(({ pending }) => pending),
    missing: most(({ missing }) => missing),
    double: most(({ duplicate }) => duplicate),
    parked: most(({ parked }) => parked),
    lost: sum(epochs.map(({ lost }) => lost)),
    epochs: epochs.length,
  });
}

export function notVerifiedLine(nodeId: string | null, error: unknown): string {
  return line(nodeId, "unknown", messageOf(error), {});
}

function line(node: string | null, state: string, why: string | null, words: Readonly<Record<string, number>>): string {
  const named = Object.entries(words).map(([name, value]) => ` ${name}=${word(value, WORD_MOST)}`);
  const head = `${word(node, NODE_MOST)} ${state}${named.join("")}`;
  return head + whyWord(why, LINE_MOST - head.length);
}

function size(stage: Stage, ranges: readonly SeqRange[]): number {
  return stage === "aggregated" ? ranges.length : totalSize(ranges);
}
