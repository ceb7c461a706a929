/**
 * Whether ranges add up. A span is a planned range with everything that overlaps it, of any stage and hour (a halved batch
 * of one hour is inside the whole one of another). A promised batch counts by its key, whether its object is there or not; a
 * folded run counts as found.
 */

import { missingIn, type RangeSet, type SeqRange, sizeOf } from "../core/seq-range.ts";
import type { ReadingStage } from "../core/stage.ts";
import type { Findings } from "./audit.ts";

/** Rows of a stage within a range: a promised batch, or an object that is there. */
export type Part = SeqRange & { readonly stage: ReadingStage; readonly count: number };

/** The result of the sums of a stage's folded runs. */
export type Sums = {
  /** The seqs of runs whose rows are not all there, and how many rows are missing; NaN where only objects are. */
  readonly short: RangeSet;
  readonly shortRows: number;
  /** The same for runs with too many. */
  readonly over: RangeSet;
  readonly overRows: number;
};

export type Verdicts = {
  readonly sums: Readonly<Record<ReadingStage, Sums>>;
  readonly lost: RangeSet;
  /** Stages that were ever planned. */
  readonly used: ReadonlySet<ReadingStage>;
  /** Stages that are judged also where no object or batch shows them. */
  readonly always: ReadonlySet<ReadingStage>;
  readonly from: number;
  readonly plannedThrough: number;
};

type FindingsOf = Readonly<Record<ReadingStage, Findings>>;
type Span = { first: number; last: number; rows: Record<ReadingStage, number>; has: Set<ReadingStage> };
/** How many rows of a group there are, and how many there should be. */
type RowBounds = { readonly rows: number; readonly least: number; readonly most: number };
/** Stages for which a listing shows only together where rows are missing. */
type Group = readonly ReadingStage[];
const RAW: Group = ["raw"];
const SPLIT: Group = ["validated", "anomalies"];
const SCHEMATIZED: Group = ["schematized"];
const GROUPS = [RAW, SPLIT, SCHEMATIZED];

/** Names where a stage has too little or too much. Where that does not explain the sums, the whole run is named. */
export function judgeSpans(parts: readonly Part[], verdicts: Verdicts, found: FindingsOf): void {
  const spans = spansOf(parts);
  const judge = new SpanJudge(verdicts, found);
  for (const span of spans) judge.span(span);
  const planned = { first: verdicts.from, last: verdicts.plannedThrough };
  for (const gap of missingIn(planned, [...spans, ...verdicts.lost.ranges])) judge.gap(gap);
  judge.nameUnexplained();
}

function spansOf(parts: readonly Part[]): Span[] {
  const spans: Span[] = [];
  for (const { stage, first, last, count } of [...parts].sort((a, b) => a.first - b.first)) {
    let span = spans.at(-1);
    if (span === undefined || first > span.last) {
      span = { first, last, rows: { raw: 0, validated: 0, anomalies: 0, schematized: 0 }, has: new Set() };
      spans.push(span);
    }
    span.last = Math.max(span.last, last);
    span.rows[stage] += count;
    span.has.add(stage);
  }
  return spans;
}

class SpanJudge {
  readonly #verdicts: Verdicts;
  readonly #found: FindingsOf;
  /** Rows too few and too many whose place is known, of stages whose sums say so. */
  readonly #explained = { missing: new Map<Group, number>(), duplicate: new Map<Group, number>() };
  readonly #splitPlaces: SeqRange[] = [];

  constructor(verdicts: Verdicts, found: FindingsOf) {
    this.#verdicts = verdicts;
    this.#found = found;
  }

  span(span: Span): void {
    const { rows } = span;
    const size = sizeOf(span);
    const judged = (stage: ReadingStage) =>
      span.has.has(stage) || this.#verdicts.always.has(stage) || this.#isShort(stage, span);
    // A stage without a trace here was switched off, unless the sums say that rows of it are gone.
    if (judged("raw")) this.#compare(span, RAW, { rows: rows.raw, least: size, most: size });
    const areBoth = judged("validated") && judged("anomalies");
    this.#compare(span, SPLIT, { rows: rows.validated + rows.anomalies, least: areBoth ? size : 0, most: size });
    if (!judged("schematized")) return;
    // Every valid row has both; where validated is not whole itself, more may be missing than this shows.
    const isWhole = judged("validated") && !this.#isShort("validated", span);
    const most = isWhole ? rows.validated : size;
    this.#compare(span, SCHEMATIZED, { rows: rows.schematized, least: rows.validated, most });
  }

