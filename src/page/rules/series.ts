/** A series of the buffer for one chart, read from its newest part backwards. */
import type { SeriesAnomaly, SeriesAnswer, SeriesPart } from "../../dashboard/wire.ts";
import { SeriesRing } from "../chart/ring.ts";
import { readLines } from "../shell/api.ts";

export type SeriesAsked = {
  readonly key: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly pixels: number;
};
export type SeriesRead = {
  readonly key: string;
  readonly part: SeriesPart;
  readonly span: { readonly fromMs: number; readonly toMs: number };
  readonly isWhole: boolean;
};

/** Calls `take` with all that has come so far, each time that more came. */
export async function readSeries(
  { key, fromMs, toMs, pixels }: SeriesAsked,
  signal: AbortSignal,
  take: (read: SeriesRead) => void,
): Promise<void> {
  const ring = new SeriesRing(Number.POSITIVE_INFINITY);
  const query = { series: [key], from: fromMs, to: toMs, pixels };
  for await (const answer of readLines<SeriesAnswer>("/api/series", query, signal)) {
    const older = answer.series[key];
    if (older !== undefined) ring.add(older, toMs);
    take({ key, part: ring.part, span: { fromMs, toMs }, isWhole: answer.isWhole });
  }
}

/** What was asked for, from the first point on: an agent that is young has no more. */
export function heldSpan({ part, span, isWhole }: SeriesRead): SeriesRead["span"] {
  const first = part.atMs[0];
  return isWhole && first !== undefined ? { fromMs: Math.max(span.fromMs, first), toMs: span.toMs } : span;
}

/** The same line with other marks; a mark without a value is on the line. */
export function withMarks(part: SeriesPart, marks: readonly SeriesAnomaly[]): SeriesPart {
  return { ...part, anomalies: marks.map((mark) => ({ ...mark, value: mark.value ?? valueAt(part, mark.atMs) })) };
}

function valueAt({ atMs, values }: SeriesPart, ms: number): number | null {
  let [low, high] = [0, atMs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((atMs[middle] ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [low - 1, low];
  const isBefore = Math.abs((atMs[before] ?? Number.NaN) - ms) <= Math.abs((atMs[after] ?? Number.NaN) - ms);
  return values[isBefore || after >= values.length ? before : after] ?? null;
}
