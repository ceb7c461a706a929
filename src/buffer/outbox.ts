/**
 * The outbox: batches are written down (stage, key, range, count) before their first PUT, and settled by the store's
 * answer. A batch that was planned is carried until it is delivered or parked, over any number of restarts; what it
 * holds never changes, so sending it twice under its key is harmless.
 */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { type HourRange, intersect, type SeqRange, sizeOf } from "../core/seq-range.ts";
import { type ReadingStage, STAGES, type Stage } from "../core/stage.ts";
import { hourOf, MS_PER_HOUR } from "../core/time/duration.ts";
import { type Batch, type PlannedObject, rangeOf, VALID, verdictOf } from "./buffer.ts";
import { type Conflict, type ConflictSummary, conflictSummary, recordConflict } from "./conflicts.ts";
import { CorruptRowError, isWholeBody } from "./corruption.ts";
import { BUSY_TIMEOUT_MS, IS_PARKED, IS_PLANNED } from "./schema.ts";
import { BUFFER_FILE, type SqliteBuffer } from "./sqlite-buffer.ts";

/** Names an object by its content; the agent uses that of `uplink/object-key.ts`. */
export type KeyOf = (of: HourRange & { readonly count: number }) => string;

type BatchRow = {
  id: number;
  stage: Stage;
  key: string;
  count: number;
  first_seq: number | null;
  last_seq: number | null;
  hour: number | null;
};
const BATCH_COLUMNS = "id, stage, key, count, first_seq, last_seq, hour";

/** Text beside readings (unknown fields, malformed lines) in one batch: it is in memory while the batch is made. */
const BATCH_TEXT_BYTES = 32 * 1024 * 1024;
const TEXT_OF_ROWS = `SELECT seq, octet_length(fields) AS bytes FROM extra WHERE seq BETWEEN ?1 AND ?2
  UNION ALL SELECT seq, octet_length(received) FROM malformed WHERE seq BETWEEN ?1 AND ?2`;

export type BatchWithBody = Pick<Batch, "stage" | "key" | "count"> & { readonly body: Uint8Array };

export class Outbox {
  readonly #buffer: SqliteBuffer;
  readonly #stages: ReadonlySet<Stage>;
  readonly #keyOf: KeyOf;
  /** Rows that were settled as delivered since this was made. */
  readonly deliveredRows = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  #plannedThrough: number;

  constructor(buffer: SqliteBuffer, stages: ReadonlySet<Stage>, keyOf: KeyOf) {
    this.#buffer = buffer;
    this.#stages = stages;
    this.#keyOf = keyOf;
    this.#plannedThrough = Number(buffer.meta("planned_through") ?? "0");
  }

  get plannedThrough(): number {
    return this.#plannedThrough;
  }

  /** Retention dropped readings: how far they are planned is read again. */
  reload(): void {
    this.#plannedThrough = Number(this.#buffer.meta("planned_through") ?? "0");
  }

  /** Committed readings that no batch promises yet. */
  get unplanned(): number {
    return this.#buffer.lastSeq - this.#plannedThrough;
  }

  /** When the oldest unplanned reading was committed, ms, or null. */
  unplannedSinceMs(): number | null {
    if (this.unplanned === 0) return null;
    const row = this.#buffer.db
      .query<{ at: number }, [number]>(
        // By the key: a scan would cost more with every commit that is kept.
        "SELECT ingested_at AS at FROM commit_group WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
      )
      .get(this.#plannedThrough + 1);
    return row?.at ?? null;
  }

  /** Writes down the batches of the next `maxRows` readings, fewer where they carry much text; durable on return. */
  plan(maxRows: number, nowMs: number): Batch[] {
    const first = this.#plannedThrough + 1;
    const most = Math.min(this.#buffer.lastSeq, this.#plannedThrough + maxRows);
    if (most < first) return [];
    const last = this.#lastWithin({ first, last: most });
    const planned = this.#buffer.transact(() => {
      const batches = this.#insertRange({ first, last }, nowMs);
      this.#buffer.setMeta("planned_through", String(last));
      return batches;
    });
    this.#plannedThrough = last;
    return planned;
  }