  /** Seqs that no stage promised, stored or lost. */
  gap(gap: SeqRange): void {
    const { used } = this.#verdicts;
    const isSplit = used.has("validated") && used.has("anomalies");
    // How many of them schematized should have, or one of the two alone, is not known here.
    const groups = isSplit ? [RAW, SPLIT] : [RAW];
    for (const group of groups) this.#name("missing", group, gap, sizeOf(gap));
    if (GROUPS.flat().some((stage) => this.#isShort(stage, gap))) return;
    // Reported once, where it is sure that a stage should have had them.
    const usual: Group = used.has("raw") ? RAW : isSplit ? ["validated"] : [];
    this.#nameAll("missing", usual, gap);
  }

  nameUnexplained(): void {
    for (const group of GROUPS) {
      const isExplained = this.#isExplained("missing", group);
      // Where both are there, schematized was compared with validated: the rest is where validated is not whole.
      const places = group === SCHEMATIZED && this.#isExplained("missing", SPLIT) ? this.#splitPlaces : [];
      for (const stage of group) {
        const { short, over } = this.#verdicts.sums[stage];
        const suspect = places.length > 0 ? places : short.ranges;
        if (!isExplained) this.#found[stage].missing.push(...suspect);
        if (!this.#isExplained("duplicate", group)) this.#found[stage].duplicate.push(...over.ranges);
      }
    }
  }

  #isExplained(what: "missing" | "duplicate", group: Group): boolean {
    const { sums } = this.#verdicts;
    const rowsOf = { missing: "shortRows", duplicate: "overRows" } as const;
    const wrong = group.reduce((sum, stage) => sum + sums[stage][rowsOf[what]], 0);
    return wrong === (this.#explained[what].get(group) ?? 0);
  }

  /** `rows` must be within [least, most]. Lost rows may be there or not; where sums are short they excuse no gap. */
  #compare(span: Span, group: Group, { rows, least, most }: RowBounds): void {
    const lost = this.#verdicts.lost.countWithin(span);
    const isShort = group.some((stage) => this.#isShort(stage, span));
    if (rows < least - (isShort ? 0 : lost)) {
      if (!this.#name("missing", group, span, least - rows)) this.#nameAll("missing", group, span);
    }
    const size = sizeOf(span);
    const ceiling = Math.min(most + (most < size ? lost : 0), size);
    if (rows > ceiling && !this.#name("duplicate", group, span, rows - ceiling)) {
      const present = group.filter((stage) => span.has.has(stage));
      this.#nameAll("duplicate", present, span);
    }
  }

  /** Names the range in the stages of the group whose sums are wrong there; false where none is. */
  #name(what: "missing" | "duplicate", group: Group, { first, last }: SeqRange, rows: number): boolean {
    const { sums } = this.#verdicts;
    const sumOf = { missing: "short", duplicate: "over" } as const;
    const guilty = group.filter((stage) => sums[stage][sumOf[what]].countWithin({ first, last }) > 0);
    this.#nameAll(what, guilty, { first, last });
    if (what === "missing" && group === SPLIT && guilty.length > 0) this.#splitPlaces.push({ first, last });
    if (guilty.length > 0) this.#explained[what].set(group, (this.#explained[what].get(group) ?? 0) + rows);
    return guilty.length > 0;
  }

  #nameAll(what: "missing" | "duplicate", stages: Group, { first, last }: SeqRange): void {
    for (const stage of stages) this.#found[stage][what].push({ first, last });
  }

  #isShort(stage: ReadingStage, range: SeqRange): boolean {
    return this.#verdicts.sums[stage].short.countWithin(range) > 0;
  }
}
