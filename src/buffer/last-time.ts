import type { SqliteBuffer } from "./sqlite-buffer.ts";

/** So many are looked through: some milliseconds. */
const NEWEST_ROWS = 20_000;

/** The time of the last reading of a sensor, by its handle, among the newest; null where none is, or the buffer cannot be read. */
export function lastTimeOf({ db, lastSeq }: Pick<SqliteBuffer, "db" | "lastSeq">, sensor: number): number | null {
  try {
    const last = db.query<{ time: number }, [number, number]>(
      "SELECT time FROM reading WHERE seq > ? AND sensor = ? ORDER BY seq DESC LIMIT 1",
    );
    return last.get(lastSeq - NEWEST_ROWS, sensor)?.time ?? null;
  } catch {
    return null;
  }
}
