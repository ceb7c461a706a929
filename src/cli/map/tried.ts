/** What a map made of one record of a sample, as names and values. */
import { BAD_FIELDS } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, type SensorCatalogue } from "../../core/sensor.ts";
import { SourceNames } from "../../sensor/map/mapped-names.ts";
import type { ForeignRow } from "../../sensor/row/foreign-row.ts";
import type { SampledRecord } from "./sample.ts";

/** The most of a line that is shown: enough to know which one it is. */
export const TEXT_MOST = 4_096;

export type TriedReading = {
  readonly sensor_id: string;
  readonly timestamp: string;
  /** The node's clock is taken to be good. */
  readonly time_quality: "ok" | "arrival";
  readonly measures: Readonly<Record<string, number | null>>;
  /** The other columns of identity that are set. */
  readonly identity: Readonly<Record<string, string | number>>;
  readonly status_code: number | null;
  readonly anomaly_flag: number | null;
  readonly anomaly_type: string | null;
  /** JSON text of an object, to the letter; null: nothing. */
  readonly extra: string | null;
};

export type TriedRecord = {
  readonly line: number;
  readonly text: string;
  readonly readings: readonly TriedReading[];
  readonly malformed: readonly { readonly reason: string; readonly detail: string }[];
  /** Fields that could not be read and are null, and whatever else there is to say. */
  readonly problems: readonly { readonly reason: string; readonly field: string | null; readonly detail: string }[];
  /** Records, or parts of this one, that the map leaves out. */
  readonly filtered: number;
  /** Fields that the map drops. */
  readonly dropped: readonly string[];
};

/** The names of a sample's rows, and which of the map they have. */
export class SeenRows extends SourceNames {
  /** The rows that were read slowly since `take`. */
  #rows: ForeignRow[] = [];

  override see(row: ForeignRow): void {
    super.see(row);
    this.#rows.push(row);
  }

  take(): readonly ForeignRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }
}

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export function triedRecord(
  { line, text, block }: SampledRecord,
  catalogue: SensorCatalogue,
  dropped: readonly string[],
): TriedRecord {
  const rows = Array.from({ length: block.count }, (_, row) => row);
  const flaws = [...block.flaws.values()];
  const filtered = flaws.reduce((sum, { reason, count }) => sum + (reason === "filtered" ? count : 0), 0);
  const reading = (row: number): TriedReading => {
    const sensor = catalogue.sensors[block.sensor[row] ?? 0];
    const label = catalogue.labels[block.label[row] ?? -1];
    const identity = sensor?.identity ?? [];
    const values = (sensor?.slots ?? []).map((slot) => block.measures[slot]?.[row] ?? Number.NaN);
    return {
      sensor_id: String(identity[SENSOR_ID]),
      timestamp: new Date(block.time[row] ?? Number.NaN).toISOString(),
      time_quality: label?.isArrival === true ? "arrival" : "ok",
      measures: Object.fromEntries(
        (sensor?.measures ?? []).map((name, i) => [name, Number.isNaN(values[i]) ? null : (values[i] ?? null)]),
      ),
      identity: Object.fromEntries(
        IDENTITY_COLUMNS.flatMap((name, at): [string, string | number][] => {
          const value = at === SENSOR_ID ? null : (identity[at] ?? null);
          return value === null ? [] : [[name, value]];
        }),
      ),
      status_code: label?.statusCode ?? null,
      anomaly_flag: label?.anomalyFlag ?? null,
      anomaly_type: label?.anomalyType ?? null,
      extra: block.extra.get(row) ?? null,
    };
  };
  return {
    line,
    text: text.length > TEXT_MOST ? `${text.slice(0, TEXT_MOST - 1)}…`.toWellFormed() : text,
    readings: rows.filter((row) => !block.malformed.has(row)).map(reading),
    malformed: [...block.malformed.values()].map(({ reason, detail }) => ({ reason, detail })),
    problems: flaws
      .filter(({ reason }) => reason !== "filtered")
      .map(({ reason, field, detail }) => ({ reason, field, detail })),
    filtered,
    dropped,
  };
}

/** The unknown fields of a reading, as JSON text by name; what cannot be read is in `problems`. */
export function extraFields(extra: string | null): readonly string[] {
  if (extra === null) return [];
  const fields: unknown = JSON.parse(extra);
  return Object.keys(fields as object).filter((name) => !name.startsWith(BAD_FIELDS));
}
