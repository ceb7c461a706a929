/** The newest readings of a buffer and the newest of those that broke a rule, at a cost that does not grow with the buffer. */

import type { BufferLedger } from "./ledger.ts";
import { MALFORMED_RULE } from "./tail.ts";

/** The newest seqs after `afterSeq` of readings with a finding or malformed ones, the oldest first. */
export function newestBroken({ db }: BufferLedger, afterSeq: number, most: number): number[] {
  const newest = (table: "finding" | "malformed") =>
    db
      .query<{ seq: number }, [number, number]>(`SELECT seq FROM ${table} WHERE seq > ? ORDER BY seq DESC LIMIT ?`)
      .all(afterSeq, most)
      .map(({ seq }) => seq);
  return [...newest("finding"), ...newest("malformed")].sort((a, b) => a - b).slice(-most);
}

/** How often each rule was broken by the newest `most` of the readings after `afterSeq` that broke one. */
export function brokenAfter({ db }: BufferLedger, afterSeq: number, most: number): ReadonlyMap<string, number> {
  const rows = db
    .query<{ rule: string; n: number }, [number, number]>(
      `SELECT json_extract(f.value, '$.rule') AS rule, count(*) AS n
       FROM (SELECT findings FROM finding WHERE seq > ? ORDER BY seq DESC LIMIT ?) newest, json_each(newest.findings) f
       GROUP BY 1`,
    )
    .all(afterSeq, most);
  const malformed = db
    .query<{ n: number }, [number, number]>(
      "SELECT count(*) AS n FROM (SELECT 1 FROM malformed WHERE seq > ? ORDER BY seq DESC LIMIT ?)",
    )
    .get(afterSeq, most);
  const counts = new Map(rows.map(({ rule, n }) => [rule, n]));
  if (malformed !== null && malformed.n > 0) counts.set(MALFORMED_RULE.rule, malformed.n);
  return counts;
}
