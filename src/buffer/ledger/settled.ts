/** What the buffer remembers of objects that the store has: from its newest batches, at a cost that does not grow with the buffer. */
import type { Database } from "bun:sqlite";
import type { Stage } from "../../core/stage.ts";

/** The newest batches that are looked at: some hours of a busy node, 10 ms. */
const BATCHES_MOST = 10_000;

/** When the store had the newest object of each stage. */
export function lastSettled(db: Database): ReadonlyMap<Stage, number> {
  const rows = db
    .query<{ stage: Stage; atMs: number }, [number]>(
      `SELECT stage, max(settled_at) AS atMs FROM (SELECT stage, state, settled_at FROM batch ORDER BY id DESC LIMIT ?)
       WHERE state = 'delivered' AND settled_at IS NOT NULL GROUP BY stage`,
    )
    .all(BATCHES_MOST);
  return new Map(rows.map(({ stage, atMs }) => [stage, atMs]));
}

export type SettledStep = { readonly step: number; readonly rows: number; readonly objects: number };

/** Rows and objects by step, `step` counted from 1970 in steps of `stepMs`, of batches that were settled before `untilMs`. */
export function settledSteps(db: Database, stepMs: number, untilMs: number): SettledStep[] {
  return db
    .query<SettledStep, [number, number, number]>(
      `SELECT CAST(settled_at / ? AS INTEGER) AS step, sum(count) AS rows, count(*) AS objects
       FROM (SELECT state, settled_at, count FROM batch ORDER BY id DESC LIMIT ?)
       WHERE state = 'delivered' AND settled_at < ? GROUP BY 1`,
    )
    .all(stepMs, BATCHES_MOST, untilMs);
}
