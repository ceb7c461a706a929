/** The sensors of the newest readings: how fast they report, their last values, and the way there. */
import type { StoredBlock } from "../../buffer/buffer.ts";
import { IDENTITY_COLUMNS, type Sensor, type SensorCatalogue } from "../../core/sensor.ts";

/** Sensors that are remembered: those whose readings came last. */
export const SENSORS_MOST = 2_000;
/** Values of each measure. */
const TRAIL = 40;
/** The time over which a rate is a mean, ms: short enough to see a change, long enough for one reading in some seconds. */
const RATE_MS = 30_000;

export type SensorSeen = {
  readonly id: string;
  readonly type: string | null;
  readonly location: string | null;
  /** By name, in the order of its profile; the newest value last. NaN: a reading without this measure. */
  readonly trails: ReadonlyMap<string, readonly number[]>;
  /** Of the newest reading, by the sensor's clock. */
  readonly lastAtMs: number;
  readonly perSecond: number;
  /** Readings that broke a rule, of those that were looked at. */
  readonly broken: number;
};

type Remembered = {
  sensor: Sensor;
  readonly trails: Map<string, number[]>;
  lastAtMs: number;
  perSecond: number;
  /** Since the last look. */
  fresh: number;
  broken: number;
};

const column = (name: (typeof IDENTITY_COLUMNS)[number]) => IDENTITY_COLUMNS.indexOf(name);
const SENSOR_ID = column("sensor_id");
const SENSOR_TYPE = column("sensor_type");
const LOCATION = column("location");

export class SensorsSeen {
  /** By sensor_id, that of the newest reading last. */
  readonly #byId = new Map<string, Remembered>();
  isCut = false;

  /** Takes readings that came later than all before. */
  take(blocks: readonly StoredBlock[], catalogue: SensorCatalogue): void {
    for (const { block } of blocks) {
      for (let row = 0; row < block.count; row++) {
        const sensor = catalogue.sensors[block.sensor[row] ?? 0];
        const id = sensor?.identity[SENSOR_ID] ?? null;
        if (sensor === undefined || id === null) continue;
        const known = this.#moved(String(id), sensor);
        known.lastAtMs = block.time[row] ?? Number.NaN;
        known.fresh++;
        if (block.findings.has(row)) known.broken++;
        for (const [at, name] of sensor.measures.entries()) {
          const value = block.measures[sensor.slots[at] ?? -1]?.[row] ?? Number.NaN;
          const trail = known.trails.get(name) ?? [];
          trail.push(value);
          if (trail.length > TRAIL) trail.shift();
          known.trails.set(name, trail);
        }
      }
    }
  }

  /**
   * The look is done: `tookMs` is the time that its readings came in, and `share` the part of them that was read, above 0. The first
   * look gives the rates, later ones move them.
   */
  settle({
    tookMs,
    share,
    isFirst,
  }: {
    readonly tookMs: number;
    readonly share: number;
    readonly isFirst: boolean;
  }): void {
    const keep = isFirst ? 0 : Math.exp(-tookMs / RATE_MS);
    for (const known of this.#byId.values()) {
      const now = tookMs > 0 ? (known.fresh / share / tookMs) * 1_000 : 0;
      known.perSecond = known.perSecond * keep + now * (1 - keep);
      known.fresh = 0;
    }
  }

  /** That of the newest reading first. */
  list(): SensorSeen[] {
    return [...this.#byId]
      .map(([id, { sensor, trails, lastAtMs, perSecond, broken }]) => ({
        id,
        type: textOf(sensor, SENSOR_TYPE),
        location: textOf(sensor, LOCATION),
        trails,
        lastAtMs,
        perSecond,
        broken,
      }))
      .reverse();
  }

  #moved(id: string, sensor: Sensor): Remembered {
    const fresh = { sensor, trails: new Map(), lastAtMs: Number.NaN, perSecond: 0, fresh: 0, broken: 0 };
    const known = this.#byId.get(id) ?? fresh;
    known.sensor = sensor;
    this.#byId.delete(id);
    this.#byId.set(id, known);
    if (this.#byId.size > SENSORS_MOST) {
      this.isCut = true;
      for (const oldest of this.#byId.keys()) {
        this.#byId.delete(oldest);
        break;
      }
    }
    return known;
  }
}

function textOf({ identity }: Sensor, at: number): string | null {
  const value = identity[at] ?? null;
  return value === null ? null : String(value);
}
