/** The readings that a buffer accepted and the objects that it promised, to compare with a store. */
import type { SeqRange } from "../../core/seq-range.ts";
import type { ReadingStage, Stage } from "../../core/stage.ts";
import { ANOMALOUS, MALFORMED, VALID } from "../buffer.ts";
import { type Conflict, conflictsOf, type WindowRevision } from "../conflicts.ts";
import { firstSeqOf } from "../earlier-epochs.ts";
import { WINDOW_STATES_SINCE } from "../schema.ts";
import type { BufferLedger } from "./ledger.ts";
import { lossesOf } from "./losses.ts";

export type LedgerBatch = {
  readonly stage: Stage;
  readonly key: string;
  readonly count: number;
  readonly range: SeqRange | null;
  /** `replanned`: another object has its key, and its rows are in a batch of another epoch. */
  readonly state: "delivered" | "planned" | "parked" | "replanned";
};

export type LedgerPromises = {
  readonly epoch: string;
  readonly nodeId: string;
  /** The first seq of the present epoch. */
  readonly from: number;
  readonly accepted: number;
  readonly plannedThrough: number;
  readonly batches: readonly LedgerBatch[];
  /** Batches of earlier epochs: of readings that a corrupt buffer had not delivered, and of the buffer's own earlier epochs. */
  readonly carried: readonly LedgerBatch[];
  readonly folded: readonly {
    readonly stage: ReadingStage;
    readonly range: SeqRange;
    readonly rows: number;
    readonly objects: number;
  }[];
  readonly lost: readonly SeqRange[];
  /** Seqs of earlier epochs. */
  readonly lostEarlier: readonly { readonly epoch: string; readonly range: SeqRange }[];
  readonly unplanned: Readonly<Record<ReadingStage, readonly SeqRange[]>>;
  readonly windows: readonly { readonly startMs: number; readonly revision: number }[];
  readonly openWindows: readonly number[];
  readonly conflicts: readonly Conflict[];
};

export type PromisesAsked = {
  /** The stages that are switched on: readings that are not planned yet are expected in these only. */
  readonly stages: readonly Stage[];
  /** The length that a window has where none went out yet. */
  readonly windowMs: number;
  /** A batch that was settled from this moment on may be missing in a listing that began then: it counts as planned. */
  readonly listedFromMs: number;
};

export function promisesOf(ledger: BufferLedger, asked: PromisesAsked): LedgerPromises {
  const { epoch, nodeId } = ledger;
  const from = firstSeqOf(ledger.earlier());
  const isOn = new Set(asked.stages);
  const conflicts = conflictsOf(ledger);
  const all = [...batchesOf(ledger, asked.listedFromMs), ...conflicts.map(replanned)];
  const isOwn = ({ key }: LedgerBatch) => key.includes(`/${epoch}.`);
  const losses = lossesOf(ledger).flatMap((loss): { epoch: string | undefined; range: SeqRange }[] => {
    return loss.range === null ? [] : [{ epoch: loss.epoch, range: loss.range }];
  });
  return {
    epoch,
    nodeId,
    from,
    accepted: ledger.accepted(),
    plannedThrough: ledger.plannedThrough(),
    batches: all.filter(isOwn),
    carried: all.filter((batch) => !isOwn(batch)),
    folded: ledger.db
      .query<SeqRange & { stage: ReadingStage; rows: number; objects: number }, [number]>(
        "SELECT stage, first_seq AS first, last_seq AS last, rows, objects FROM delivered WHERE first_seq >= ?",
      )
      .all(from)
      .map(({ stage, first, last, rows, objects }) => ({ stage, range: { first, last }, rows, objects })),
    lost: losses.flatMap(({ epoch: of, range }) => (of === undefined ? [range] : [])),
    lostEarlier: losses.flatMap(({ epoch: of, range }) => (of === undefined ? [] : [{ epoch: of, range }])),
    unplanned: unplannedRanges(ledger, isOn),
    windows: withoutOthers(
      ledger.db.query<WindowRevision, []>("SELECT start AS startMs, revision FROM window WHERE revision >= 0").all(),
      conflicts.filter(({ under }) => under === epoch),
    ),
    conflicts,
    openWindows: isOn.has("aggregated") ? openWindows(ledger, asked.windowMs) : [],
  };
}

function replanned({ stage, key, count, range }: Conflict): LedgerBatch {
  return { stage, key, count, range, state: "replanned" };
}