  /**
   * Writes down a batch whose body cannot be made again from readings. Inside the caller's transaction. Null: a batch of this
   * stage and key is promised already, which only damage can bring about.
   */
  planBody({ stage, key, count, body }: BatchWithBody, nowMs: number): Batch | null {
    const row = this.#buffer.db
      .query<{ id: number }, [Stage, string, number, number, Uint8Array]>(
        `INSERT INTO batch (stage, key, count, state, planned_at, body) VALUES (?, ?, ?, 'planned', ?, ?)
         ON CONFLICT (stage, key) DO NOTHING RETURNING id`,
      )
      .get(stage, key, count, nowMs, body);
    return row === null ? null : { id: row.id, stage, key, count, range: null, body };
  }

  /** The batches that are promised and not settled, oldest first, at most `limit`. */
  open(limit: number): Batch[] {
    return this.#buffer.db
      .query<BatchRow, [number]>(`SELECT ${BATCH_COLUMNS} FROM batch WHERE ${IS_PLANNED} ORDER BY id LIMIT ?`)
      .all(limit)
      .map(asBatch);
  }

  /** The highest id that a batch has. */
  lastId(): number {
    return this.#buffer.db.query<{ id: number | null }, []>("SELECT max(id) AS id FROM batch").get()?.id ?? 0;
  }

  body(batch: Batch): Uint8Array {
    if (batch.body !== undefined) return batch.body;
    const row = this.#buffer.db
      .query<{ body: Uint8Array | null }, [number]>("SELECT body FROM batch WHERE id = ?")
      .get(batch.id);
    if (row?.body && isWholeBody(row.body)) return row.body;
    throw new CorruptRowError(`Cannot read batch ${batch.id}: its body differs from the one that was written`);
  }

