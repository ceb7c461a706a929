/** What a buffer holds, how far delivery is, what its sources gave, and which rules judged. */
import { record } from "../../core/outside/shape.ts";
import { anything, storedEntries, storedJson } from "../../core/outside/stored-json.ts";
import { BAD_FIELDS, RECEIVED_TIME } from "../../core/reading.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { DELIVERED_BEFORE, FLAWS_SINCE, IS_PARKED } from "../schema.ts";
import type { BufferLedger } from "./ledger.ts";
import { openWindows, unplannedRows } from "./promises.ts";

/** A buffer's database, open for writing or for reading. */
type Readable = Pick<BufferLedger, "db">;

export type StageLag = {
  /** Rows in objects that the store has. */
  readonly delivered: number;
  /** Rows on their way: promised and not settled, or (of stages that are switched on) not promised yet. */
  readonly pending: number;
  /** When the oldest of them was committed, ms; null where nothing waits. */
  readonly oldestPendingMs: number | null;
  /** Rows that the store refused for good. */
  readonly parked: number;
};

export type BufferHolds = {
  /** From the first to the last reading that is still in the buffer; null where it holds none. */
  readonly seqs: SeqRange | null;
  /** In use by rows, which the limit is about; and what the database takes on disk without its log. */
  readonly bytes: number;
  readonly fileBytes: number;
};

export function heldBy(ledger: Readable): BufferHolds {
  type EndsRow = { first: number | null; last: number | null };
  // Two look-ups: as one query it would be a scan.
  const ends = ledger.db
    .query<EndsRow, []>("SELECT (SELECT min(seq) FROM reading) AS first, (SELECT max(seq) FROM reading) AS last")
    .get();
  const { first, last } = ends ?? { first: null, last: null };
  const pragma = (name: string) => Number(ledger.db.query(`PRAGMA ${name}`).values()[0]?.[0] ?? 0);
  const [pages, free, size] = [pragma("page_count"), pragma("freelist_count"), pragma("page_size")];
  return {
    seqs: first === null || last === null ? null : { first, last },
    bytes: (pages - free) * size,
    fileBytes: pages * size,
  };
}

/** Batches of one stage in one state: their rows, when the first was planned (ms), and the first seq; null for windows. */
export type BatchSum = { stage: Stage; state: string; rows: number; plannedMs: number; seq: number | null };

/** By stage. The rows of open windows are an estimate: one for each window and sensor that changed. */
export function lagOf(
  ledger: BufferLedger,
  on: readonly Stage[],
  windowMs: number,
): { readonly stages: Readonly<Record<Stage, StageLag>>; readonly openWindows: number } {
  const { db } = ledger;
  const settled = db
    .query<BatchSum, []>(
      `SELECT stage, state, sum(count) AS rows, min(planned_at) AS plannedMs, min(first_seq) AS seq
       FROM batch GROUP BY stage, state`,
    )
    .all();
  const before = new Map(
    db
      .query<{ stage: Stage; rows: number }, []>(
        `SELECT stage, sum(rows) AS rows FROM (${DELIVERED_BEFORE}) GROUP BY stage`,
      )
      .all()
      .map(({ stage, rows }) => [stage, rows]),
  );
  const open = on.includes("aggregated") ? openWindows(ledger, windowMs) : [];
  const tails = unplannedRows(ledger);
  const waitingOf = (stage: Stage): Waiting => {
    if (!on.includes(stage)) return NONE;
    if (stage === "aggregated") return windowsWaiting(ledger, open);
    const tail = tails[stage];
    return tail === null ? NONE : { rows: tail.rows, sinceMs: committedAt(ledger, tail.first) };
  };
  const stages = STAGES.map((stage): [Stage, StageLag] => {
    const of = (state: string) => settled.find((row) => row.stage === stage && row.state === state);
    const waiting = waitingOf(stage);
    const delivered = (of("delivered")?.rows ?? 0) + (before.get(stage) ?? 0);
    return [stage, stageLag(ledger, { delivered, planned: of("planned"), parked: of("parked"), waiting })];
  });
  return { stages: Object.fromEntries(stages) as Record<Stage, StageLag>, openWindows: open.length };
}

/** The rows of a stage by state; `waiting`: those that no batch promises yet. */
export function stageLag(
  ledger: Readable,
  parts: {
    readonly delivered: number;
    readonly planned: BatchSum | undefined;
    readonly parked: BatchSum | undefined;
    readonly waiting: Waiting;
  },
): StageLag {
  const { delivered, planned, parked, waiting } = parts;
  const plannedSince = planned === undefined ? null : batchSince(ledger, planned);
  const times = [plannedSince, waiting.sinceMs].filter((time) => time !== null);
  return {
    delivered,
    pending: (planned?.rows ?? 0) + waiting.rows,
    oldestPendingMs: times.length === 0 ? null : Math.min(...times),
    parked: parked?.rows ?? 0,
  };
}

function batchSince(ledger: Readable, { seq, plannedMs }: BatchSum): number | null {
  return seq === null ? plannedMs : committedAt(ledger, seq);
}

export type Waiting = { readonly rows: number; readonly sinceMs: number | null };
const NONE: Waiting = { rows: 0, sinceMs: null };

