/** How long each sensor usually takes between two readings, from the newest readings of all. */
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { sensorIdOf } from "./broken-readings.ts";

const NEWEST_ROWS = 10_000;
const STEP_ROWS = 2_500;
/** Broken readings are joined at least over this time, and over this many readings that are usual. */
const GAP_LEAST_MS = 30_000;
const GAP_READINGS = 3;
/** A sensor that is well again has sent another reading by then. */
const OPEN_LEAST_MS = 5_000;

export class UsualIntervals {
  readonly #bySensor = new Map<string, number>();

  /** Each step is one short look. */
  *look({ db, catalogue, lastSeq }: Pick<SqliteBuffer, "db" | "catalogue" | "lastSeq">): Generator<void> {
    const times = new Map<number, number[]>();
    const between = "SELECT sensor, time FROM reading WHERE seq BETWEEN ? AND ?";
    for (let last = lastSeq; last > Math.max(0, lastSeq - NEWEST_ROWS); last -= STEP_ROWS) {
      for (const [sensor, time] of db.query<unknown, [number, number]>(between).values(last - STEP_ROWS + 1, last)) {
        if (typeof sensor !== "number" || typeof time !== "number") continue;
        const list = times.get(sensor);
        if (list === undefined) times.set(sensor, [time]);
        else list.push(time);
      }
      yield;
    }
    for (const [handle, list] of times) {
      const usual = usualDistance(list);
      if (usual !== null) this.#bySensor.set(sensorIdOf(catalogue, handle), usual);
    }
  }

  gapMs(sensorId: string): number {
    return Math.max(GAP_LEAST_MS, this.#severalOf(sensorId));
  }

  /** Readings of a sensor that was not seen twice may be far apart. */
  openMs(sensorId: string): number {
    return this.#bySensor.has(sensorId) ? Math.max(OPEN_LEAST_MS, this.#severalOf(sensorId)) : GAP_LEAST_MS;
  }

  #severalOf(sensorId: string): number {
    return GAP_READINGS * (this.#bySensor.get(sensorId) ?? 0);
  }
}

/** The median; null where there are not two. */
function usualDistance(times: number[]): number | null {
  times.sort((a, b) => a - b);
  const distances = times.slice(1).map((time, i) => time - (times[i] ?? time));
  distances.sort((a, b) => a - b);
  return distances[distances.length >> 1] ?? null;
}