  /** The store has them. Should the process die before this, they are sent again and the store says so. */
  delivered(batches: readonly Batch[], nowMs: number): void {
    const settle = this.#buffer.db.query(
      "UPDATE batch SET state = 'delivered', settled_at = ?, body = NULL, error = NULL WHERE id = ?",
    );
    this.#buffer.transact(() => {
      for (const batch of batches) settle.run(nowMs, batch.id);
    });
    for (const { stage, count } of batches) this.deliveredRows[stage] += count;
  }

  /**
   * A batch that the store refuses for good: halved, so that one bad row cannot hold the others; a single row (or a body
   * that cannot be divided) is parked with its reason until `requeue`.
   */
  refused(batch: Batch, reason: string, nowMs: number): "halved" | "parked" {
    const range = batch.range;
    return this.#buffer.transact(() => {
      if (range === null || !isDividable(batch)) {
        this.park(batch, reason, nowMs);
        return "parked";
      }
      this.#buffer.db.query("DELETE FROM batch WHERE id = ?").run(batch.id);
      const middle = Math.floor((range.first + range.last) / 2);
      for (const half of [
        { first: range.first, last: middle },
        { first: middle + 1, last: range.last },
      ]) {
        const objects = this.objectsOf(half).filter((o) => o.stage === batch.stage && o.hourMs === range.hourMs);
        for (const object of objects) this.#insert(object, half, nowMs);
      }
      return "halved";
    });
  }

  /** Another object has its key: it is promised again as `again`, under another epoch. In one transaction. */
  replan(
    { id, stage, key, count, range }: Batch,
    { again, ...why }: Pick<Conflict, "epoch" | "window" | "found"> & { readonly again: BatchWithBody },
    nowMs: number,
  ): void {
    const { db } = this.#buffer;
    this.#buffer.transact(() => {
      recordConflict(db, { stage, key, count, range, ...why, under: this.#buffer.epoch, atMs: nowMs });
      db.query("DELETE FROM batch WHERE id = ?").run(id);
      if (this.planBody(again, nowMs) === null)
        throw new CorruptRowError(`Cannot promise ${again.key}: it is promised`);
    });
  }

  newestConflict(): ConflictSummary | null {
    return conflictSummary(this.#buffer);
  }

  /** It goes out no more until `requeue`. */
  park({ id }: Batch, reason: string, nowMs: number): void {
    this.#buffer.db
      .query("UPDATE batch SET state = 'parked', settled_at = ?, error = ? WHERE id = ?")
      .run(nowMs, reason.slice(0, 1_000), id);
  }

  /** Parked batches go out again. Returns how many. */
  requeue(): number {
    return requeueParked(this.#buffer.db);
  }

  /** Where the text beside the readings of a range is more than a batch may have, the last seq before that. */
  #lastWithin({ first, last }: SeqRange): number {
    const { db } = this.#buffer;
    const all = db.query<{ sum: number }, [number, number]>(`SELECT total(bytes) AS sum FROM (${TEXT_OF_ROWS})`);
    if (all.get(first, last)!.sum <= BATCH_TEXT_BYTES) return last;
    let sum = 0;
    const each = db.query<{ seq: number; bytes: number }, [number, number]>(`${TEXT_OF_ROWS} ORDER BY seq`);
    for (const { seq, bytes } of each.all(first, last)) {
      sum += bytes;
      if (sum > BATCH_TEXT_BYTES) return Math.max(first, seq - 1);
    }
    return last;
  }

  #insertRange(range: SeqRange, nowMs: number): Batch[] {
    return this.objectsOf(range).map((object) => this.#insert(object, range, nowMs));
  }

  #insert({ stage, hourMs, count }: PlannedObject, { first, last }: SeqRange, nowMs: number): Batch {
    const key = this.#keyOf({ hourMs, first, last, count });
    const row = this.#buffer.db
      .query<{ id: number }, [ReadingStage, string, number, number, number, number, number]>(
        `INSERT INTO batch (stage, key, count, first_seq, last_seq, hour, state, planned_at)
         VALUES (?, ?, ?, ?, ?, ?, 'planned', ?) RETURNING id`,
      )
      .get(stage, key, count, first, last, hourMs, nowMs)!;
    return { id: row.id, stage, key, count, range: { first, last, hourMs } };
  }

  /**
   * Which objects a range makes: per hour of event time, all rows to raw, the valid and the others to their stages. Throws
   * CorruptRowError where one of its readings is not there: a damaged page can hide them without an error.
   */
  objectsOf(range: SeqRange): PlannedObject[] {
    const valid = new Map<number, number>();
    const other = new Map<number, number>();
    let rows = 0;
    for (const stored of this.#buffer.read(range)) {
      const { block, firstSeq } = stored;
      const own = intersect(range, rangeOf(stored));
      const from = own.first - firstSeq;
      const to = own.last - firstSeq + 1;
      rows += sizeOf(own);
      let hourMs = Number.NaN;
      let until = Number.NaN;
      for (let row = from; row < to; row++) {
        const time = block.time[row] ?? Number.NaN;
        if (!(time >= hourMs && time < until)) {
          hourMs = hourOf(time);
          until = hourMs + MS_PER_HOUR;
        }
        const counts = verdictOf(block, row) === VALID ? valid : other;
        counts.set(hourMs, (counts.get(hourMs) ?? 0) + 1);
      }
    }
    if (rows !== sizeOf(range)) {
      throw new CorruptRowError(`Cannot read readings ${range.first} to ${range.last}: ${rows} are there`);
    }
    const hours = [...new Set([...valid.keys(), ...other.keys()])].sort((a, b) => a - b);
    return hours.flatMap((hourMs) => {
      const v = valid.get(hourMs) ?? 0;
      const o = other.get(hourMs) ?? 0;
      const counts: Record<ReadingStage, number> = { raw: v + o, validated: v, anomalies: o, schematized: v };
      return (Object.entries(counts) as [ReadingStage, number][])
        .filter(([stage, count]) => count > 0 && this.#stages.has(stage))
        .map(([stage, count]) => ({ stage, hourMs, count }));
    });
  }
}

/** The same, on a buffer that no agent has open; the caller has the data dir's lock. */
export function requeueIn(dataDir: string): number {
  const db = new Database(join(dataDir, BUFFER_FILE), { readwrite: true, create: false });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    db.run("PRAGMA synchronous = FULL");
    return requeueParked(db);
  } finally {
    db.close();
  }
}

function requeueParked(db: Database): number {
  return db.query(`UPDATE batch SET state = 'planned', settled_at = NULL, error = NULL WHERE ${IS_PARKED}`).run()
    .changes;
}

/** Whether halves of it can be promised instead. */
export function isDividable({ range }: Pick<Batch, "range">): boolean {
  return range !== null && sizeOf(range) > 1;
}

function asBatch(row: BatchRow): Batch {
  const { id, stage, key, count } = row;
  const range =
    row.first_seq === null || row.last_seq === null || row.hour === null
      ? null
      : { first: row.first_seq, last: row.last_seq, hourMs: row.hour };
  return { id, stage, key, count, range };
}
