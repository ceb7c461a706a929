/**
 * Readings that came after their window was deleted: they are in every stage but the aggregates, and counted as a loss. A window's
 * `through_seq` says up to which seq its readings are in an aggregate or counted, so that after any death each is counted once.
 */
import { NO_SENSOR } from "../core/sensor.ts";
import type { SeqRange } from "../core/seq-range.ts";
import { recordLoss } from "./ledger/losses.ts";
import type { SqliteBuffer } from "./sqlite-buffer.ts";

/** The reason of the loss. */
export const LATE = "late_for_window";
/** How many were counted with their windows' marks. An agent of an older version counts without them. */
const MARKED = "late_marked";
/** None that was counted has a higher seq. */
const THROUGH = "late_through";
const COUNTED = `SELECT coalesce(sum(count), 0) AS count FROM loss WHERE reason = '${LATE}'`;

/** Of one window: how many, and the last of them. */
export type LateOfWindow = { readonly startMs: number; readonly count: number; readonly throughSeq: number };

export class LateReadings {
  readonly #buffer: SqliteBuffer;

  constructor(buffer: SqliteBuffer) {
    this.#buffer = buffer;
  }

  get isMarked(): boolean {
    return areLateMarked([{ reason: LATE, count: countedIn(this.#buffer) }], this.#buffer);
  }

  /** Durable on return. */
  count(late: readonly LateOfWindow[], nowMs: number): void {
    const count = late.reduce((sum, of) => sum + of.count, 0);
    const loss = { reason: LATE, count, range: null, sinceMs: nowMs, untilMs: nowMs };
    this.#buffer.transact(() => {
      recordLoss(this.#buffer.db, loss);
      this.mark(late);
    });
  }

  /** They were counted already. */
  mark(late: readonly LateOfWindow[]): void {
    this.#buffer.transact(() => {
      const mark = this.#buffer.db.query("UPDATE window SET through_seq = ?2 WHERE start = ?1 AND through_seq < ?2");
      for (const { startMs, throughSeq } of late) mark.run(startMs, throughSeq);
      const through = late.reduce((most, { throughSeq }) => Math.max(most, throughSeq), throughOf(this.#buffer));
      this.#buffer.setMeta(THROUGH, String(through));
      this.#buffer.setMeta(MARKED, String(countedIn(this.#buffer)));
    });
  }
}

/**
 * Readings that are in no aggregate are about to be dropped, which is a loss of its own: those that were counted as late count
 * no more. Inside the transaction that drops them.
 */
export function forgetLate(buffer: SqliteBuffer, { first, last }: SeqRange): void {
  if (throughOf(buffer) < first) return;
  const { db } = buffer;
  const late = db.query<{ count: number }, [number, number, number]>(
    `SELECT count(*) AS count FROM reading r JOIN window w ON w.start = r.time - ((r.time % ?3) + ?3) % ?3
     WHERE r.seq BETWEEN ?1 AND ?2 AND r.sensor <> ${NO_SENSOR} AND w.length = ?3 AND r.seq <= w.through_seq`,
  );
  const lengths = db.query<{ length: number }, []>("SELECT DISTINCT length FROM window").all();
  const count = lengths.reduce((sum, { length }) => sum + late.get(first, last, length)!.count, 0);
  if (count === 0) return;
  db.query(
    `UPDATE loss SET count = count - ?1 WHERE id =
     (SELECT max(id) FROM loss WHERE reason = '${LATE}' AND last_seq IS NULL AND count >= ?1)`,
  ).run(count);
  db.run(`DELETE FROM loss WHERE reason = '${LATE}' AND count = 0`);
  buffer.setMeta(MARKED, String(countedIn(buffer)));
}

const throughOf = (buffer: SqliteBuffer) => Number(buffer.meta(THROUGH) ?? "0");

const countedIn = ({ db }: SqliteBuffer) => db.query<{ count: number }, []>(COUNTED).get()!.count;

/** `losses` of a buffer; false behind an older agent, which counted without marks. */
export function areLateMarked(
  losses: readonly { readonly reason: string; readonly count: number }[],
  of: { meta(key: string): string | null },
): boolean {
  const counted = losses.reduce((sum, { reason, count }) => sum + (reason === LATE ? count : 0), 0);
  return counted === Number(of.meta(MARKED) ?? "0");
}
