/** Numbers, times and the text of a chart, for people. */
import type { RuleLimit, SeriesPart } from "../../dashboard/wire.ts";
import { formatDateTime, formatTime, formatValue, isZone, visibleName, zone } from "../shell/format.ts";
import { type LimitLine, lastValue, marksWithin, type TimeSpan } from "./shape.ts";

const times = new Map<string, Intl.DateTimeFormat>();

export function withUnit(value: number, unit: string | null): string {
  return unit === null || unit === "" ? formatValue(value) : `${formatValue(value)} ${unit}`;
}

type TickDetail = "minute" | "day";
const DETAILS: Record<TickDetail, Intl.DateTimeFormatOptions> = {
  minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
};

/** The chosen zone as Intl knows it; undefined: the browser's own. */
export function zoneName(): string | undefined {
  return zone.value === "local" || !isZone(zone.value) ? undefined : zone.value;
}

function inDetail(atMs: number, detail: TickDetail): string {
  const key = `${zone.value} ${detail}`;
  let format = times.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(undefined, { ...DETAILS[detail], timeZone: zoneName() });
    times.set(key, format);
  }
  return format.format(atMs);
}

const DAY_MS = 86_400_000;

/** With the day where the time alone would not say which. */
export function timeWithin(atMs: number, span: TimeSpan): string {
  return span.toMs - span.fromMs > DAY_MS / 2 ? formatDateTime(atMs) : formatTime(atMs);
}

/** For a scale under a chart. */
export function tickText(atMs: number, span: TimeSpan): string {
  const lengthMs = span.toMs - span.fromMs;
  return lengthMs < 10 * 60_000 ? formatTime(atMs) : inDetail(atMs, lengthMs <= 1.01 * DAY_MS ? "minute" : "day");
}

export type SeriesName = { readonly sensorId: string; readonly measure: string; readonly unit: string | null };

/** The chart in words, for people who do not see it. */
export function chartText(name: SeriesName, part: SeriesPart, span: TimeSpan, limits: readonly RuleLimit[]): string {
  const title = `${visibleName(name.sensorId)}, ${visibleName(name.measure)}`;
  const last = lastValue(part);
  if (last === null) return `${title}: no values yet`;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [index, at] of part.atMs.entries()) {
    const value = part.values[index] ?? null;
    if (value === null || at < span.fromMs || at > span.toMs) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const unit = name.unit;
  const within = min <= max ? `, lowest ${withUnit(min, unit)}, highest ${withUnit(max, unit)}` : ", none in this time";
  const marks = marksWithin(part.anomalies, limits, span).own.length;
  const rules = limits.length === 0 ? "" : `; rules: ${limits.map(({ rule }) => rule).join(", ")}`;
  const broken = marks === 0 ? "no anomalies" : `${formatValue(marks)} ${marks === 1 ? "anomaly" : "anomalies"}`;
  return `${title}: last ${withUnit(last.value, unit)}${within}, ${broken}${rules}`;
}

/** Why there is no line; null: there is one. `newestAtMs`: of the newest reading of the sensor. */
export function emptyText(part: SeriesPart, span: TimeSpan, newestAtMs: number | null): string | null {
  const isWithin = (atMs: number) => atMs >= span.fromMs && atMs <= span.toMs;
  if (part.atMs.some((at, index) => isWithin(at) && (part.values[index] ?? null) !== null)) return null;
  const newest = lastValue(part)?.atMs ?? newestAtMs;
  if (newest === null || isWithin(newest)) return "No values yet";
  return `Its newest reading is of ${formatDateTime(newest)}, outside this time`;
}

/** A limit as a rule says it: `at most 30 °C (temperature-range)`. */
export function limitText(line: LimitLine, unit: string | null): string {
  return `${line.side === "max" ? "at most" : "at least"} ${withUnit(line.value, unit)} (${line.rules.join(", ")})`;
}
