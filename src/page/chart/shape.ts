/** What a chart draws of a series: points no more than pixels need, gaps, the range of values, limits and windows of rules. Pure. */
import type { RuleLimit, SeriesAnomaly, SeriesPart } from "../../dashboard/wire.ts";
import { lowerBound, thinned } from "./ring.ts";

export type TimeSpan = { readonly fromMs: number; readonly toMs: number };
export type Drawn = { readonly atMs: number[]; readonly values: (number | null)[] };

/** A hole in the data is this many times longer than the usual distance of two points, and this many pixels wide. */
const GAP_TIMES = 6;
const GAP_PIXELS = 4;
/** A limit that would press the line into less than this share of the height is not drawn into it, but named at the edge. */
const LINE_SHARE_LEAST = 0.3;
const PADDING = 0.08;

/** The points of `span`, one more on each side so that the line reaches the edge; null where data is missing. */
export function drawn(part: SeriesPart, span: TimeSpan, pixels: number): Drawn {
  const from = Math.max(0, lowerBound(part.atMs, span.fromMs) - 1);
  const to = lowerBound(part.atMs, span.toMs + 1) + 1;
  const inside = { atMs: part.atMs.slice(from, to), values: part.values.slice(from, to) };
  const points = inside.atMs.length > 2 * pixels ? thinned(inside, pixels) : inside;
  return withGaps(points, Math.max(gapMs(points.atMs), (GAP_PIXELS * (span.toMs - span.fromMs)) / Math.max(1, pixels)));
}

/** How far apart two points are when something is missing between them. */
export function gapMs(atMs: readonly number[]): number {
  if (atMs.length < 3) return Number.POSITIVE_INFINITY;
  const steps = atMs.slice(1).map((at, index) => at - atMs[index]!);
  steps.sort((a, b) => a - b);
  return GAP_TIMES * Math.max(1, steps[Math.floor(steps.length * 0.75)]!);
}

function withGaps(points: Points, longMs: number): Drawn {
  const result: Drawn = { atMs: [], values: [] };
  for (const [index, at] of points.atMs.entries()) {
    const before = points.atMs[index - 1];
    if (before !== undefined && at - before > longMs) {
      result.atMs.push((before + at) / 2);
      result.values.push(null);
    }
    result.atMs.push(at);
    result.values.push(points.values[index] ?? null);
  }
  return result;
}

type Points = { readonly atMs: readonly number[]; readonly values: readonly (number | null)[] };

/** One dashed line: a limit and every rule that has it. */
export type LimitLine = { readonly value: number; readonly side: "min" | "max"; readonly rules: readonly string[] };

export function limitLines(limits: readonly RuleLimit[]): readonly LimitLine[] {
  const lines = new Map<string, { value: number; side: "min" | "max"; rules: string[] }>();
  for (const { rule, min, max } of limits) {
    for (const [side, value] of [["min", min] as const, ["max", max] as const]) {
      if (value === null) continue;
      const line = lines.get(`${side} ${value}`) ?? { value, side, rules: [] };
      line.rules.push(rule);
      lines.set(`${side} ${value}`, line);
    }
  }
  return [...lines.values()].sort((a, b) => a.value - b.value);
}

export type ValueRange = { readonly min: number; readonly max: number };

/** Of the values and the marks, and of the limits as far as the line stays readable. Null: there is nothing to draw. */
export function valueRange(
  values: readonly (number | null)[],
  marks: readonly SeriesAnomaly[],
  limits: readonly number[],
): ValueRange | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  const see = (value: number | null) => {
    if (value === null) return;
    min = Math.min(min, value);
    max = Math.max(max, value);
  };
  for (const value of values) see(value);
  for (const { value } of marks) see(value);
  if (min > max) return null;
  const flat = Math.max(Math.abs(max) * 0.02, 1e-6);
  const least = Math.max(max - min, flat);
  for (const limit of [...limits].sort((a, b) => away(a, min, max) - away(b, min, max))) {
    const wider = { min: Math.min(min, limit), max: Math.max(max, limit) };
    if (least / (wider.max - wider.min) >= LINE_SHARE_LEAST) {
      min = wider.min;
      max = wider.max;
    }
  }
  const padding = max - min < flat ? flat : (max - min) * PADDING;
  return { min: min - padding, max: max + padding };
}