/** From the revision whose key was taken, a window continues under the other epoch. */
function withoutOthers(windows: readonly WindowRevision[], conflicts: readonly Conflict[]): readonly WindowRevision[] {
  const last = new Map<number, number>();
  for (const { window } of conflicts) {
    if (window === null) continue;
    last.set(window.startMs, Math.min(window.revision, last.get(window.startMs) ?? window.revision));
  }
  return windows.map(({ startMs, revision }) => {
    return { startMs, revision: Math.min(revision, last.get(startMs) ?? revision) };
  });
}

/** The verdicts of the rows that each stage takes. */
export const VERDICTS_OF_STAGE: Readonly<Record<ReadingStage, readonly number[]>> = {
  raw: [VALID, ANOMALOUS, MALFORMED],
  validated: [VALID],
  anomalies: [ANOMALOUS, MALFORMED],
  schematized: [VALID],
};

/** The newest readings that are read to find the open windows: bounds the time, and is above any usual lag. */
const OPEN_ROWS = 5_000_000;

/**
 * Starts of the windows with readings that have not gone out. A window whose accumulators were let go is never issued
 * again, and a malformed reading is in no window. After a change of AGENT_WINDOW_MS starts are rough until one went out.
 */
export function openWindows(ledger: BufferLedger, windowMs: number): number[] {
  type LengthRow = { length: number };
  const newest = ledger.db.query<LengthRow, []>("SELECT length FROM window ORDER BY issued_at DESC LIMIT 1").get();
  const length = newest?.length ?? windowMs;
  const states = ledger.version < WINDOW_STATES_SINCE ? "window_sensor" : "window_state";
  return ledger.db
    .query<{ start: number }, [number, number, number, number]>(
      `SELECT DISTINCT start FROM (SELECT seq, time - ((time % ?1) + ?1) % ?1 AS start FROM reading
         WHERE seq >= ?2 AND verdict <> ?3 LIMIT ?4) r
       WHERE NOT EXISTS (SELECT 1 FROM window w WHERE w.start = r.start AND (w.through_seq >= r.seq
         OR w.revision >= 0 AND NOT EXISTS (SELECT 1 FROM ${states} s WHERE s.start = w.start))) ORDER BY start`,
    )
    .all(length, Number(ledger.meta("windows_from") ?? "1"), MALFORMED, OPEN_ROWS)
    .map((row) => row.start);
}

function batchesOf(ledger: BufferLedger, listedFromMs: number): LedgerBatch[] {
  type BatchRow = {
    stage: Stage;
    key: string;
    count: number;
    first: number | null;
    last: number | null;
    state: LedgerBatch["state"];
    settled: number | null;
  };
  const rows = ledger.db
    .query<BatchRow, []>(
      "SELECT stage, key, count, first_seq AS first, last_seq AS last, state, settled_at AS settled FROM batch",
    )
    .all();
  return rows.map(({ stage, key, count, first, last, state, settled }) => ({
    stage,
    key,
    count,
    range: first === null || last === null ? null : { first, last },
    state: state === "delivered" && (settled ?? 0) >= listedFromMs ? "planned" : state,
  }));
}

export type TailRows = SeqRange & { readonly rows: number };

/** Committed readings that no batch promises yet, by the stage that they will go to; null where there are none. */
export function unplannedRows(ledger: BufferLedger): Readonly<Record<ReadingStage, TailRows | null>> {
  const byVerdict = ledger.db
    .query<TailRows & { readonly verdict: number }, [number]>(
      `SELECT verdict, count(*) AS rows, min(seq) AS first, max(seq) AS last
       FROM reading WHERE seq > ? GROUP BY verdict`,
    )
    .all(ledger.plannedThrough());
  const tail = (stage: ReadingStage): TailRows | null => {
    const own = byVerdict.filter(({ verdict }) => VERDICTS_OF_STAGE[stage].includes(verdict));
    if (own.length === 0) return null;
    return {
      rows: own.reduce((sum, { rows }) => sum + rows, 0),
      first: Math.min(...own.map(({ first }) => first)),
      last: Math.max(...own.map(({ last }) => last)),
    };
  };
  return {
    raw: tail("raw"),
    validated: tail("validated"),
    anomalies: tail("anomalies"),
    schematized: tail("schematized"),
  };
}

function unplannedRanges(ledger: BufferLedger, isOn: ReadonlySet<Stage>): LedgerPromises["unplanned"] {
  const tails = unplannedRows(ledger);
  const range = (stage: ReadingStage): SeqRange[] => {
    const tail = isOn.has(stage) ? tails[stage] : null;
    return tail === null ? [] : [{ first: tail.first, last: tail.last }];
  };
  return {
    raw: range("raw"),
    validated: range("validated"),
    anomalies: range("anomalies"),
    schematized: range("schematized"),
  };
}
