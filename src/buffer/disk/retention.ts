/**
 * What the buffer deletes, and when: delivered readings after they were kept for a while, or at once when room is short;
 * undelivered ones only by the policy `drop-oldest`, and then as a counted loss.
 */
import { type SeqRange, sizeOf } from "../../core/seq-range.ts";
import type { Loss } from "../buffer.ts";
import { forgetLate } from "../late-readings.ts";
import { recordLoss } from "../ledger/losses.ts";
import { IS_OPEN } from "../schema.ts";
import type { SqliteBuffer } from "../sqlite-buffer.ts";

/** Rows deleted in one transaction: short enough never to hold up a commit for long. */
export const CHUNK_ROWS = 20_000;

export type Usage = { readonly usedBytes: number; readonly fileBytes: number };

export class Retention {
  readonly #buffer: SqliteBuffer;

  constructor(buffer: SqliteBuffer) {
    this.#buffer = buffer;
  }

  /** Pages in use, and pages on disk; the log (WAL) is not counted, it is bounded by itself. */
  usage(): Usage {
    const one = (pragma: string): number => Number(this.#buffer.db.query(`PRAGMA ${pragma}`).values()[0]?.[0] ?? 0);
    const pages = one("page_count");
    const size = one("page_size");
    return { usedBytes: (pages - one("freelist_count")) * size, fileBytes: pages * size };
  }

  settledThrough(): number {
    return settledThrough(this.#buffer);
  }

  /** Delivered readings stay only because their windows have not gone out, or a rule's memory is not stored. */
  get isHeldBack(): boolean {
    return this.settledThrough() < this.deliveredThrough();
  }

  deliveredThrough(): number {
    return deliveredThrough(this.#buffer);
  }

  /**
   * Deletes one chunk of settled readings that were committed before `beforeMs`: at most `rows`, but always one commit's.
   * Returns how many; 0 when there are none.
   */
  prune(beforeMs: number, rows = CHUNK_ROWS): number {
    return this.#pruneGroups(this.settledThrough(), beforeMs, rows);
  }

  /** The same of readings up to `seq`, whenever they were committed. */
  pruneThrough(seq: number, rows: number): number {
    return this.#pruneGroups(Math.min(seq, this.settledThrough()), Number.MAX_SAFE_INTEGER, rows);
  }

  #pruneGroups(settled: number, beforeMs: number, rows: number): number {
    const { db } = this.#buffer;
    const group = db
      .query<SeqRange, [number, number, number]>(
        // Commits are in order of time: a look at the first few is enough, however many are kept.
        `SELECT min(first_seq) AS first, max(last_seq) AS last FROM
         (SELECT first_seq, last_seq, ingested_at FROM commit_group ORDER BY first_seq LIMIT ?3)
         WHERE last_seq <= ?1 AND ingested_at < ?2`,
      )
      .get(settled, beforeMs, Math.max(1, Math.floor(rows / 1_000)));
    if (!group?.last) return 0;
    return this.#buffer.transact(() => {
      const deleted = this.#deleteThrough(group.last);
      this.#foldBatches(group.last);
      return deleted;
    });
  }