/** Beyond it, a chart draws its values divided by a power of ten: a range of ±1e308 has no length that is a number. */
const UNSCALED_MOST = 1e15;

/** What the values are divided by before they are drawn. */
export function scaleOf({ values, anomalies }: SeriesPart): number {
  let most = 0;
  const see = (value: number | null) => {
    if (value !== null) most = Math.max(most, Math.abs(value));
  };
  for (const value of values) see(value);
  for (const { value } of anomalies) see(value);
  return most <= UNSCALED_MOST ? 1 : Number(`1e${Math.floor(Math.log10(most))}`);
}

/** The same in the scale of a chart. */
export function scaled<Of extends { readonly part: SeriesPart; readonly limits: readonly RuleLimit[] }>(
  input: Of,
  scale: number,
): Of {
  if (scale === 1) return input;
  const inScale = (value: number | null) => (value === null ? null : value / scale);
  const { atMs, values, anomalies } = input.part;
  return {
    ...input,
    part: {
      atMs,
      values: values.map(inScale),
      anomalies: anomalies.map((one) => ({ ...one, value: inScale(one.value) })),
    },
    limits: input.limits.map((one) => ({ ...one, min: inScale(one.min), max: inScale(one.max) })),
  };
}

/** Back from the scale of a chart; the end of an axis may be beyond the largest number. */
export function unscaled(value: number, scale: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value * scale));
}

const away = (value: number, min: number, max: number) => Math.max(min - value, value - max, 0);

/**
 * The times that the rules which remember looked at when they broke; those that touch are one. `stepMs`: the usual time between two
 * readings, for rules whose window is a number of readings.
 */
export function brokenWindows(
  anomalies: readonly SeriesAnomaly[],
  limits: readonly RuleLimit[],
  stepMs: number,
): readonly TimeSpan[] {
  const windowOf = new Map(limits.map((limit) => [limit.rule, windowLength(limit, stepMs)]));
  const windows = anomalies
    .map(({ atMs, rules }) => ({
      fromMs: atMs - Math.max(0, ...rules.map((rule) => windowOf.get(rule) ?? 0)),
      toMs: atMs,
    }))
    .filter(({ fromMs, toMs }) => fromMs < toMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  const joined: { fromMs: number; toMs: number }[] = [];
  for (const window of windows) {
    const before = joined.at(-1);
    if (before !== undefined && window.fromMs <= before.toMs) before.toMs = Math.max(before.toMs, window.toMs);
    else joined.push({ ...window });
  }
  return joined;
}

function windowLength({ windowMs, windowReadings }: RuleLimit, stepMs: number): number {
  return windowMs ?? Math.max(0, (windowReadings ?? 0) - 1) * stepMs;
}

/** The usual time between two readings: of the newest ones, which are not thinned. */
export function usualStepMs(atMs: readonly number[]): number {
  const newest = atMs.slice(-33);
  const steps = newest.slice(1).map((at, index) => at - newest[index]!);
  steps.sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? 0;
}

/** The newest value that is one, with its time. */
export function lastValue(part: SeriesPart): { readonly atMs: number; readonly value: number } | null {
  for (let index = part.atMs.length - 1; index >= 0; index--) {
    const value = part.values[index] ?? null;
    if (value !== null) return { atMs: part.atMs[index]!, value };
  }
  return null;
}

/**
 * Anomalies within `span`: `own` broke a rule about this series, `others` only rules about something else in the same reading, such as
 * the sensor's own flag.
 */
export type Marks = { readonly own: readonly SeriesAnomaly[]; readonly others: readonly SeriesAnomaly[] };

export function marksWithin(anomalies: readonly SeriesAnomaly[], limits: readonly RuleLimit[], span: TimeSpan): Marks {
  const about = new Set(limits.map(({ rule }) => rule));
  const own: SeriesAnomaly[] = [];
  const others: SeriesAnomaly[] = [];
  for (const anomaly of anomalies) {
    if (anomaly.atMs < span.fromMs || anomaly.atMs > span.toMs) continue;
    (anomaly.rules.some((rule) => about.has(rule)) ? own : others).push(anomaly);
  }
  return { own, others };
}
