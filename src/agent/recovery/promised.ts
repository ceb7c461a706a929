/**
 * The promises of a corrupt buffer, as far as they can be read: from its batches, from the index beside them, and where both
 * have holes from the store itself. A key names its range, so it is enough to know that a key was used.
 */

import type { EarlierEpoch, SeqOwner } from "../../buffer/earlier-epochs.ts";
import type { SalvagedBatch } from "../../buffer/salvage/damaged-buffer.ts";
import { type HourRange, missingIn, overlaps, type SeqRange } from "../../core/seq-range.ts";
import { READING_STAGES, type ReadingStage } from "../../core/stage.ts";
import { epochPrefix, type ParsedKey, parseKey } from "../../uplink/object-key.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";

type Planned = HourRange & {
  readonly stage: ReadingStage;
  readonly key: string;
  readonly count: number;
  readonly isSettled: boolean;
};
/** A promised range: its batches that are known to be delivered, and the others. */
export type PlannedBefore = SeqRange & { readonly open: readonly Planned[]; readonly settled: readonly Planned[] };

/** A store that does not answer within this is not asked again: readings that only it knows are counted as lost. */
const ASK_MS = 10_000;

export class Promised {
  /** Every promise is known. */
  readonly complete: boolean;
  /** Parsed from the keys: a key names its epoch. */
  readonly epoch: string | null;
  readonly #planned: Planned[] = [];
  readonly #through: number;
  readonly #isThroughKnown: boolean;
  #isStoreSilent = false;
  /** By epoch and hour. */
  readonly #asked = new Set<string>();

  /** `earlier`: of the same buffer. Their batches keep their epoch, and the buffer's own is another one. */
  constructor(
    found: { batches: readonly SalvagedBatch[]; complete: boolean },
    plannedThrough: number | null,
    earlier: readonly EarlierEpoch[],
  ) {
    let complete = found.complete;
    let epoch: string | null = null;
    const sound = new Set(found.batches.filter(isSound).map(({ id }) => id));
    for (const batch of found.batches) {
      const { id, stage, key, state, range } = batch;
      const readingStage = READING_STAGES.find((name) => name === stage);
      if (readingStage === undefined) continue;
      const parsed = parseKey(readingStage, key);
      // Either the row or its entry in the index is damaged: the one that agrees with itself counts.
      if (range === null ? state === "unknown" && sound.has(id) : !sound.has(id)) {
        complete = false;
        continue;
      }
      // A body without a range comes from an earlier corrupt buffer, and is carried over unchanged.
      if (parsed?.kind === "readings" && range === null && state !== "unknown") continue;
      const isEarlier = earlier.some((one) => one.epoch === parsed?.epoch);
      if (parsed?.kind !== "readings" || (epoch !== null && parsed.epoch !== epoch && !isEarlier)) {
        complete = false;
        continue;
      }
      if (!isEarlier) epoch = parsed.epoch;
      this.#add(readingStage, key, parsed, state === "delivered");
    }
    this.complete = complete;
    this.epoch = epoch;
    this.#isThroughKnown = complete || plannedThrough !== null;
    this.#through = this.#planned.reduce((most, batch) => Math.max(most, batch.last), plannedThrough ?? 0);
  }

  /** The promised ranges, in order of seq. */
  ranges(): PlannedBefore[] {
    const ranges = new Map<string, SeqRange & { readonly open: Planned[]; readonly settled: Planned[] }>();
    for (const batch of this.#planned) {
      const { first, last, isSettled } = batch;
      const range = ranges.get(`${first}-${last}`) ?? { first, last, open: [], settled: [] };
      ranges.set(`${first}-${last}`, range);
      (isSettled ? range.settled : range.open).push(batch);
    }
    return [...ranges.values()].sort((a, b) => a.first - b.first || b.last - a.last);
  }

  /** Whether a batch of this stage and hour is known that shares readings with the range. */
  covers(stage: ReadingStage, of: HourRange): boolean {
    return this.#planned.some((batch) => batch.stage === stage && batch.hourMs === of.hourMs && overlaps(batch, of));
  }

  /** Hours of a range that, as far as is known, was promised to some of these stages and not to others. */
  halfKnown({ first, last, open, settled }: PlannedBefore, stages: ReadonlySet<ReadingStage>): number[] {
    const hours = new Set([...open, ...settled].map((batch) => batch.hourMs));
    return [...hours].filter((hourMs) => [...stages].some((stage) => !this.covers(stage, { first, last, hourMs })));
  }

  /**
   * The seqs that the buffer may hold and no known batch covers. Not `uncertain`: they were never promised. When every promise
   * is known, uncovered seqs below the last promise had no stage to go to, and are not a gap.
   */
  gaps(of: SeqRange): (SeqRange & { readonly uncertain: boolean })[] {
    const behind = this.outside({ first: Math.max(of.first, this.#through + 1), last: of.last });
    const gaps = behind.map((range) => ({ ...range, uncertain: !this.#isThroughKnown }));
    if (this.complete) return gaps;
    const before = this.outside({ first: of.first, last: Math.min(of.last, this.#through) });
    return [...before.map((range) => ({ ...range, uncertain: true })), ...gaps];
  }

  /** The parts of a range that no known batch covers. */
  outside(range: SeqRange): SeqRange[] {
    return missingIn(range, this.#planned);
  }

  /** Whether the store has listed its objects of these hours. */
  knows(hours: readonly number[], { epoch }: SeqOwner): boolean {
    return hours.every((hour) => this.#asked.has(`${epoch} ${hour}`));
  }

  /** Asks the store for its objects of these hours, and learns them if it answers in time. */
  async ask(store: ObjectStore, hours: readonly number[], { nodeId: node, epoch }: SeqOwner): Promise<void> {
    for (const hourMs of hours.filter((hour) => !this.#asked.has(`${epoch} ${hour}`))) {
      if (this.#isStoreSilent) return;
      const listed = await withinTime(this.#list(store, hourMs, node, epoch));
      if (listed === null) this.#isStoreSilent = true;
      else this.#asked.add(`${epoch} ${hourMs}`);
    }
  }

  async #list(store: ObjectStore, hourMs: number, node: string, epoch: string): Promise<true> {
    const prefix = epochPrefix(hourMs, { nodeId: node, epoch });
    for (const stage of READING_STAGES) {
      for await (const { key } of store.list(stage, prefix)) {
        const parsed = parseKey(stage, key);
        const isKnown = this.#planned.some((batch) => batch.stage === stage && batch.key === key);
        if (parsed?.kind === "readings" && !isKnown) this.#add(stage, key, parsed, true);
      }
    }
    return true;
  }

  #add(stage: ReadingStage, key: string, parsed: ParsedKey & { kind: "readings" }, isSettled: boolean): void {
    const { first, last, hourMs, count } = parsed;
    this.#planned.push({ stage, key, first, last, hourMs, count, isSettled });
  }
}

/** A row holds its range twice, in its columns and in its key: a flipped bit in one of them shows. */
function isSound({ stage, key, count, range }: SalvagedBatch): boolean {
  const readingStage = READING_STAGES.find((name) => name === stage);
  if (readingStage === undefined || range === null) return false;
  const parsed = parseKey(readingStage, key);
  return (
    parsed?.kind === "readings" &&
    parsed.first === range.first &&
    parsed.last === range.last &&
    parsed.hourMs === range.hourMs &&
    parsed.count === count
  );
}

/** Null: it took longer, or failed. */
export async function withinTime<T>(work: Promise<T>): Promise<T | null> {
  let timer: Timer | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ASK_MS);
  });
  try {
    return await Promise.race([work, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
