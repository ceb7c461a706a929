/** The losses that a buffer has counted, its own and those of buffers that were set aside before it. */
import type { Loss } from "../buffer.ts";
import type { BufferLedger } from "./ledger.ts";

export function lossesOf(ledger: Pick<BufferLedger, "db" | "version">): Loss[] {
  type LossRow = Omit<Loss, "epoch"> & { readonly epoch: string | null };
  const epoch = ledger.version >= 2 ? "epoch" : "NULL AS epoch";
  return ledger.db
    .query<LossRow, []>(
      `SELECT reason, count, first_seq AS firstSeq, last_seq AS lastSeq, since AS sinceMs, until AS untilMs, ${epoch}
       FROM loss ORDER BY id`,
    )
    .all()
    .map(({ epoch: of, ...loss }) => (of === null ? loss : { ...loss, epoch: of }));
}
