/** What came of the watched series since the last look: few points, however many readings there were. */
import type { Finding } from "../../core/reading.ts";
import { type SeqRange, sizeOf } from "../../core/seq-range.ts";
import { type ReadBuffer, rowsInMemory, storedFindings, storedRows, type WatchedRow } from "../series/watched-rows.ts";
import { findingsAbout, type MeasuresOfRules, type WatchedColumns } from "../series/watched-series.ts";
import type { SeriesAnomaly, SeriesPart } from "../wire.ts";

/** Points of a series in one event. */
export const LIVE_POINTS_MOST = 40;
/** Anomalies of a series in one event. */
export const LIVE_ANOMALIES_MOST = 50;
/** Rows that one look reads from the database: the newest, a few milliseconds. */
const ROWS_MOST = 10_000;
/** Points that are gathered before they are thinned. */
const GATHERED_MOST = 4 * LIVE_POINTS_MOST;

type Point = { readonly atMs: number; readonly value: number };
type Gathered = { points: Point[]; readonly anomalies: SeriesAnomaly[]; isCut: boolean };

export class LivePointsReader {
  readonly #columns: WatchedColumns;
  readonly #gathered: readonly Gathered[];
  #isBroken = false;

  constructor(columns: WatchedColumns) {
    this.#columns = columns;
    this.#gathered = columns.names.map(() => ({ points: [], anomalies: [], isCut: false }));
  }

  /** One short look at the readings of a range. */
  read(buffer: ReadBuffer, range: SeqRange, rules: MeasuresOfRules): void {
    if (sizeOf(range) === 0 || this.#columns.names.length === 0) return;
    this.#columns.grow();
    const blocks = buffer.recent.cover(range);
    if (blocks !== null) {
      for (const [row, findings] of rowsInMemory(blocks, range, this.#columns)) this.#take(row, findings, rules);
      return;
    }
    const newest = { first: Math.max(range.first, range.last - ROWS_MOST + 1), last: range.last };
    if (newest.first > range.first) this.#isBroken = true;
    const rows = storedRows(buffer, newest, this.#columns);
    const broken = rows.filter(({ isAnomalous }) => isAnomalous).slice(0, LIVE_ANOMALIES_MOST * this.#gathered.length);
    const findings = storedFindings(
      buffer,
      broken.map(({ seq }) => seq),
    );
    for (const row of rows) this.#take(row, findings.get(row.seq) ?? [], rules);
  }

  /** What was gathered since the last call, by key; series of which nothing came are left out. */
  take(): ReadonlyMap<string, SeriesPart> {
    const parts = new Map<string, SeriesPart>();
    for (const [i, { key }] of this.#columns.names.entries()) {
      const gathered = this.#gathered[i];
      if (gathered === undefined) continue;
      const { points, anomalies, isCut } = gathered;
      if (points.length === 0 && anomalies.length === 0 && !this.#isBroken) continue;
      const thinned = thinPoints(points, LIVE_POINTS_MOST);
      parts.set(key, {
        atMs: thinned.map(({ atMs }) => atMs),
        values: thinned.map(({ value }) => value),
        anomalies: anomalies.toSorted((a, b) => a.atMs - b.atMs).slice(-LIVE_ANOMALIES_MOST),
        ...((isCut || anomalies.length > LIVE_ANOMALIES_MOST) && { anomaliesLeftOut: true }),
        ...(this.#isBroken && { isBroken: true }),
      });
      gathered.points = [];
      anomalies.length = 0;
      gathered.isCut = false;
    }
    this.#isBroken = false;
    return parts;
  }

  #take({ seq, atMs, values, series }: WatchedRow, findings: readonly Finding[], rules: MeasuresOfRules): void {
    for (const { series: i, column, measure } of series) {
      const gathered = this.#gathered[i];
      if (gathered === undefined) continue;
      const value = values[column] ?? null;
      if (value !== null) gathered.points.push({ atMs, value });
      if (gathered.points.length >= GATHERED_MOST) gathered.points = thinPoints(gathered.points, LIVE_POINTS_MOST);
      const about = findings.length === 0 ? [] : findingsAbout(findings, measure, rules);
      if (about.length === 0) continue;
      if (gathered.anomalies.length >= 2 * LIVE_ANOMALIES_MOST) {
        gathered.anomalies.splice(0, LIVE_ANOMALIES_MOST);
        gathered.isCut = true;
      }
      const reason = about.map((finding) => finding.reason).join("; ");
      gathered.anomalies.push({ atMs, value, seq, rules: about.map(({ rule }) => rule), reason });
    }
  }
}

/** Oldest first; of each of `most` / 2 equal times the least and the greatest. */
export function thinPoints(points: readonly Point[], most: number): Point[] {
  const sorted = points.toSorted((a, b) => a.atMs - b.atMs);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined || sorted.length <= most) return sorted;
  const pieces = most / 2;
  const pieceMs = (last.atMs - first.atMs + 1) / pieces;
  const thinned: Point[] = [];
  for (const piece of Map.groupBy(sorted, ({ atMs }) => Math.floor((atMs - first.atMs) / pieceMs)).values()) {
    let [least, greatest] = [0, 0];
    for (const [i, { value }] of piece.entries()) {
      if (value < (piece[least]?.value ?? value)) least = i;
      if (value > (piece[greatest]?.value ?? value)) greatest = i;
    }
    for (const at of new Set([Math.min(least, greatest), Math.max(least, greatest)])) {
      const point = piece[at];
      if (point !== undefined) thinned.push(point);
    }
  }
  return thinned;
}
