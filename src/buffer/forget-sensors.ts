/**
 * Sensors of which the buffer holds no reading any more, where there are many: a device that makes up a new sensor_id at each start
 * must not use up the handles for ever. Done when the buffer is opened, before anything refers to a handle.
 */
import type { Database } from "bun:sqlite";
import type { SensorCatalogue } from "../core/sensor.ts";
import { outsideTrouble } from "./outside-error.ts";

/** Fewer than this are kept for ever: what rules remember of a sensor outlives its readings. */
export const MANY_SENSORS = 10_000;
/** From this many on the limit is near, however many were in use the last time. */
const NEAR_LIMIT = 90_000;
/** Readings that are looked through: about a second. */
const READINGS_MOST = 5_000_000;

/** In `meta`: how often sensors were forgotten; handles may be another sensor's since. */
export const META_FORGOTTEN = "sensors_forgotten";
/** In `meta`: what rules remember of forgotten sensors is still stored. */
export const META_MEMORY_DUE = "sensors_memory_due";
const META_KEPT = "sensors_kept";

/** A new buffer takes over a catalogue: handles that no sensor has are no damage there either. */
export function noteGaps(
  store: { setMeta(key: string, value: string): void },
  { timesForgotten }: Pick<SensorCatalogue, "timesForgotten">,
): void {
  if (timesForgotten > 0) store.setMeta(META_FORGOTTEN, String(timesForgotten));
}

/** Deletes sensors without a reading, if there are many and twice as many as were in use the last time. A full disk waits. */
export function forgetSensors(db: Database): void {
  const number = (sql: string) => Number(db.query(sql).values()[0]?.[0] ?? 0);
  const sensors = number("SELECT count(*) FROM sensor");
  if (sensors < MANY_SENSORS) return;
  const noted = (key: string) => number(`SELECT value FROM meta WHERE key = '${key}'`);
  if (sensors < Math.min(2 * noted(META_KEPT), NEAR_LIMIT)) return;
  if (number("SELECT max(seq) - min(seq) FROM reading") > READINGS_MOST) return;
  const note = db.query<null, [string, string]>(
    "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
  );
  const work = db.transaction(() => {
    const { changes } = db.query("DELETE FROM sensor WHERE handle NOT IN (SELECT sensor FROM reading)").run();
    note.run(META_KEPT, String(sensors - changes));
    if (changes === 0) return;
    note.run(META_FORGOTTEN, String(noted(META_FORGOTTEN) + 1));
    note.run(META_MEMORY_DUE, "1");
  });
  try {
    work.immediate();
  } catch (error) {
    if (outsideTrouble(error) !== "full") throw error;
  }
}
