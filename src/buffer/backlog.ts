/**
 * What waits in the buffer of this process, by stage, for frequent questions: the same as `lagOf`, at a cost that does not
 * grow with the backlog. Committed readings are counted once, in pieces; delivered rows are counted as they are settled.
 */
import { type SeqRange, sizeOf } from "../core/seq-range.ts";
import { STAGES, type Stage } from "../core/stage.ts";
import { VALID } from "./buffer.ts";
import { type BatchSum, committedAt, type StageLag, stageLag } from "./ledger/holdings.ts";
import type { Outbox } from "./outbox.ts";
import { DELIVERED_BEFORE, IS_OPEN } from "./schema.ts";
import type { SqliteBuffer } from "./sqlite-buffer.ts";

/** Readings that are counted in one go: half a millisecond on a small machine. */
const PIECE_ROWS = 5_000;
/** Counting holds up the readings for this long at most. */
const COUNT_MS = 8;

type Tally = { readonly rows: number; readonly firstSeq: number | null };
type Piece = SeqRange & { readonly valid: Tally; readonly other: Tally };

export type OpenWindows = { readonly windows: number; readonly rows: number; readonly fromSeq: number };

export type BacklogParts = {
  readonly buffer: Pick<SqliteBuffer, "db" | "lastSeq">;
  readonly outbox: Pick<Outbox, "plannedThrough" | "deliveredRows">;
  /** The stages that are switched on. */
  readonly stages: readonly Stage[];
  /** The windows in memory that have not gone out. */
  readonly openWindows: () => OpenWindows;
  readonly running: () => number;
  /** 5,000 where absent. */
  readonly pieceRows?: number;
};

export type Backlog = {
  readonly stages: Readonly<Record<Stage, StageLag>>;
  readonly openWindows: number;
  /** Readings whose verdict is not counted yet: `pending` of all stages but raw is short by up to as many. */
  readonly uncounted: number;
};

export class BacklogCount {
  readonly #parts: BacklogParts;
  readonly #pieceRows: number;
  /** The readings that no batch promises yet, in order and without gaps. */
  #pieces: Piece[] = [];
  /** Rows that the store had before this process settled any; read at the first question. */
  #before: ReadonlyMap<Stage, number> | null = null;

  constructor(parts: BacklogParts) {
    this.#parts = parts;
    this.#pieceRows = parts.pieceRows ?? PIECE_ROWS;
  }

  /** Counts for a few milliseconds more; returns how many readings are left to count. */
  count(): number {
    this.#countPieces();
    return this.#parts.buffer.lastSeq - this.#unplanned().through;
  }

  read(): Backlog {
    const { buffer, outbox, stages, openWindows } = this.#parts;
    this.#forgetPlanned();
    const { valid, other, through } = this.#unplanned();
    const all = { rows: buffer.lastSeq - outbox.plannedThrough, firstSeq: outbox.plannedThrough + 1 };
    const open = openWindows();
    const waiting: Readonly<Record<Stage, Tally>> = {
      raw: all.rows > 0 ? all : NONE,
      validated: valid,
      anomalies: other,
      schematized: valid,
      aggregated: { rows: open.rows, firstSeq: open.rows === 0 ? null : open.fromSeq },
    };
    const promised = this.#promised();
    const lags = STAGES.map((stage): [Stage, StageLag] => [
      stage,
      this.#lag(stage, stages.includes(stage) ? waiting[stage] : NONE, promised),
    ]);
    return {
      stages: Object.fromEntries(lags) as Record<Stage, StageLag>,
      openWindows: stages.includes("aggregated") ? open.windows : 0,
      uncounted: buffer.lastSeq - through,
    };
  }