  /**
   * Deletes the oldest readings that no batch promises, writes down the loss, and returns it; null: there are none. The store
   * may have a promised batch although its answer was lost, and then it is not lost.
   */
  dropOldest(rows: number, nowMs: number, reason: "buffer_full" | "pruned" = "buffer_full"): Loss | null {
    const planned = Number(this.#buffer.meta("planned_through") ?? "0");
    const { seq: first = null } =
      this.#buffer.db
        .query<{ seq: number | null }, [number]>("SELECT min(seq) AS seq FROM reading WHERE seq > ?")
        .get(planned) ?? {};
    if (first === null) return null;
    return this.#drop({ first, last: Math.min(this.#buffer.lastSeq, first + rows - 1) }, nowMs, reason);
  }

  #drop(range: SeqRange, nowMs: number, reason: string): Loss {
    const loss = { reason, count: sizeOf(range), range, sinceMs: nowMs, untilMs: nowMs };
    this.#buffer.transact(() => {
      forgetLate(this.#buffer, range);
      this.#delete(range);
      this.#buffer.setMeta("planned_through", String(range.last));
      this.recordLoss(loss);
    });
    return loss;
  }

  /** Extends the loss before it where the reason is the same and the ranges touch. Inside the caller's transaction, or alone. */
  recordLoss(loss: Loss): void {
    recordLoss(this.#buffer.db, loss);
  }

  #deleteThrough(last: number): number {
    return this.#delete({ first: 0, last });
  }

  #delete({ first, last }: SeqRange): number {
    const { db } = this.#buffer;
    // Seqs are never used twice, also when no commit is left that has the last one.
    this.#buffer.setMeta("last_seq", String(this.#buffer.lastSeq));
    const deleted = db.query("DELETE FROM reading WHERE seq BETWEEN ? AND ?").run(first, last).changes;
    for (const side of ["finding", "malformed", "extra"])
      db.query(`DELETE FROM ${side} WHERE seq BETWEEN ? AND ?`).run(first, last);
    db.query("DELETE FROM commit_group WHERE first_seq >= ? AND last_seq <= ?").run(first, last);
    return deleted;
  }

  /** Delivered batches of pruned readings become one row per stage. Ranges overlap where one hour of two was halved. */
  #foldBatches(last: number): void {
    const { db } = this.#buffer;
    type FoldRow = SeqRange & { stage: string; rows: number; objects: number };
    const ranges = db
      .query<FoldRow, [number]>(
        `SELECT stage, first_seq AS first, last_seq AS last, sum(count) AS rows, count(*) AS objects FROM batch
         WHERE state = 'delivered' AND last_seq <= ? GROUP BY stage, first_seq, last_seq ORDER BY stage, first_seq`,
      )
      .all(last);
    // A run is of one epoch.
    const before = db.query<{ first: number }, [string, number, number]>(
      `SELECT first_seq AS first FROM delivered WHERE stage = ? AND first_seq <= ? AND first_seq >= ?
       ORDER BY first_seq DESC LIMIT 1`,
    );
    const epochStart = (seq: number) => this.#buffer.earlier.findLast((epoch) => epoch.last < seq)?.last ?? 0;
    const extend = db.query(
      `UPDATE delivered SET last_seq = max(last_seq, ?), rows = rows + ?, objects = objects + ?
       WHERE stage = ? AND first_seq = ?`,
    );
    const insert = db.query("INSERT INTO delivered VALUES (?, ?, ?, ?, ?)");
    for (const range of ranges) {
      const run = before.get(range.stage, range.first, epochStart(range.first) + 1);
      if (run === null) insert.run(range.stage, range.first, range.last, range.rows, range.objects);
      else extend.run(range.last, range.rows, range.objects, range.stage, run.first);
    }
    db.query("DELETE FROM batch WHERE state = 'delivered' AND last_seq <= ?").run(last);
  }
}

/** A buffer, open for writing or for reading. */
type Readable = Pick<SqliteBuffer, "db" | "meta">;

/** Up to this seq every reading was delivered to every stage, its windows went out, and no rule needs it any more. */
export function settledThrough(buffer: Readable): number {
  const windows = Number(buffer.meta("windows_from") ?? "1") - 1;
  const rules = Number(buffer.meta("rules_through") ?? Number.POSITIVE_INFINITY);
  return Math.min(deliveredThrough(buffer), windows, rules);
}

/** Up to this seq every reading was delivered to its own stages. */
export function deliveredThrough(buffer: Readable): number {
  const open = buffer.db
    .query<{ seq: number | null }, []>(
      `SELECT min(first_seq) AS seq FROM batch WHERE ${IS_OPEN} AND first_seq IS NOT NULL`,
    )
    .get();
  const planned = Number(buffer.meta("planned_through") ?? "0");
  return Math.min(planned, (open?.seq ?? Number.POSITIVE_INFINITY) - 1);
}
