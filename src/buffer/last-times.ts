import type { SqliteBuffer } from "./sqlite-buffer.ts";

/** So many are looked through: some milliseconds. */
const NEWEST_ROWS = 20_000;

/**
 * The times of the last readings of a sensor, by its handle, newest first: at most `most` of those that are among the newest
 * of all. None where the buffer cannot be read.
 */
export function lastTimesOf(
  { db, lastSeq }: Pick<SqliteBuffer, "db" | "lastSeq">,
  sensor: number,
  most: number,
): readonly number[] {
  try {
    const last = db.query<{ time: number }, [number, number, number]>(
      "SELECT time FROM reading WHERE seq > ? AND sensor = ? ORDER BY seq DESC LIMIT ?",
    );
    return last.all(lastSeq - NEWEST_ROWS, sensor, most).map(({ time }) => time);
  } catch {
    return [];
  }
}
