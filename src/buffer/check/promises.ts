/** What a buffer promised and counted, against the readings that it holds: batches, windows, losses and counters. */
import { rangesText } from "../../core/readable-numbers.ts";
import { type SeqRange, sizeOf, subtractRanges } from "../../core/seq-range.ts";
import { READING_STAGES, type ReadingStage, type Stage } from "../../core/stage.ts";
import { MS_PER_HOUR } from "../../core/time/duration.ts";
import { conflictsOf } from "../conflicts.ts";
import { isWholeBody } from "../corruption.ts";
import { firstSeqOf } from "../earlier-epochs.ts";
import type { BufferLedger } from "../ledger/ledger.ts";
import { lossesOf } from "../ledger/losses.ts";
import { VERDICTS_OF_STAGE } from "../ledger/promises.ts";
import { IS_OPEN, WINDOW_STATES_SINCE } from "../schema.ts";
import type { DamageList } from "./damage.ts";

export type PromisesLook = {
  readonly ledger: BufferLedger;
  readonly found: DamageList;
  /** Called between two looks. Throws when the check is stopped. */
  readonly turn: () => Promise<void>;
  /** Whether the accumulators of a window can be read. */
  readonly readsWindow: (states: Uint8Array) => boolean;
};

type OpenRow = { id: number; stage: Stage; key: string; count: number; hour: number };

/** Each batch that is not delivered can still be made: its readings are there, as many as its key says. Returns how many batches. */
export async function checkBatches({ ledger, found, turn }: PromisesLook): Promise<number> {
  const { db } = ledger;
  const { n } = db.query<{ n: number }, []>("SELECT count(*) AS n FROM batch").get()!;
  const ranges = db.query<SeqRange, []>(
    `SELECT DISTINCT first_seq AS first, last_seq AS last FROM batch
     WHERE ${IS_OPEN} AND first_seq IS NOT NULL ORDER BY 1, 2`,
  );
  const batches = db.query<OpenRow, [number, number]>(
    `SELECT id, stage, key, count, hour FROM batch WHERE ${IS_OPEN} AND first_seq = ? AND last_seq = ?`,
  );
  for (const range of ranges.all()) {
    const rows = rowsOf(ledger, range);
    for (const { stage, key, count, hour } of batches.all(range.first, range.last)) {
      const there = rows(
        READING_STAGES.find((one) => one === stage),
        hour,
      );
      if (there !== count)
        found.add("batches", `${stage}/${key} promises ${count} readings, and ${there} are there`, [range]);
    }
    await turn();
  }
  const bodies = db.query<{ id: number }, []>(
    `SELECT id FROM batch WHERE ${IS_OPEN} AND first_seq IS NULL ORDER BY id`,
  );
  const body = db.query<{ stage: Stage; key: string; body: unknown }, [number]>(
    "SELECT stage, key, body FROM batch WHERE id = ?",
  );
  for (const { id } of bodies.all()) {
    const one = body.get(id);
    if (one !== null && !(one.body instanceof Uint8Array && isWholeBody(one.body)))
      found.add("batches", `${one.stage}/${one.key} cannot be sent: the body that was stored for it is damaged`);
    await turn();
  }
  return n;
}

/** How many readings of a range each stage has in an hour. */
function rowsOf({ db }: BufferLedger, { first, last }: SeqRange) {
  const rows = db
    .query<{ hour: number; verdict: number; n: number }, [number, number, number]>(
      `SELECT time - ((time % ?3) + ?3) % ?3 AS hour, verdict, count(*) AS n FROM reading
       WHERE seq BETWEEN ?1 AND ?2 GROUP BY 1, 2`,
    )
    .all(first, last, MS_PER_HOUR);
  return (stage: ReadingStage | undefined, hour: number) =>
    rows
      .filter((row) => row.hour === hour && stage !== undefined && VERDICTS_OF_STAGE[stage].includes(row.verdict))
      .reduce((sum, { n }) => sum + n, 0);
}

