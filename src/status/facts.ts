/** The facts in a buffer, each read by itself: where a page of the file is damaged, the rest is still shown. */
import { join } from "node:path";
import { collisionProblems } from "../agent/delivery/collision-problems.ts";
import { openingProblems } from "../agent/recovery/old-epochs.ts";
import type { Loss } from "../buffer/buffer.ts";
import { isDamage } from "../buffer/corruption.ts";
import {
  type BufferHolds,
  heldBy,
  lagOf,
  newFields,
  parkedOf,
  refusedByReason,
  rulesOf,
  type SourceCounts,
  type StageLag,
  sourcesOf,
} from "../buffer/ledger/holdings.ts";
import type { BufferLedger } from "../buffer/ledger/ledger.ts";
import { lossesOf } from "../buffer/ledger/losses.ts";
import { BUFFER_FILE } from "../buffer/sqlite-buffer.ts";
import { messageOf } from "../core/errors.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";
import { shellWord } from "../core/shell-word.ts";
import { STAGES, type Stage } from "../core/stage.ts";

/** The facts in a buffer, whichever process has it open. */
export type BufferFacts = {
  readonly nodeId: string;
  readonly epoch: string;
  readonly accepted: number;
  readonly held: BufferHolds;
  readonly lag: ReturnType<typeof lagOf>;
  readonly losses: readonly Loss[];
  readonly parked: ReturnType<typeof parkedOf>;
  readonly corrupt: readonly Problem[];
  readonly sources: readonly SourceCounts[];
  /** The set that judged last, for where no agent runs. */
  readonly rules: ReturnType<typeof rulesOf>;
};

/** What only the whole `status` reads, because it costs more where the buffer holds more. */
type Details = {
  readonly refused_by_reason: Readonly<Record<string, number>>;
  readonly new_fields: readonly { readonly name: string; readonly first_seq: number }[];
};

const NOTHING_DELIVERED: StageLag = { delivered: 0, pending: 0, oldestPendingMs: null, parked: 0 };
const NO_LAG = {
  stages: Object.fromEntries(STAGES.map((stage) => [stage, NOTHING_DELIVERED])) as Record<Stage, StageLag>,
  openWindows: 0,
};

/** `damaged`: null, or the problem that something could not be read and is shown as nothing. */
export function readFacts(
  ledger: BufferLedger,
  settings: Settings,
  where: { readonly dataDir: string; readonly nowMs: number },
): { readonly facts: BufferFacts; readonly details: Details; readonly damaged: Problem | null } {
  let damage: unknown = null;
  const whole = <T>(read: () => T, nothing: T): T => {
    try {
      return read();
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage ??= error;
      return nothing;
    }
  };
  const facts: BufferFacts = {
    nodeId: ledger.nodeId,
    epoch: ledger.epoch,
    accepted: whole(() => ledger.accepted(), 0),
    held: whole(() => heldBy(ledger), { seqs: null, bytes: 0, fileBytes: 0 }),
    lag: whole(() => lagOf(ledger, settings.stages, settings.windowMs), NO_LAG),
    losses: whole(() => lossesOf(ledger), []),
    parked: whole(() => parkedOf(ledger), null),
    corrupt: whole(() => [...openingProblems(ledger, where.nowMs), ...collisionProblems(ledger, where.nowMs)], []),
    sources: whole(() => sourcesOf(ledger), []),
    rules: whole(() => rulesOf(ledger), null),
  };
  const details: Details = {
    refused_by_reason: whole(() => refusedByReason(ledger), {}),
    new_fields: whole(() => newFields(ledger), []),
  };
  return { facts, details, damaged: damage === null ? null : damagedProblem(damage, where.dataDir) };
}

function damagedProblem(damage: unknown, dataDir: string): Problem {
  const path = join(dataDir, BUFFER_FILE);
  return {
    code: "buffer_damaged",
    message: `Cannot read all of the buffer: ${messageOf(damage)}. What cannot be read is shown as 0 or as nothing. An agent that reads the damaged part sets the file aside, and delivers what can be read`,
    try: `sqlite3 ${shellWord(path)} 'PRAGMA integrity_check'`,
  };
}
