/** The losses that a buffer has counted: its own, and those of buffers that were set aside before it. */
import type { Database } from "bun:sqlite";
import type { Loss } from "../buffer.ts";
import type { BufferLedger } from "./ledger.ts";

export type LossRow = {
  readonly reason: string;
  readonly count: number;
  readonly first: number | null;
  readonly last: number | null;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly epoch: string | null;
};

const COLUMNS = "reason, count, first_seq AS first, last_seq AS last, since AS sinceMs, until AS untilMs";
export const SELECT_LOSSES = `SELECT ${COLUMNS}, epoch FROM loss ORDER BY id`;
const SELECT_LOSSES_OF_VERSION_1 = `SELECT ${COLUMNS}, NULL AS epoch FROM loss ORDER BY id`;

export function lossesOf(ledger: Pick<BufferLedger, "db" | "version">): Loss[] {
  const select = ledger.version >= 2 ? SELECT_LOSSES : SELECT_LOSSES_OF_VERSION_1;
  return ledger.db.query<LossRow, []>(select).all().map(lossOf);
}

export function lossOf({ reason, count, first, last, sinceMs, untilMs, epoch }: LossRow): Loss {
  const range = first === null || last === null ? null : { first, last };
  const loss = { reason, count, range, sinceMs, untilMs };
  return epoch === null ? loss : { ...loss, epoch };
}

/** Extends the loss before it where the reason is the same and the ranges touch. Inside the caller's transaction, or alone. */
export function recordLoss(db: Database, loss: Loss): void {
  const { reason, count, range, sinceMs, untilMs, epoch = null } = loss;
  const lastSeq = range?.last ?? null;
  const seqBefore = range === null ? null : range.first - 1;
  const joined = db
    .query(
      `UPDATE loss SET count = count + ?, last_seq = ?, until = ?
       WHERE reason = ? AND last_seq IS ? AND epoch IS ?`,
    )
    .run(count, lastSeq, untilMs, reason, seqBefore, epoch).changes;
  if (joined > 0) return;
  db.query(
    "INSERT INTO loss (reason, count, first_seq, last_seq, since, until, epoch) VALUES (?, ?, ?, ?, ?, ?, ?)",
  ).run(reason, count, range?.first ?? null, lastSeq, sinceMs, untilMs, epoch);
}
