/**
 * When each sensor was heard of last. No index has it, so the newest readings are looked through, backwards and in short steps; the
 * next look only takes what came since.
 */
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { NO_SENSOR } from "../../core/sensor.ts";

/** Of these readings the time of each is taken, then only those of sensors that were not among them. */
const EVERY_ROWS = 20_000;
const LOOK_BACK = 1_000_000;
/** With more of them, the others are not looked for. */
const MISSING_MOST = 2_000;
const STEP_ROWS = { every: 5_000, missing: 20_000 };

export class LastSeen {
  readonly buffer: SqliteBuffer;
  /** By handle. */
  readonly times = new Map<number, number>();
  #through = 0;

  constructor(buffer: SqliteBuffer) {
    this.buffer = buffer;
  }

  /** Each step is one short look. The times are known when it has ended, or was stopped. */
  *look(nowMs: number): Generator<void> {
    const { db, lastSeq, catalogue } = this.buffer;
    const after = Math.max(this.#through, lastSeq - LOOK_BACK);
    this.#through = lastSeq;
    const seen = new Set<number>([NO_SENSOR]);
    const every = db.query<[number, number], [number, number]>(
      "SELECT sensor, time FROM reading WHERE seq BETWEEN ? AND ? ORDER BY seq DESC",
    );
    let last = lastSeq;
    for (; last > Math.max(after, lastSeq - EVERY_ROWS) && seen.size < catalogue.interned.length; ) {
      const first = Math.max(after + 1, last - STEP_ROWS.every + 1);
      this.#take(every.values(first, last), { seen, nowMs });
      last = first - 1;
      yield;
    }
    const missing = catalogue.interned.map(({ handle }) => handle).filter((handle) => !seen.has(handle));
    if (missing.length > MISSING_MOST) return;
    const some = db.query<[number, number], [number, number, string]>(
      `SELECT sensor, time FROM reading WHERE seq BETWEEN ? AND ? AND sensor IN (SELECT value FROM json_each(?))
       ORDER BY seq DESC`,
    );
    for (; last > after && missing.some((handle) => !seen.has(handle)); ) {
      const first = Math.max(after + 1, last - STEP_ROWS.missing + 1);
      this.#take(some.values(first, last, JSON.stringify(missing.filter((handle) => !seen.has(handle)))), {
        seen,
        nowMs,
      });
      last = first - 1;
      yield;
    }
  }

  #take(rows: readonly unknown[][], { seen, nowMs }: { readonly seen: Set<number>; readonly nowMs: number }): void {
    for (const [sensor, time] of rows) {
      if (typeof sensor !== "number" || typeof time !== "number" || seen.has(sensor)) continue;
      seen.add(sensor);
      // The newest one may have been late. A time from the future is that of a clock which was wrong.
      const before = this.times.get(sensor) ?? Number.NEGATIVE_INFINITY;
      this.times.set(sensor, before > nowMs ? time : Math.max(time, before));
    }
  }
}
