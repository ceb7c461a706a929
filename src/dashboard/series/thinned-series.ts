/**
 * One series as it is drawn: of each pixel's time the least and the greatest value, in their order, and the readings that broke a
 * rule. It takes readings in any order, and its memory depends on the pixels alone.
 */
import { SERIES_ANOMALIES_MOST, type SeriesAnomaly, type SeriesPart } from "../wire.ts";

/** A time span, both ends in it, and the time of each pixel: whole milliseconds, so that each moment is in one pixel exactly. */
export type DrawnSpan = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly pixelMs: number;
  readonly pixels: number;
};
/** Both ends are in it; empty where the last is before the first. */
export type PixelRange = { readonly first: number; readonly last: number };
export const NO_PIXELS: PixelRange = { first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY };

/** A line is broken where two points are this many times as far apart as points usually are, or as pixels are. */
const GAP_TIMES = 8;
/** Distances of points that are looked at, to know the usual one. */
const DISTANCES = 101;

/** At most `pixels` of them. The ends are whole milliseconds. */
export function drawnSpan(fromMs: number, toMs: number, pixels: number): DrawnSpan {
  const lengthMs = toMs - fromMs + 1;
  const pixelMs = Math.ceil(lengthMs / pixels);
  return { fromMs, toMs, pixelMs, pixels: Math.ceil(lengthMs / pixelMs) };
}

export function pixelOf({ fromMs, pixelMs }: DrawnSpan, atMs: number): number {
  return Math.floor((atMs - fromMs) / pixelMs);
}

/** The first moment of a pixel; of the one behind the last, the first moment behind the span. */
export function startOf({ fromMs, toMs, pixelMs, pixels }: DrawnSpan, pixel: number): number {
  return pixel >= pixels ? toMs + 1 : fromMs + pixel * pixelMs;
}

export class ThinnedSeries {
  readonly #span: DrawnSpan;
  readonly #least: Float64Array;
  readonly #leastAt: Float64Array;
  readonly #greatest: Float64Array;
  readonly #greatestAt: Float64Array;
  readonly #anomalies = new NewestAnomalies();
  #changed = NO_PIXELS;

  constructor(span: DrawnSpan) {
    this.#span = span;
    const { pixels } = span;
    this.#least = new Float64Array(pixels).fill(Number.NaN);
    this.#leastAt = new Float64Array(pixels);
    this.#greatest = new Float64Array(pixels);
    this.#greatestAt = new Float64Array(pixels);
  }

  /** What changed since `part` was called last. */
  get changed(): PixelRange {
    return this.#changed;
  }

  /** No more anomalies of this time or before are listed. */
  get fullBeforeMs(): number {
    return this.#anomalies.fullBeforeMs;
  }

  /** Of a reading within the span. */
  add(atMs: number, value: number): void {
    const pixel = pixelOf(this.#span, atMs);
    const [least, greatest] = [this.#least[pixel] ?? Number.NaN, this.#greatest[pixel] ?? Number.NaN];
    const isFirst = Number.isNaN(least);
    if (isFirst || value < least) {
      this.#least[pixel] = value;
      this.#leastAt[pixel] = atMs;
    }
    if (isFirst || value > greatest) {
      this.#greatest[pixel] = value;
      this.#greatestAt[pixel] = atMs;
    }
    if (isFirst || value < least || value > greatest) this.#note(pixel);
  }

  addAnomaly(anomaly: SeriesAnomaly): void {
    this.#anomalies.add(anomaly);
    this.#note(pixelOf(this.#span, anomaly.atMs));
  }

  /** An anomaly of this time was not even looked at, because `fullBeforeMs` is later. */
  leaveOut(): void {
    this.#anomalies.isCut = true;
  }

  /** What is in these pixels. */
  part(range: PixelRange): SeriesPart {
    this.#changed = NO_PIXELS;
    const points = this.#points(range);
    const gapMs = GAP_TIMES * Math.max(this.#usualDistance(), this.#span.pixelMs);
    const atMs: number[] = [];
    const values: (number | null)[] = [];
    const behind = this.#firstFrom(range.last + 1);
    for (const [i, { at, value }] of points.entries()) {
      atMs.push(at);
      values.push(value);
      const next = points[i + 1]?.at ?? behind;
      if (next === null || next - at <= gapMs) continue;
      atMs.push((at + next) / 2);
      values.push(null);
    }
    const anomalies = this.#anomalies.listed().filter(({ atMs: at }) => {
      const pixel = pixelOf(this.#span, at);
      return pixel >= range.first && pixel <= range.last;
    });
    return { atMs, values, anomalies, ...(this.#anomalies.isCut && { anomaliesLeftOut: true }) };
  }

  #note(pixel: number): void {
    const { first, last } = this.#changed;
    if (pixel < first || pixel > last) this.#changed = { first: Math.min(first, pixel), last: Math.max(last, pixel) };
  }

  /** At most two of a pixel; one where all its values are equal. */
  #points({ first, last }: PixelRange): { readonly at: number; readonly value: number }[] {
    const points: { readonly at: number; readonly value: number }[] = [];
    for (let pixel = first; pixel <= last; pixel++) {
      const [least = Number.NaN, greatest = Number.NaN] = [this.#least[pixel], this.#greatest[pixel]];
      const [leastAt = 0, greatestAt = 0] = [this.#leastAt[pixel], this.#greatestAt[pixel]];
      if (Number.isNaN(least)) continue;
      const low = { at: leastAt, value: least };
      const high = { at: greatestAt, value: greatest };
      if (least === greatest) points.push(low);
      else if (leastAt <= greatestAt) points.push(low, high);
      else points.push(high, low);
    }
    return points;
  }

  /** When the first point in or behind a pixel is. */
  #firstFrom(pixel: number): number | null {
    for (let next = pixel; next < this.#span.pixels; next++) {
      if (!Number.isNaN(this.#least[next] ?? Number.NaN))
        return Math.min(this.#leastAt[next] ?? 0, this.#greatestAt[next] ?? 0);
    }
    return null;
  }

  /** The median of some distances between two points; 0 where there are none. */
  #usualDistance(): number {
    const times = this.#points({ first: 0, last: this.#span.pixels - 1 }).map(({ at }) => at);
    const step = Math.max(1, Math.floor((times.length - 1) / DISTANCES));
    const distances: number[] = [];
    for (let i = 1; i < times.length; i += step) distances.push((times[i] ?? 0) - (times[i - 1] ?? 0));
    distances.sort((a, b) => a - b);
    return distances[distances.length >> 1] ?? 0;
  }
}

/** The newest anomalies, at most `SERIES_ANOMALIES_MOST`. */
class NewestAnomalies {
  isCut = false;
  fullBeforeMs = Number.NEGATIVE_INFINITY;
  #list: SeriesAnomaly[] = [];

  add(anomaly: SeriesAnomaly): void {
    if (anomaly.atMs <= this.fullBeforeMs) {
      this.isCut = true;
      return;
    }
    this.#list.push(anomaly);
    if (this.#list.length >= 2 * SERIES_ANOMALIES_MOST) this.#cut();
  }

  /** Oldest first. */
  listed(): readonly SeriesAnomaly[] {
    this.#cut();
    return this.#list;
  }

  #cut(): void {
    this.#list.sort((a, b) => a.atMs - b.atMs || a.seq - b.seq);
    const more = this.#list.length - SERIES_ANOMALIES_MOST;
    if (more <= 0) return;
    this.isCut = true;
    this.#list = this.#list.slice(more);
    this.fullBeforeMs = Math.max(this.fullBeforeMs, (this.#list[0]?.atMs ?? 0) - 1);
  }
}
