/**
 * Sensors of which the buffer holds no reading any more, where there are many: a device that makes up a new sensor_id at each start
 * must not use up the handles for ever. Done while the buffer is opened, before anything refers to a handle.
 */
import type { Database } from "bun:sqlite";
import type { SensorCatalogue } from "../core/sensor.ts";
import { chunksOf } from "../core/seq-range.ts";
import { outsideTrouble } from "./outside-error.ts";

/** Fewer than this are kept for ever: what rules remember of a sensor outlives its readings. */
export const MANY_SENSORS = 10_000;
/** From this many on the limit is near, however many were in use the last time. */
const NEAR_LIMIT = 90_000;
/** Readings that are looked through between two turns: some milliseconds. */
const SLICE_ROWS = 20_000;

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

/**
 * The handles that readings of the buffer have, if there are sensors to forget: many, and twice as many as were in use the last
 * time; else null. It looks through all readings in slices, with a `turn` between two: 5 million take about two seconds.
 */
export async function sensorsInUse(
  { db, catalogue }: { readonly db: Database; readonly catalogue: Pick<SensorCatalogue, "interned"> },
  turn: () => Promise<void>,
): Promise<ReadonlySet<number> | null> {
  // The first is no sensor: malformed rows have it.
  const sensors = catalogue.interned.length - 1;
  if (sensors < MANY_SENSORS || sensors < Math.min(2 * noted(db, META_KEPT), NEAR_LIMIT)) return null;
  type Ends = { first: number | null; last: number | null };
  const { first = null, last = null } =
    db
      .query<Ends, []>("SELECT (SELECT min(seq) FROM reading) AS first, (SELECT max(seq) FROM reading) AS last")
      .get() ?? {};
  const used = new Set<number>();
  const slice = db.query<{ sensor: number }, [number, number]>(
    "SELECT DISTINCT sensor FROM reading WHERE seq BETWEEN ? AND ?",
  );
  for (const { first: from, last: to } of chunksOf({ first: first ?? 1, last: last ?? 0 }, SLICE_ROWS)) {
    for (const { sensor } of slice.all(from, to)) used.add(sensor);
    await turn();
  }
  return used;
}

function noted(db: Database, key: string): number {
  const row = db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key);
  return Number(row?.value ?? "0");
}

/** Deletes the sensors that are not in use, when nothing refers to a handle but readings. A full disk waits. */
export function forgetSensors(db: Database, used: ReadonlySet<number>): void {
  const note = db.query<null, [string, string]>(
    "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
  );
  const work = db.transaction(() => {
    const { changes } = db
      .query<null, [string]>("DELETE FROM sensor WHERE handle NOT IN (SELECT value FROM json_each(?))")
      .run(JSON.stringify([...used]));
    note.run(META_KEPT, String(used.size));
    if (changes === 0) return;
    note.run(META_FORGOTTEN, String(noted(db, META_FORGOTTEN) + 1));
    note.run(META_MEMORY_DUE, "1");
  });
  try {
    work.immediate();
  } catch (error) {
    if (outsideTrouble(error) !== "full") throw error;
  }
}