  #lag(stage: Stage, { rows, firstSeq }: Tally, promised: readonly BatchSum[]): StageLag {
    const { buffer, outbox } = this.#parts;
    const of = (state: string) => promised.find((row) => row.stage === stage && row.state === state);
    return stageLag(buffer, {
      delivered: this.#deliveredBefore(stage) + outbox.deliveredRows[stage],
      planned: of("planned"),
      parked: of("parked"),
      waiting: { rows, sinceMs: firstSeq === null ? null : committedAt(buffer, firstSeq) },
    });
  }

  /** Forgets the readings that a batch promises now. */
  #forgetPlanned(): void {
    const planned = this.#parts.outbox.plannedThrough;
    const kept = this.#pieces.filter(({ last }) => last > planned);
    const [oldest] = kept;
    // A batch may end inside a piece, and the newest piece may be a short one.
    if (oldest !== undefined && oldest.first <= planned) {
      kept[0] = this.#countPiece({ first: planned + 1, last: oldest.last });
    }
    this.#pieces = kept;
  }

  #countPieces(): void {
    const { buffer, outbox, running } = this.#parts;
    this.#forgetPlanned();
    // The newest may be a short one, and is counted again with the readings since.
    const newest = this.#pieces.at(-1);
    if (newest !== undefined && sizeOf(newest) < this.#pieceRows) this.#pieces.pop();
    const until = running() + COUNT_MS;
    for (
      let from = (this.#pieces.at(-1)?.last ?? outbox.plannedThrough) + 1;
      from <= buffer.lastSeq && running() < until;
    ) {
      const piece = this.#countPiece({ first: from, last: Math.min(buffer.lastSeq, from + this.#pieceRows - 1) });
      this.#pieces.push(piece);
      from = piece.last + 1;
    }
  }

  #countPiece({ first, last }: SeqRange): Piece {
    type CountRow = { rows: number; valid: number; firstValid: number | null; firstOther: number | null };
    const counted = this.#parts.buffer.db
      .query<CountRow, [number, number, number]>(
        `SELECT count(*) AS rows, count(*) FILTER (WHERE verdict = ?3) AS valid,
           min(CASE WHEN verdict = ?3 THEN seq END) AS firstValid, min(CASE WHEN verdict <> ?3 THEN seq END) AS firstOther
         FROM reading WHERE seq BETWEEN ?1 AND ?2`,
      )
      .get(first, last, VALID)!;
    const { rows, valid, firstValid, firstOther } = counted;
    return {
      first,
      last,
      valid: { rows: valid, firstSeq: firstValid },
      other: { rows: rows - valid, firstSeq: firstOther },
    };
  }

  #unplanned(): { readonly valid: Tally; readonly other: Tally; readonly through: number } {
    const through = Math.max(this.#pieces.at(-1)?.last ?? 0, this.#parts.outbox.plannedThrough);
    const sum = (of: (piece: Piece) => Tally): Tally => ({
      rows: this.#pieces.reduce((rows, piece) => rows + of(piece).rows, 0),
      firstSeq: this.#pieces.map((piece) => of(piece).firstSeq).find((seq) => seq !== null) ?? null,
    });
    return { valid: sum((piece) => piece.valid), other: sum((piece) => piece.other), through };
  }

  #promised(): BatchSum[] {
    return this.#parts.buffer.db
      .query<BatchSum, []>(
        `SELECT stage, state, sum(count) AS rows, min(planned_at) AS plannedMs, min(first_seq) AS seq FROM batch
         WHERE ${IS_OPEN} AND state IN ('planned', 'parked') GROUP BY stage, state`,
      )
      .all();
  }

  #deliveredBefore(stage: Stage): number {
    this.#before ??= this.#readDelivered();
    return this.#before.get(stage) ?? 0;
  }

  /** Looks through all batches, and so is done once. */
  #readDelivered(): ReadonlyMap<Stage, number> {
    const rows = this.#parts.buffer.db
      .query<{ stage: Stage; rows: number }, []>(
        `SELECT stage, sum(rows) AS rows FROM (${DELIVERED_BEFORE}
           UNION ALL SELECT stage, count FROM batch WHERE state = 'delivered') GROUP BY stage`,
      )
      .all();
    return new Map(rows.map(({ stage, rows: n }) => [stage, n - this.#parts.outbox.deliveredRows[stage]]));
  }
}

const NONE: Tally = { rows: 0, firstSeq: null };
