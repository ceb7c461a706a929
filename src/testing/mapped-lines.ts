/** Lines through a map, as a source reads them: what they became. */
import { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../core/sensor.ts";
import type { RecordContext } from "../sensor/context.ts";
import { LineDecoder } from "../sensor/lines/decoder.ts";
import { LineSplitter } from "../sensor/lines/splitter.ts";
import { parseMapping } from "../sensor/map/map-file.ts";
import { MappedNames } from "../sensor/map/mapped-names.ts";
import { loadProfile } from "../sensor/profile/shipped.ts";
import { Normalizer } from "../sensor/row/normalize.ts";
import { readingsOf } from "./block-readings.ts";

/** When the lines are taken. */
export const TAKEN_AT = Date.UTC(2026, 0, 1);

/**
 * Each reading by our names, without what is null: `{sensor_id, timestamp, temperature, …, extra}`; what is malformed as
 * `{malformed: "reason: detail", received}`. `file`: where the map is said to be.
 */
export function readLines(
  map: unknown,
  lines: readonly string[],
  context: RecordContext = {},
  file: string = "map.json",
) {
  const profile = loadProfile("environmental");
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(map), file, [profile]);
  const reported: string[] = [];
  const names = new MappedNames(mapping, (line) => reported.push(line));
  const normalizer = new Normalizer({ catalogue, profile, mapping, names });
  const decoder = new LineDecoder(normalizer);
  decoder.context = context;
  const splitter = new LineSplitter(1 << 24);
  const block = new ReadingBlock(lines.length);
  for (const line of lines) {
    splitter.push(Buffer.from(`${line}\n`));
    while (splitter.next()) decoder.decode(block, splitter, TAKEN_AT);
  }
  normalizer.wide?.flush(block);
  normalizer.names?.took(block.count, true);
  const readings = readingsOf(block, catalogue).map(plain);
  const filtered = [...block.flaws.values()].find(({ reason }) => reason === "filtered")?.count ?? 0;
  const flaws = [...block.flaws.values()].map(({ reason, field, detail }) => `${reason} ${field}: ${detail}`);
  return { readings, filtered, flaws, reported };
}

/** The readings of one line. */
export function readLine(map: unknown, line: string, context?: RecordContext): Record<string, unknown>[] {
  return readLines(map, [line], context).readings;
}

/** A reading by our names, without what is null. */
export function plain(reading: ReturnType<typeof readingsOf>[number]): Record<string, unknown> {
  if (reading.malformed !== undefined) {
    const { reason, detail, received } = reading.malformed;
    return { malformed: `${reason}: ${detail}`, received };
  }
  const values: [name: string, value: unknown][] = [
    ...IDENTITY_COLUMNS.map((name, i): [string, unknown] => [name, reading.identity[i]]),
    ["timestamp", new Date(reading.time ?? 0).toISOString()],
    ...reading.measures.map(([name, value]): [string, unknown] => [String(name), value]),
    ["status_code", reading.label?.statusCode],
    ["anomaly_flag", reading.label?.anomalyFlag],
    ["anomaly_type", reading.label?.anomalyType],
    ["time_quality", reading.label?.isArrival === true ? "arrival" : null],
    ["extra", reading.extra],
  ];
  return Object.fromEntries(values.filter(([, value]) => (value ?? null) !== null && !Number.isNaN(value)));
}