/** Every reading of this epoch up to the last that is promised is in a batch, or in what is left of one, or is a counted loss. */
export function checkPlan({ ledger, found }: PromisesLook): void {
  const { db } = ledger;
  const from = firstSeqOf(ledger.earlier());
  const through = ledger.plannedThrough();
  if (through < from) return;
  const planned = db.query<SeqRange, []>(
    `SELECT first_seq AS first, last_seq AS last FROM batch WHERE first_seq IS NOT NULL
     UNION SELECT first_seq, last_seq FROM delivered ORDER BY 1, 2`,
  );
  const other: SeqRange[] = [
    ...conflictsOf(ledger).flatMap(({ range }) => (range === null ? [] : [range])),
    ...lossesOf(ledger).flatMap(({ range }) => (range === null ? [] : [range])),
  ];
  const gaps: SeqRange[] = [];
  let next = from;
  let any = false;
  for (const { first, last } of planned.iterate()) {
    any = true;
    if (first > next) gaps.push({ first: next, last: first - 1 });
    next = Math.max(next, last + 1);
  }
  // No stage of readings is switched on, as far back as the buffer knows.
  if (!any) return;
  if (next <= through) gaps.push({ first: next, last: through });
  const missing = subtractRanges(gaps, other);
  if (missing.length > 0)
    found.add(
      "batches",
      `Readings up to ${through} count as promised, and no batch has ${rangesText(missing)}`,
      missing,
    );
}

/** Windows that went out: their accumulators can be read, and no reading in them is newer than the newest. Returns how many. */
export async function checkWindows({ ledger, found, turn, readsWindow }: PromisesLook): Promise<number> {
  const { db } = ledger;
  const accepted = ledger.accepted();
  type WindowRow = { start: number; through: number };
  const late = db.query<WindowRow, [number]>(
    "SELECT start, through_seq AS through FROM window WHERE through_seq > ? ORDER BY start LIMIT 100",
  );
  for (const { start, through } of late.all(accepted))
    found.add("windows", `The window of ${isoOf(start)} has readings up to ${through}, and the newest is ${accepted}`);
  const { n } = db.query<{ n: number }, []>("SELECT count(*) AS n FROM window").get()!;
  if (ledger.version < WINDOW_STATES_SINCE) return n;
  const starts = db.query<{ start: number }, [number]>(
    "SELECT start FROM window_state WHERE start > ? ORDER BY start LIMIT 1",
  );
  const one = db.query<{ states: unknown; known: number }, [number]>(
    `SELECT states, EXISTS (SELECT 1 FROM window w WHERE w.start = s.start) AS known
     FROM window_state s WHERE start = ?`,
  );
  for (let at = starts.get(Number.MIN_SAFE_INTEGER); at !== null; at = starts.get(at.start)) {
    const row = one.get(at.start);
    const isRead = row?.states instanceof Uint8Array && readsWindow(row.states);
    if (!isRead) found.add("windows", `The accumulators of the window of ${isoOf(at.start)} cannot be read`);
    if (row?.known === 0) found.add("windows", `The window of ${isoOf(at.start)} has accumulators, and never went out`);
    await turn();
  }
  return n;
}

function isoOf(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

/** Counted losses agree with their ranges, and counters with the newest reading. Returns how many losses. */
export function checkCounters({ ledger, found }: PromisesLook): number {
  const { db } = ledger;
  const losses = lossesOf(ledger);
  for (const { reason, count, range } of losses)
    if (range !== null && sizeOf(range) !== count)
      found.add("losses", `A loss (${reason}) counts ${count} readings of ${sizeOf(range)}`, [range]);
  const accepted = ledger.accepted();
  const most: Readonly<Record<string, number>> = {
    planned_through: accepted,
    rules_through: accepted,
    windows_from: accepted + 1,
    windows_issued_through: accepted,
  };
  for (const [key, limit] of Object.entries(most)) {
    const value = ledger.meta(key);
    if (value !== null && !(/^\d{1,15}$/.test(value) && Number(value) <= limit))
      found.add("counters", `The counter ${key} is "${value}", and the newest reading is ${accepted}`);
  }
  for (const side of ["finding", "malformed", "extra"]) {
    const { n, first } = db
      .query<{ n: number; first: number | null }, []>(
        `SELECT count(*) AS n, min(seq) AS first FROM ${side} s
         WHERE NOT EXISTS (SELECT 1 FROM reading r WHERE r.seq = s.seq)`,
      )
      .get()!;
    if (n > 0) found.add("readings", `${n} rows of the table ${side} have no reading, the first is ${first}`);
  }
  return losses.length;
}
