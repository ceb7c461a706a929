/**
 * Windows that went out: their revision, the last seq in them, and their accumulators, so that a late reading can re-issue
 * them and a restart knows from which reading on it must rebuild the open windows.
 */
import { FORGOTTEN_ROWS } from "./schema.ts";
import type { SqliteBuffer } from "./sqlite-buffer.ts";

export type LedgerWindow = {
  readonly revision: number;
  readonly throughSeq: number;
  /** Accumulators as text, by sensor_id; empty where retention deleted them (`expired`). */
  readonly sensors: readonly { readonly sensorId: string; readonly state: string }[];
  readonly expired: boolean;
};

const WINDOWS_FROM = "windows_from";
/** No window that went out has a reading behind this seq. */
const ISSUED_THROUGH = "windows_issued_through";
const WATERMARK = "watermark";
const EXPIRED_AT_ONCE = 1_000;

export class WindowLedger {
  readonly #buffer: SqliteBuffer;
  readonly #lengthMs: number;

  constructor(buffer: SqliteBuffer, lengthMs: number) {
    this.#buffer = buffer;
    this.#lengthMs = lengthMs;
  }

  recall(startMs: number): LedgerWindow | null {
    type WindowRow = { length: number; revision: number; through_seq: number };
    const row = this.#buffer.db
      .query<WindowRow, [number]>("SELECT length, revision, through_seq FROM window WHERE start = ?")
      .get(startMs);
    if (row === null) return null;
    // Another length under the same start: a new window, but its key must not meet the old one's.
    if (row.length !== this.#lengthMs) return { revision: row.revision, throughSeq: 0, sensors: [], expired: false };
    const sensors = this.#buffer.db
      .query<{ sensorId: string; state: string }, [number]>(
        "SELECT sensor_id AS sensorId, state FROM window_sensor WHERE start = ?",
      )
      .all(startMs);
    // Never issued: it went out in an earlier epoch only.
    const expired = sensors.length === 0 && row.revision >= 0;
    return { revision: row.revision, throughSeq: row.through_seq, sensors, expired };
  }

  /** Inside the transaction that plans the window's batch. */
  record(startMs: number, revision: number, sensors: ReadonlyMap<string, string>, nowMs: number): void {
    const { db, lastSeq } = this.#buffer;
    db.query(
      `INSERT INTO window VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (start) DO UPDATE
       SET length = ?2, revision = ?3, through_seq = ?4, issued_at = ?5`,
    ).run(startMs, this.#lengthMs, revision, lastSeq, nowMs);
    const save = db.query(
      "INSERT INTO window_sensor VALUES (?1, ?2, ?3) ON CONFLICT (start, sensor_id) DO UPDATE SET state = ?3",
    );
    for (const [sensorId, state] of sensors) save.run(startMs, sensorId, state);
  }

  /** Every reading before `seq` is in a window that went out. Inside the transaction that planned them. */
  advance(seq: number, watermarkMs: number): void {
    this.#buffer.setMeta(WINDOWS_FROM, String(seq));
    if (Number.isFinite(watermarkMs)) this.#buffer.setMeta(WATERMARK, String(watermarkMs));
  }

  /** A window went out with readings up to `seq`. Inside the transaction that planned it. */
  noteIssued(seq: number): void {
    if (seq > this.issuedThrough) this.#buffer.setMeta(ISSUED_THROUGH, String(seq));
  }

  get issuedThrough(): number {
    return Number(this.#buffer.meta(ISSUED_THROUGH) ?? "0");
  }

  /** The seq from which a restart reads again to rebuild the open windows. */
  get from(): number {
    return Number(this.#buffer.meta(WINDOWS_FROM) ?? "1");
  }

  get watermarkMs(): number {
    return Number(this.#buffer.meta(WATERMARK) ?? Number.NEGATIVE_INFINITY);
  }

  /**
   * Deletes accumulators of windows issued before `beforeMs`, oldest windows first, until about `rows` of them are deleted;
   * the windows' revisions are kept for ever. The newest two stay: readings in order may still come for them, where a full
   * buffer made them go out early. Returns how many were deleted.
   */
  expire(beforeMs: number, rows: number): number {
    const { db } = this.#buffer;
    const starts = db
      .query<{ start: number }, [number, number, number]>(
        `SELECT start FROM (SELECT DISTINCT start FROM window_sensor ORDER BY start LIMIT ?2) JOIN window USING (start)
         WHERE issued_at < ?1 AND start < (SELECT max(start) FROM window_sensor) - ?3 ORDER BY start`,
      )
      .all(beforeMs, EXPIRED_AT_ONCE, this.#lengthMs);
    if (starts.length === 0) return 0;
    return this.#buffer.transact(() => {
      const drop = db.query("DELETE FROM window_sensor WHERE start = ?");
      let dropped = 0;
      for (let next = starts.shift(); next !== undefined && dropped < rows; next = starts.shift()) {
        dropped += drop.run(next.start).changes;
      }
      return dropped;
    });
  }

  /**
   * Deletes batches of windows that were delivered before `beforeMs`, at most `limit`: the window's own row says that it went out,
   * and their rows stay in the count of delivered ones.
   */
  forget(beforeMs: number, limit: number): number {
    const { db, epoch } = this.#buffer;
    return this.#buffer.transact(() => {
      const gone = db
        .query<{ count: number }, [number, string, number]>(
          `DELETE FROM batch WHERE id IN (SELECT id FROM batch WHERE stage = 'aggregated' AND state = 'delivered'
           AND settled_at < ?1 AND key LIKE '%/' || ?2 || '.%' LIMIT ?3) RETURNING count`,
        )
        .all(beforeMs, epoch, limit);
      const rows = gone.reduce((sum, { count }) => sum + count, Number(this.#buffer.meta(FORGOTTEN_ROWS) ?? "0"));
      if (gone.length > 0) this.#buffer.setMeta(FORGOTTEN_ROWS, String(rows));
      return gone.length;
    });
  }
}
