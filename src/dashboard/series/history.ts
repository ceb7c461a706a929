/**
 * The history of some series: one walk through the buffer for all of them, newest commits first, in short steps. Readings are asked
 * for by event time, and the buffer is in order of commits, so the walk begins at the commits of the end of the span and goes back to
 * those of its beginning; then come the commits after the span, which may hold readings that were late.
 */
import { SANE_SINCE_MS } from "../../core/time/clock.ts";
import type { SeriesAnswer, SeriesPart } from "../wire.ts";
import { type DrawnSpan, drawnSpan, NO_PIXELS, type PixelRange, startOf, ThinnedSeries } from "./thinned-series.ts";
import { FINDINGS_AT_ONCE, type ReadBuffer, storedFindings, storedRows, type WatchedRow } from "./watched-rows.ts";
import { findingsAbout, type MeasuresOfRules, type WatchedColumns } from "./watched-series.ts";

/**
 * A reading is looked for among those that were committed at most this long before its time, and not longer than the span: its clock
 * may be ahead.
 */
const AHEAD_MS = 60_000;
/** Rows of a step: it is to take about this long, and never many times as long. */
const STEP_MS = 7;
const STEP_ROWS = { first: 2_000, least: 500, most: 50_000 };
/** The walk ends behind so many steps of commits that are too old: the clock of the agent may have been set meanwhile. */
const OLD_STEPS = 3;

export type HistoryParts = {
  readonly buffer: ReadBuffer;
  readonly columns: WatchedColumns;
  readonly span: DrawnSpan;
  /** Not after the span's own begin: earlier readings from here on are noticed, and not drawn. */
  readonly sinceMs: number;
  readonly rules: MeasuresOfRules;
  readonly running: () => number;
};

export class History {
  readonly #parts: HistoryParts;
  readonly #aheadMs: number;
  /** The earliest that was noticed; null: none. */
  earlierMs: number | null = null;
  readonly #series: readonly ThinnedSeries[];
  /** Where the walk began, and the estimate of where it ends. */
  readonly #begin: number;
  readonly #end: number;
  readonly #newest: number;
  /** Null: that walk is done. */
  #next: number | null;
  #nextLate: number | null;
  #rows = STEP_ROWS.first;
  #oldSteps = 0;
  /** Pixels that were read, but for readings that were late, and that were not sent yet. */
  #unsent: PixelRange;
  #readFromMs: number;

  constructor(parts: HistoryParts) {
    const { buffer, span, columns } = parts;
    this.#parts = parts;
    this.#series = columns.names.map(() => new ThinnedSeries(span));
    this.#newest = buffer.lastSeq;
    this.#aheadMs = aheadOf(span, commitsOf(buffer, { first: this.#newest, last: this.#newest }).newestMs);
    this.#begin = lastCommittedBy(buffer, span.toMs + AHEAD_MS);
    this.#end = lastCommittedBy(buffer, span.fromMs - this.#aheadMs);
    this.#next = this.#begin;
    this.#nextLate = this.#newest > this.#begin ? this.#newest : null;
    this.#unsent = NO_PIXELS;
    this.#readFromMs = span.toMs + 1;
  }

  get isDone(): boolean {
    return this.#next === null && this.#nextLate === null;
  }