function windowsWaiting(ledger: BufferLedger, open: readonly number[]): Waiting {
  if (open.length === 0) return NONE;
  const from = Number(ledger.meta("windows_from") ?? "1");
  const sensors = ledger.db
    .query<{ n: number }, [number]>(
      `SELECT count(DISTINCT s.sensor_id) AS n FROM
       (SELECT DISTINCT sensor FROM reading WHERE seq >= ? AND sensor > 0) r JOIN sensor s ON s.handle = r.sensor`,
    )
    .get(from);
  return { rows: open.length * (sensors?.n ?? 0), sinceMs: committedAt(ledger, from) };
}

/** When a reading was committed, ms; null where it is not known any more. */
export function committedAt(ledger: Readable, seq: number): number | null {
  const row = ledger.db
    .query<{ at: number }, [number]>(
      "SELECT ingested_at AS at FROM commit_group WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
    )
    .get(seq);
  return row?.at ?? null;
}

export type SourceCounts = {
  readonly uri: string;
  readonly cursor: string | null;
  /** Every line or row of it that the buffer kept, as in the buffer's own count. */
  readonly accepted: number;
  /** Those of them that are malformed: kept as received. */
  readonly refused: number;
  /** What was wrong with those that are not malformed; the field is null where it is about none. */
  readonly flaws: readonly { readonly reason: string; readonly field: string | null; readonly count: number }[];
};

/** A map may name thousands of fields. */
const FLAWS_MOST = 100;

export function sourcesOf(ledger: Pick<BufferLedger, "db" | "version">): SourceCounts[] {
  type FlawRow = { reason: string; field: string; count: number };
  const find =
    ledger.version < FLAWS_SINCE
      ? null
      : ledger.db.query<FlawRow, [string, number]>(
          "SELECT reason, field, count FROM flaw WHERE uri = ? ORDER BY count DESC, reason, field LIMIT ?",
        );
  const sources = ledger.db
    .query<Omit<SourceCounts, "flaws">, []>(
      "SELECT uri, cursor, accepted + refused AS accepted, refused FROM source ORDER BY uri",
    )
    .all();
  return sources.map((source) => {
    const found = find?.all(source.uri, FLAWS_MOST) ?? [];
    return { ...source, flaws: found.map((flaw) => ({ ...flaw, field: flaw.field === "" ? null : flaw.field })) };
  });
}

/** The rule set that judged last: its version, its number of rules, and when the buffer first stored it. */
export function rulesOf(ledger: BufferLedger): { version: string; count: number; sinceMs: number } | null {
  const version = ledger.meta("rules_version");
  if (version === null) return null;
  const row = ledger.db
    .query<{ canonical: string; since: number }, [string]>("SELECT canonical, since FROM rule_set WHERE version = ?")
    .get(version);
  if (row === null) return null;
  return { version, count: storedEntries(anything, row.canonical)?.length ?? 0, sinceMs: row.since };
}

export type ParkedBatch = {
  readonly stage: Stage;
  readonly key: string;
  readonly count: number;
  readonly error: string;
};

/** Every batch that the store refused for good, oldest first. */
export function parkedBatches(ledger: Readable): ParkedBatch[] {
  return ledger.db
    .query<ParkedBatch, []>(
      `SELECT stage, key, count, coalesce(error, '') AS error FROM batch WHERE ${IS_PARKED} ORDER BY id`,
    )
    .all();
}

/** Parked batches: their number, and the newest with its reason. */
export function parkedOf(ledger: Readable): { count: number; key: string; error: string } | null {
  const newest = ledger.db
    .query<{ key: string; error: string | null }, []>(
      `SELECT stage || '/' || key AS key, error FROM batch WHERE ${IS_PARKED} ORDER BY id DESC LIMIT 1`,
    )
    .get();
  if (newest === null) return null;
  const { n } = ledger.db.query<{ n: number }, []>(`SELECT count(*) AS n FROM batch WHERE ${IS_PARKED}`).get()!;
  return { count: n, key: newest.key, error: newest.error ?? "" };
}

/** Malformed readings that the buffer still holds, by reason. The totals since the start are the sources' `refused`. */
export function refusedByReason(ledger: BufferLedger): Record<string, number> {
  const rows = ledger.db
    .query<{ reason: string; n: number }, []>(
      "SELECT reason, count(*) AS n FROM malformed GROUP BY reason ORDER BY n DESC, reason",
    )
    .all();
  return Object.fromEntries(rows.map(({ reason, n }) => [reason, n]));
}

/** How many of the newest rows with unknown fields are read, and how many names are reported: a flood must not hold up status. */
const EXTRA_ROWS = 10_000;
const EXTRA_NAMES = 100;
const EXTRA = record(anything, { most: 1_000_000 });

/** A note of ours has a `_` more than every field of the row that has its name. */
const NOTE = new RegExp(`^(${BAD_FIELDS}|${RECEIVED_TIME})_*$`);

/** Fields that no profile knows, each with the first seq that has it, of the newest `most` rows that have any. */
export function newFields(ledger: Readable, most = EXTRA_ROWS): { name: string; first_seq: number }[] {
  const first = new Map<string, number>();
  const rows = ledger.db.query<{ seq: number; fields: string }, [number]>(
    "SELECT seq, fields FROM extra ORDER BY seq DESC LIMIT ?",
  );
  for (const { seq, fields } of rows.iterate(most)) {
    const names = storedJson(EXTRA, fields) ?? new Map();
    for (const name of names.keys()) {
      if (NOTE.test(name) && !names.has(`${name}_`)) continue;
      if (first.has(name) || first.size < EXTRA_NAMES) first.set(name, seq);
    }
  }
  return [...first].map(([name, seq]) => ({ name, first_seq: seq })).sort((a, b) => a.first_seq - b.first_seq);
}
