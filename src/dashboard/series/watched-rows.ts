/**
 * Readings of some series in a range of seqs: from the blocks that are still in memory, where they are, else from the database. Each
 * call is one short look: nothing is open between two, so that it holds up neither a checkpoint nor a buffer that is replaced.
 */
import { ANOMALOUS, type StoredBlock } from "../../buffer/buffer.ts";
import { findingsIn } from "../../buffer/ledger/findings.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Finding } from "../../core/reading.ts";
import { type SeqRange, sizeOf } from "../../core/seq-range.ts";
import type { SeriesAt, WatchedColumns } from "./watched-series.ts";

export type WatchedRow = {
  readonly seq: number;
  readonly atMs: number;
  /** By column; null where the reading has no such value. */
  readonly values: readonly (number | null)[];
  readonly series: readonly SeriesAt[];
  readonly isAnomalous: boolean;
};
export type ReadBuffer = Pick<SqliteBuffer, "db" | "recent" | "lastSeq">;

/** Findings that one look takes from the database. */
export const FINDINGS_AT_ONCE = 2_000;

/** The rows of blocks in memory, oldest first, each with its findings. */
export function* rowsInMemory(
  blocks: readonly StoredBlock[],
  range: SeqRange,
  { slots, byHandle }: WatchedColumns,
): Generator<readonly [WatchedRow, readonly Finding[]]> {
  for (const { firstSeq, block } of blocks) {
    const { sensor, time, measures, findings } = block;
    const from = Math.max(0, range.first - firstSeq);
    const until = Math.min(block.count, range.last - firstSeq + 1);
    for (let row = from; row < until; row++) {
      const series = byHandle.get(sensor[row] ?? 0);
      if (series === undefined) continue;
      const values = slots.map((slot) => {
        const value = measures[slot]?.[row] ?? Number.NaN;
        return Number.isNaN(value) ? null : value;
      });
      const broken = findings.get(row) ?? [];
      const isAnomalous = broken.length > 0;
      yield [{ seq: firstSeq + row, atMs: time[row] ?? Number.NaN, values, series, isAnomalous }, broken];
    }
  }
}

/** The rows that the database has, newest seq first. */
export function storedRows({ db }: Pick<SqliteBuffer, "db">, range: SeqRange, columns: WatchedColumns): WatchedRow[] {
  if (sizeOf(range) === 0 || columns.byHandle.size === 0) return [];
  // A slot whose first commit has not happened yet has no column.
  const { stored } = db.query<{ stored: number }, []>("SELECT count(*) AS stored FROM measure").get() ?? { stored: 0 };
  const measures = columns.slots.map((slot) => (slot < stored ? `m${slot}` : "NULL"));
  const statement = db.prepare<unknown, [number, number, string]>(
    `SELECT seq, time, sensor, verdict, ${measures.join(", ")} FROM reading WHERE seq BETWEEN ? AND ?
     AND sensor IN (SELECT value FROM json_each(?)) ORDER BY seq DESC`,
  );
  try {
    const rows = statement.values(range.first, range.last, JSON.stringify([...columns.byHandle.keys()]));
    return rows.map((row): WatchedRow => {
      const [seq, atMs, sensor, verdict, ...values] = row as [number, number, number, number, ...(number | null)[]];
      const series = columns.byHandle.get(sensor) ?? [];
      return { seq, atMs, values, series, isAnomalous: verdict === ANOMALOUS };
    });
  } finally {
    statement.finalize();
  }
}

/** The findings of these readings, of at most {@link FINDINGS_AT_ONCE}; a damaged row has none. */
export function storedFindings(
  { db }: Pick<SqliteBuffer, "db">,
  seqs: readonly number[],
): ReadonlyMap<number, readonly Finding[]> {
  if (seqs.length === 0) return new Map();
  const rows = db
    .query<{ seq: number; findings: string }, [string]>(
      "SELECT seq, findings FROM finding WHERE seq IN (SELECT value FROM json_each(?))",
    )
    .all(JSON.stringify(seqs.slice(0, FINDINGS_AT_ONCE)));
  return new Map(rows.map(({ seq, findings }) => [seq, findingsIn(findings) ?? []]));
}
