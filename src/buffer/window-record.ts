/**
 * Windows that went out: their revision, the last seq in them, and their accumulators, so that a late reading can re-issue
 * them and a restart knows from which reading on it must rebuild the open windows.
 */
import { LateReadings } from "./late-readings.ts";
import { FORGOTTEN_ROWS } from "./schema.ts";
import type { SqliteBuffer } from "./sqlite-buffer.ts";

export type LedgerWindow = {
  readonly revision: number;
  readonly throughSeq: number;
  /** The accumulators of all its sensors; null where there are none that count, or retention deleted them (`expired`). */
  readonly states: Uint8Array | null;
  readonly expired: boolean;
};

const WINDOWS_FROM = "windows_from";
/** No window that went out has a reading behind this seq. */
const ISSUED_THROUGH = "windows_issued_through";
const WATERMARK = "watermark";
const EXPIRED_AT_ONCE = 1_000;
/** Windows that stay, however full the buffer is: the newest by their time, and the last ones that went out. */
const STAY = 2;

export type IssuedWindow = { readonly startMs: number; readonly revision: number; readonly throughSeq: number };
/** Of all sensors of a window, in one piece. */
export type Accumulators = { readonly count: number; readonly states: Uint8Array };

export class WindowLedger {
  readonly late: LateReadings;
  readonly #buffer: SqliteBuffer;
  readonly #lengthMs: number;

  constructor(buffer: SqliteBuffer, lengthMs: number) {
    this.#buffer = buffer;
    this.#lengthMs = lengthMs;
    this.late = new LateReadings(buffer);
  }

  recall(startMs: number): LedgerWindow | null {
    type WindowRow = { length: number; revision: number; through_seq: number };
    const row = this.#buffer.db
      .query<WindowRow, [number]>("SELECT length, revision, through_seq FROM window WHERE start = ?")
      .get(startMs);
    if (row === null) return null;
    // Another length under the same start: a new window, but its key must not meet the old one's.
    if (row.length !== this.#lengthMs)
      return { revision: Math.max(-1, row.revision), throughSeq: 0, states: null, expired: false };
    const { states = null } =
      this.#buffer.db
        .query<{ states: Uint8Array }, [number]>("SELECT states FROM window_state WHERE start = ?")
        .get(startMs) ?? {};
    // Below 0: it went out in an earlier epoch only.
    const expired = states === null && row.revision >= 0;
    return { revision: Math.max(-1, row.revision), throughSeq: row.through_seq, states, expired };
  }

  /** Its accumulators have every reading up to `throughSeq`. Inside the transaction that plans the window's batch. */
  record({ startMs, revision, throughSeq }: IssuedWindow, accumulators: Accumulators, nowMs: number): void {
    const { db } = this.#buffer;
    db.query(
      `INSERT INTO window VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (start) DO UPDATE
       SET length = ?2, revision = ?3, through_seq = ?4, issued_at = ?5`,
    ).run(startMs, this.#lengthMs, revision, throughSeq, nowMs);
    const { count, states } = accumulators;
    db.query("INSERT OR REPLACE INTO window_state VALUES (?, ?, ?, ?)").run(startMs, nowMs, count, states);
  }

  /** Every reading before `seq` is in a window that went out, or in none. Inside the transaction that planned them, or alone. */
  advance(seq: number, watermarkMs: number): void {
    this.#buffer.transact(() => {
      this.#buffer.setMeta(WINDOWS_FROM, String(seq));
      if (Number.isFinite(watermarkMs)) this.#buffer.setMeta(WATERMARK, String(watermarkMs));
    });
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
   * Deletes the accumulators of windows issued before `beforeMs`, those that went out longest ago first, until about `rows` of them
   * are deleted; the windows' revisions are kept for ever. Readings may still come for the newest windows, where a full buffer
   * made them go out early: the last two up to the watermark stay, and the two that went out last. Returns how many were deleted.
   */
  expire(beforeMs: number, rows: number): number {
    const { db } = this.#buffer;
    const { newest } = db.query<{ newest: number | null }, []>("SELECT max(start) AS newest FROM window_state").get()!;
    if (newest === null) return 0;
    // A window of the future does not make the present ones old.
    const presentMs = Math.floor(this.watermarkMs / this.#lengthMs) * this.#lengthMs;
    const inOrderMs = (Number.isFinite(presentMs) ? Math.min(newest, presentMs) : newest) - this.#lengthMs;
    const found = db
      .query<{ start: number; sensors: number }, [number, number, number, number]>(
        `SELECT start, sensors FROM window_state WHERE issued_at < ?1 AND start < ?2 AND start NOT IN
         (SELECT start FROM window_state ORDER BY issued_at DESC, start DESC LIMIT ?3) ORDER BY issued_at, start LIMIT ?4`,
      )
      .all(beforeMs, inOrderMs, STAY, EXPIRED_AT_ONCE);
    if (found.length === 0) return 0;
    return this.#buffer.transact(() => {
      const drop = db.query("DELETE FROM window_state WHERE start = ?");
      let dropped = 0;
      for (const { start, sensors } of found) {
        if (dropped >= rows) break;
        drop.run(start);
        dropped += sensors;
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
