/** The series that a client names, and where their values are in the buffer. */
import type { Finding } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, LIMITS, type SensorCatalogue } from "../../core/sensor.ts";
import { WATCHED_MOST } from "../wire.ts";

/** `key`: `SENSOR\0MEASURE`. */
export type SeriesName = { readonly key: string; readonly sensorId: string; readonly measure: string };

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

/** Each once; or why not, as a sentence. */
export function seriesNames(keys: readonly string[]): readonly SeriesName[] | string {
  const distinct = [...new Set(keys)];
  if (distinct.length > WATCHED_MOST) return `More than ${WATCHED_MOST} series were asked for`;
  const names: SeriesName[] = [];
  for (const key of distinct) {
    const at = key.lastIndexOf("\0");
    const [sensorId, measure] = [key.slice(0, Math.max(0, at)), key.slice(at + 1)];
    if (at < 1 || measure === "" || key.length > 2 * LIMITS.textLength + 1)
      return "A series is named by its sensor and its measure, with %00 between them";
    names.push({ key, sensorId, measure });
  }
  return names;
}

/** A series, and the place of its values among those that are read. */
export type SeriesAt = { readonly series: number; readonly measure: string; readonly column: number };

/** Which sensors (by handle) and which columns of the readings some series need. Grows with the catalogue. */
export class WatchedColumns {
  readonly names: readonly SeriesName[];
  readonly catalogue: SensorCatalogue;
  /** Slots of measures, each once. */
  readonly slots: number[] = [];
  readonly byHandle = new Map<number, readonly SeriesAt[]>();
  readonly #bySensor: ReadonlyMap<string, readonly { readonly series: number; readonly measure: string }[]>;
  #sensorsSeen = 0;
  #measuresSeen = 0;

  constructor(names: readonly SeriesName[], catalogue: SensorCatalogue) {
    this.names = names;
    this.catalogue = catalogue;
    const series = names.map(({ sensorId, measure }, i) => ({ sensorId, series: i, measure }));
    this.#bySensor = Map.groupBy(series, ({ sensorId }) => sensorId);
    this.grow();
  }

  /** A sensor has one handle for each identity that it ever had. */
  grow(): void {
    const { interned, measureNames } = this.catalogue;
    // A measure that was unknown so far is known now: of sensors that were seen before, too.
    if (measureNames.length > this.#measuresSeen) this.#sensorsSeen = 0;
    this.#measuresSeen = measureNames.length;
    for (; this.#sensorsSeen < interned.length; this.#sensorsSeen++) {
      const sensor = interned[this.#sensorsSeen];
      const wanted = this.#bySensor.get(String(sensor?.identity[SENSOR_ID] ?? ""));
      if (sensor === undefined || wanted === undefined) continue;
      const at = wanted.flatMap(({ series, measure }): SeriesAt[] => {
        const slot = sensor.slots[sensor.measures.indexOf(measure)];
        return slot === undefined ? [] : [{ series, measure, column: this.#columnOf(slot) }];
      });
      if (at.length > 0) this.byHandle.set(sensor.handle, at);
    }
  }

  #columnOf(slot: number): number {
    const known = this.slots.indexOf(slot);
    return known >= 0 ? known : this.slots.push(slot) - 1;
  }
}

/** The measures that each rule in force reads; a rule about none is about the whole reading. */
export type MeasuresOfRules = ReadonlyMap<string, readonly string[]>;

export function measuresOfRules(
  rules: readonly { readonly name: string; readonly measures: readonly string[] }[],
): MeasuresOfRules {
  return new Map(rules.map(({ name, measures }) => [name, measures]));
}

/** Those of a reading's findings that are about this measure. */
export function findingsAbout(findings: readonly Finding[], measure: string, rules: MeasuresOfRules): Finding[] {
  return findings.filter(({ rule, reason }) => {
    const measures = rules.get(rule);
    // Of a rule that is no longer in force, the reason says which measure it was about, if any.
    if (measures === undefined) return reason.startsWith(`${measure} `);
    return measures.length === 0 || measures.includes(measure);
  });
}