  /** One short look. Throws the database's error. */
  step(): void {
    const { running } = this.#parts;
    const sinceMs = running();
    if (this.#next !== null) this.#next = this.#back(this.#next);
    else if (this.#nextLate !== null) this.#nextLate = this.#late(this.#nextLate);
    const tookMs = running() - sinceMs;
    const wanted = this.#rows * Math.min(2, Math.max(0.25, STEP_MS / Math.max(0.01, tookMs)));
    this.#rows = Math.round(Math.min(STEP_ROWS.most, Math.max(STEP_ROWS.least, wanted)));
  }

  /** What changed since the last call, and what was read; null: nothing. */
  answer(): SeriesAnswer | null {
    const { columns, span } = this.#parts;
    const isWhole = this.isDone;
    const changed = joined([this.#unsent, ...this.#series.map((series) => series.changed)]);
    if (changed.last < changed.first && !isWhole) return null;
    this.#unsent = NO_PIXELS;
    const isNothing = changed.last < changed.first;
    const range = isNothing ? { first: span.pixels, last: span.pixels - 1 } : changed;
    const parts = columns.names.map(({ key }, i): [string, SeriesPart | undefined] => [
      key,
      this.#series[i]?.part(range),
    ]);
    return {
      series: Object.fromEntries(parts.filter((entry): entry is [string, SeriesPart] => entry[1] !== undefined)),
      fromMs: startOf(span, range.first),
      toMs: startOf(span, range.last + 1),
      isWhole,
      doneShare: this.#doneShare(),
    };
  }

  #doneShare(): number {
    if (this.isDone) return 1;
    const late = this.#newest - this.#begin;
    const all = this.#begin - this.#end + late;
    const left = (this.#next === null ? 0 : this.#next - this.#end) + (this.#nextLate ?? this.#begin) - this.#begin;
    return all <= 0 ? 0 : Math.min(0.99, Math.max(0, 1 - left / all));
  }

  /** Reads the commits of the span that end with `last`, and says where the next step begins. */
  #back(last: number): number | null {
    const { buffer, span } = this.#parts;
    const held = newestHeld(buffer, last);
    if (held === null) return this.#reached(span.fromMs);
    const range = { first: Math.max(1, held - this.#rows + 1), last: held };
    const commits = commitsOf(buffer, range);
    const isOld = commits.newestMs < span.fromMs - this.#aheadMs && commits.oldestMs >= SANE_SINCE_MS;
    if (isOld && ++this.#oldSteps >= OLD_STEPS) return this.#reached(span.fromMs);
    if (!isOld) {
      this.#oldSteps = 0;
      this.#take(range);
      this.#reached(Math.max(span.fromMs, Math.min(this.#readFromMs, commits.oldestMs)));
    }
    return range.first > 1 ? range.first - 1 : this.#reached(span.fromMs);
  }

  #late(last: number): number | null {
    const { buffer } = this.#parts;
    const held = newestHeld(buffer, last);
    if (held === null || held <= this.#begin) return null;
    const first = Math.max(this.#begin + 1, held - this.#rows + 1);
    this.#take({ first, last: held });
    return first > this.#begin + 1 ? first - 1 : null;
  }

  /** Everything from this time on was read, but for what was late. */
  #reached(fromMs: number): null {
    const { span } = this.#parts;
    if (fromMs >= this.#readFromMs) return null;
    const first = Math.ceil((fromMs - span.fromMs) / span.pixelMs);
    const last = Math.ceil((this.#readFromMs - span.fromMs) / span.pixelMs) - 1;
    this.#unsent = joined([this.#unsent, { first, last }]);
    this.#readFromMs = fromMs;
    return null;
  }

  #take(range: { readonly first: number; readonly last: number }): void {
    const { buffer, span, columns } = this.#parts;
    const found = storedRows(buffer, range, columns);
    for (const { atMs } of found) if (atMs < span.fromMs) this.#noteEarlier(atMs);
    const rows = found.filter(({ atMs }) => atMs >= span.fromMs && atMs <= span.toMs);
    const anomalous: WatchedRow[] = [];
    for (const row of rows) {
      for (const { series, column } of row.series) {
        const value = row.values[column] ?? null;
        if (value !== null) this.#series[series]?.add(row.atMs, value);
      }
      if (row.isAnomalous && this.#hasRoom(row)) anomalous.push(row);
    }
    for (let at = 0; at < anomalous.length; at += FINDINGS_AT_ONCE) {
      this.#takeFindings(anomalous.slice(at, at + FINDINGS_AT_ONCE).filter((row) => this.#hasRoom(row)));
    }
  }

  #noteEarlier(atMs: number): void {
    if (atMs >= this.#parts.sinceMs) this.earlierMs = Math.min(atMs, this.earlierMs ?? atMs);
  }

  /** Whether an anomaly of this time would be listed. */
  #hasRoom({ series, atMs }: WatchedRow): boolean {
    let hasRoom = false;
    for (const { series: i } of series) {
      const found = this.#series[i];
      if (found === undefined) continue;
      if (atMs > found.fullBeforeMs) hasRoom = true;
      else found.leaveOut();
    }
    return hasRoom;
  }

  #takeFindings(rows: readonly WatchedRow[]): void {
    const { buffer, rules } = this.#parts;
    const bySeq = storedFindings(
      buffer,
      rows.map(({ seq }) => seq),
    );
    for (const { seq, atMs, values, series: places } of rows) {
      for (const { series, column, measure } of places) {
        const about = findingsAbout(bySeq.get(seq) ?? [], measure, rules);
        if (about.length === 0) continue;
        const value = values[column] ?? null;
        const names = about.map(({ rule }) => rule);
        const reason = about.map((finding) => finding.reason).join("; ");
        this.#series[series]?.addAnomaly({ atMs, value, seq, rules: names, reason });
      }
    }
  }
}

/** A page asks for the newest seconds again and again, up to a time that is to come: that must not read a minute each time. */
function aheadOf({ fromMs, toMs }: DrawnSpan, newestMs: number): number {
  const lengthMs = Math.min(toMs, newestMs) - fromMs;
  return lengthMs > 0 ? Math.min(AHEAD_MS, lengthMs) : AHEAD_MS;
}

function joined(ranges: readonly PixelRange[]): PixelRange {
  return ranges.reduce(
    (all, { first, last }) => ({ first: Math.min(all.first, first), last: Math.max(all.last, last) }),
    NO_PIXELS,
  );
}

/**
 * The part of a span that is worth drawing, so that the pixels are those of what the buffer holds: from its oldest commit on.
 * `earlierMs`: a reading that is older than that, because it was late.
 */
export function worthDrawing(
  { db }: Pick<ReadBuffer, "db">,
  { fromMs, toMs, pixels }: Omit<DrawnSpan, "pixelMs">,
  earlierMs: number | null,
): DrawnSpan {
  const oldest = db
    .query<{ at: number }, []>("SELECT ingested_at AS at FROM commit_group ORDER BY first_seq LIMIT 1")
    .get();
  const held = Math.min(oldest?.at ?? toMs, earlierMs ?? toMs, toMs);
  // As much again, where there may be more of the kind.
  const spareMs = earlierMs === null ? AHEAD_MS : Math.max(AHEAD_MS, toMs - earlierMs);
  return drawnSpan(Math.max(fromMs, held - spareMs), toMs, pixels);
}

/** The last seq that was committed at or before a time, as if the clock had never been set; 0: none. */
function lastCommittedBy({ db, lastSeq }: ReadBuffer, atMs: number): number {
  const before = db.query<{ last_seq: number; ingested_at: number }, [number]>(
    "SELECT last_seq, ingested_at FROM commit_group WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
  );
  let [low, high] = [0, lastSeq];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const commit = before.get(middle);
    if (commit === null || commit.ingested_at <= atMs) low = Math.min(high, Math.max(middle, commit?.last_seq ?? 0));
    else high = middle - 1;
  }
  return low;
}

function newestHeld({ db }: ReadBuffer, seq: number): number | null {
  return (
    db.query<{ seq: number | null }, [number]>("SELECT max(seq) AS seq FROM reading WHERE seq <= ?").get(seq)?.seq ??
    null
  );
}

/** When the readings of a range were committed. */
function commitsOf({ db }: ReadBuffer, { first, last }: { readonly first: number; readonly last: number }) {
  const found = db
    .query<{ newest: number | null; oldest: number | null }, [number, number]>(
      `SELECT max(ingested_at) AS newest, min(ingested_at) AS oldest FROM commit_group WHERE first_seq BETWEEN
       coalesce((SELECT max(first_seq) FROM commit_group WHERE first_seq <= ?1), ?1) AND ?2`,
    )
    .get(first, last);
  return { newestMs: found?.newest ?? 0, oldestMs: found?.oldest ?? 0 };
}
