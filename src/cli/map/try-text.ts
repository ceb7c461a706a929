/** A trial of a map as a person reads it: each line, and below it what it became. */
import { oneLine } from "../../core/log/log.ts";
import { counted } from "../../core/readable-numbers.ts";
import { extraFields, type TriedReading, type TriedRecord } from "./tried.ts";

export type TrialSummary = {
  readonly records: number;
  readonly readings: number;
  readonly sensors: number;
  readonly filtered: number;
  readonly malformed: number;
  /** Fields of readings that could not be read. */
  readonly problems: number;
  /** Readings that have the time of their arrival. */
  readonly arrivals: number;
  /** Readings of which no measure has a value. */
  readonly without_measures: number;
  /** Fields that the map does not name. */
  readonly extra: readonly string[];
  /** A sentence about the names of the map that no line has; null: there are none. */
  readonly unseen: string | null;
  /** The sample has more records than were tried. */
  readonly is_cut: boolean;
};

export type Style = {
  /** The most characters of a line of the sample. */
  readonly width: number;
  /** Why records are left out. */
  readonly leftOut: string;
  readonly colours: boolean;
  readonly unitOf: (measure: string) => string;
};

const LABEL = 13;
const NAMES_SHOWN = 20;

export function recordText(record: TriedRecord, style: Style): string {
  const { line, text, readings, malformed, problems, filtered, dropped } = record;
  const rows: string[] = [head(line, text, style)];
  for (const reading of readings) rows.push(...readingRows(reading, style));
  for (const { reason, detail } of malformed) rows.push(row("malformed", `${reason}: ${detail}`, style, RED));
  for (const { reason, detail } of problems) rows.push(row("problem", `${reason}: ${detail}`, style, YELLOW));
  if (filtered > 0) {
    const what = readings.length + malformed.length === 0 && filtered === 1 ? "" : ` (${counted(filtered, "record")})`;
    rows.push(row("left out", `${style.leftOut}${what}`, style, DIM));
  } else if (readings.length + malformed.length + problems.length === 0) {
    rows.push(row("nothing", "no record, or the first row of a reading of several", style, DIM));
  }
  if (dropped.length > 0) rows.push(row("dropped", names(dropped), style, DIM));
  return `${rows.join("\n")}\n\n`;
}

function readingRows(reading: TriedReading, style: Style): string[] {
  const { sensor_id: id, timestamp, time_quality: quality, measures, identity } = reading;
  const values = Object.entries(measures)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${value} ${style.unitOf(name)}`.trimEnd());
  const time = quality === "arrival" ? `${timestamp} (its arrival)` : timestamp;
  const said = [
    ...Object.entries(identity).map(([name, value]) => `${name} ${value}`),
    ...["status_code", "anomaly_flag", "anomaly_type"].flatMap((name) => {
      const value = reading[name as "status_code"];
      return value === null ? [] : [`${name} ${value}`];
    }),
  ];
  const rows = [row("reading", [id, time, values.join(", ") || "no measure"].join("  "), style, GREEN)];
  if (said.length > 0) rows.push(row("", said.join(", "), style));
  const extra = extraFields(reading.extra);
  if (extra.length > 0) rows.push(row("extra", names(extra), style, DIM));
  return rows;
}

export function summaryText(summary: TrialSummary, { colours }: Style): string {
  const { records, readings, sensors, filtered, malformed, problems, arrivals, unseen } = summary;
  const parts = [
    `${counted(readings, "reading")} of ${counted(sensors, "sensor")}`,
    ...(filtered > 0 ? [`${filtered} left out`] : []),
    ...(malformed > 0 ? [`${malformed} malformed`] : []),
    ...(problems > 0 ? [`${counted(problems, "field")} not read`] : []),
  ];
  const lines = [`${counted(records, "record")}: ${parts.join(", ")}.`];
  if (summary.is_cut) lines.push(`The sample has more: only its first ${counted(records, "record")} were tried.`);
  if (arrivals > 0)
    lines.push(`${counted(arrivals, "reading")} came without a time, and would have that of its arrival.`);
  if (summary.without_measures > 0) {
    lines.push(`${counted(summary.without_measures, "reading")} without a measure: no rule can judge it.`);
  }
  if (summary.extra.length > 0) lines.push(`In extra, because the map does not name them: ${names(summary.extra)}`);
  if (unseen !== null) lines.push(paint(`${oneLine(unseen)}.`, YELLOW, colours));
  return `${lines.join("\n")}\n`;
}

const [RED, GREEN, YELLOW, DIM] = [31, 32, 33, 2];

function paint(text: string, colour: number | undefined, colours: boolean): string {
  return colour === undefined || !colours ? text : `\u001b[${colour}m${text}\u001b[0m`;
}

function head(line: number, text: string, { width }: Style): string {
  return cut(`${`line ${line}`.padEnd(LABEL)}${oneLine(text.replace(/\s+/g, " "))}`, width);
}

/** It is never cut: what to do is often at its end. */
function row(label: string, text: string, { colours }: Style, colour?: number): string {
  const name = `  ${label}`.padEnd(LABEL);
  return `${paint(name, colour, colours)}${oneLine(text)}`;
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`.toWellFormed();
}

function names(all: readonly string[]): string {
  const shown = all.slice(0, NAMES_SHOWN).join(", ");
  return all.length > NAMES_SHOWN ? `${shown}, and ${all.length - NAMES_SHOWN} more` : shown;
}
