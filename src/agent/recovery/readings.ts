/**
 * From a corrupt buffer to a new one: every reading that can be read and was not delivered goes out under its own id.
 * Promised batches keep their keys, so that the store can answer for those that it has; other readings are promised now.
 * Bodies are made at once, because the readings of the new buffer have other ids.
 */
import { rangeOf, type StoredBlock } from "../../buffer/buffer.ts";
import { Retention } from "../../buffer/disk/retention.ts";
import { type EarlierEpoch, firstSeqOf, ownerOf, type SeqOwner } from "../../buffer/earlier-epochs.ts";
import type { Outbox } from "../../buffer/outbox.ts";
import type { DamagedBuffer } from "../../buffer/salvage/damaged-buffer.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Gzip } from "../../core/bytes/gzip.ts";
import type { HeapWatch } from "../../core/bytes/heap-watch.ts";
import {
  chunksOf,
  type HourRange,
  intersect,
  missingIn,
  type SeqRange,
  sizeOf,
  subtractRanges,
} from "../../core/seq-range.ts";
import { READING_STAGES, type ReadingStage, type Stage } from "../../core/stage.ts";
import { breathe } from "../../core/time/bell.ts";
import { hourOf, MS_PER_HOUR } from "../../core/time/duration.ts";
import type { WindowSettings } from "../../stages/aggregate.ts";
import type { MeasureUnits } from "../../stages/schematize.ts";
import { readingKey } from "../../uplink/object-key.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import { Encoders } from "../encoders.ts";
import type { PlannedBefore, Promised } from "./promised.ts";

/** The parts that every step of a salvage works with. */
export type SalvageParts = {
  readonly damaged: DamagedBuffer;
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly store: ObjectStore;
  readonly stages: ReadonlySet<Stage>;
  readonly windowSettings: WindowSettings;
  /** The corrupt buffer's own: keys and rows keep the ids that they have. */
  readonly epoch: string;
  readonly nodeId: string;
  /** The epochs that it had before. */
  readonly earlier: readonly EarlierEpoch[];
  readonly gzip: Gzip;
  readonly units: MeasureUnits;
  readonly heap: HeapWatch;
  readonly stop: AbortSignal;
};

/** The fate of the readings that were not known to be delivered. */
export type Recovered = {
  readonly epoch: string;
  readonly nodeId: string;
  /** The seq of the last reading that was accepted; not `certain`: there may have been more. */
  readonly accepted: number;
  readonly certain: boolean;
  /** Readings that are sent again or for the first time. */
  readonly kept: number;
  readonly lost: number;
  /** Of those: readings that could be read, but it is unknown whether they were delivered. */
  readonly unknown: number;
};

/** Readings in an object that is made now: limits the memory of making it. */
const RANGE_ROWS = 20_000;
/** Each costs a listing in four stages. */
const HOURS_ASKED = 48;

export class Recovery {
  readonly #parts: SalvageParts;
  readonly #encoders: Encoders;
  readonly #retention: Retention;
  readonly #nowMs: number;
  #kept = 0;
  #lost = 0;
  #unknown = 0;

  constructor(parts: SalvageParts, nowMs: number) {
    this.#parts = parts;
    this.#encoders = new Encoders(parts, parts.damaged.catalogue);
    this.#retention = new Retention(parts.buffer);
    this.#nowMs = nowMs;
  }

  /** Writes down every batch and every loss. Throws the reason of `stop`; repeating all of it is harmless. */
  async run(promised: Promised, last: PossibleRange): Promise<Recovered> {
    await this.#askStore(promised, last);
    const own = this.#parts.damaged.losses().filter((loss) => loss.epoch === undefined);
    const counted = own.flatMap(({ range }) => range ?? []);
    for (const range of promised.ranges()) {
      await this.#breathe();
      this.#parts.buffer.transact(() => this.#again(range, promised, counted));
    }
    for (const gap of this.#gaps(promised, last)) {
      for (const range of chunksOf(gap, RANGE_ROWS)) {
        await this.#breathe();
        this.#parts.buffer.transact(() => this.#first(range, gap.uncertain, promised, counted));
      }
    }
    const { last: accepted, certain } = last;
    const { epoch, nodeId } = this.#parts;
    return { epoch, nodeId, accepted, certain, kept: this.#kept, lost: this.#lost, unknown: this.#unknown };
  }

  /** Each is of one epoch. */
  #gaps(promised: Promised, last: PossibleRange): (SeqRange & { readonly uncertain: boolean })[] {
    const { earlier } = this.#parts;
    return promised
      .gaps(last)
      .flatMap(({ uncertain, ...gap }) =>
        [...earlier, { first: firstSeqOf(earlier), last: gap.last }]
          .map((span) => ({ ...intersect(gap, span), uncertain }))
          .filter((part) => sizeOf(part) > 0),
      );
  }

  #ownerOf(range: SeqRange): SeqOwner {
    const { epoch, nodeId, earlier } = this.#parts;
    return ownerOf(range.first, { epoch, nodeId }, earlier);
  }

  #encode(blocks: readonly StoredBlock[], range: HourRange, stages: ReadonlySet<ReadingStage>) {
    return this.#encoders.of(this.#ownerOf(range)).encode(blocks, range, stages);
  }

  async #breathe(): Promise<void> {
    await breathe();
    this.#parts.heap.look();
    this.#parts.stop.throwIfAborted();
  }

  /** Promises a promised range again under the same keys, as far as it can be read. */
  #again(range: PlannedBefore, promised: Promised, counted: readonly SeqRange[]): void {
    const { first, last } = range;
    if (range.open.length === 0 && promised.complete) return;
    const blocks = this.#parts.damaged.read(range);
    let short = false;
    for (const hourMs of hoursOf(blocks)) {
      const known = range.open.filter((batch) => batch.hourMs === hourMs);
      const missing = promised.complete ? [] : this.#forgotten(blocks, { first, last, hourMs }, promised);
      const stages = new Set([...known.map((batch) => batch.stage), ...missing]);
      for (const [stage, made] of this.#encode(blocks, { first, last, hourMs }, stages)) {
        const before = known.find((batch) => batch.stage === stage);
        short ||= before !== undefined && made.count < before.count;
        const key = before?.key ?? this.#key({ first, last, hourMs }, made.count);
        this.#plan(stage, key, made.count, made.body);
      }
    }
    short ||= range.open.some((batch) => !hoursOf(blocks).includes(batch.hourMs));
    this.#kept += range.open.length === 0 ? 0 : countOf(blocks);
    // When promises are unknown, unreadable readings may lack a stage that no record names.
    if (!short && (promised.complete || this.#wentWhole(range))) return;
    this.#lose(missingIn(range, blocks.map(rangeOf)), counted);
    if (promised.complete) this.#loseMisplaced(range, blocks);
  }

  /** Whether every reading of the range is known to be delivered to every stage that it belongs to. */
  #wentWhole(range: PlannedBefore): boolean {
    const { stages } = this.#parts;
    const rows = (stage: ReadingStage) =>
      range.settled.reduce((sum, batch) => sum + (batch.stage === stage ? batch.count : 0), 0);
    const all = sizeOf(range);
    if (stages.has("raw") && rows("raw") !== all) return false;
    const isSorted = stages.has("validated") && stages.has("anomalies");
    if (isSorted && rows("validated") + rows("anomalies") !== all) return false;
    return !stages.has("schematized") || !stages.has("validated") || rows("schematized") === rows("validated");
  }

  /** Readings whose damaged time is in an hour that was not promised, or that was sent without them. */
  #loseMisplaced(range: PlannedBefore, blocks: readonly StoredBlock[]): void {
    for (const hourMs of hoursOf(blocks)) {
      const went = range.settled.find((batch) => batch.hourMs === hourMs && batch.stage === "raw")?.count;
      if (went === undefined && range.open.some((batch) => batch.hourMs === hourMs)) continue;
      const count = rowsOf(blocks, hourMs) - (went ?? 0);
      if (count <= 0) continue;
      this.#lost += count;
      this.#recordLoss(count, null);
    }
  }

  /** Stages of a promised range whose own batch cannot be read: the range gives their keys, so they can be sent again. */
  #forgotten(blocks: readonly StoredBlock[], of: HourRange, promised: Promised) {
    const wanted = READING_STAGES.filter((stage) => this.#parts.stages.has(stage));
    const made = this.#encode(blocks, of, new Set<ReadingStage>(wanted));
    return [...made.keys()].filter((stage) => !promised.covers(stage, of));
  }

  /** Promises a range that was never promised, or for which that is unknown. */
  #first(range: SeqRange, uncertain: boolean, promised: Promised, counted: readonly SeqRange[]): void {
    const stages = new Set(READING_STAGES.filter((stage) => this.#parts.stages.has(stage)));
    for (const part of promised.outside(range)) {
      const blocks = this.#parts.damaged.read(part);
      this.#lose(missingIn(part, blocks.map(rangeOf)), counted);
      if (uncertain && !promised.knows(hoursOf(blocks), this.#ownerOf(part))) {
        this.#unknown += countOf(blocks);
        this.#lose(blocks.map(rangeOf), counted);
        continue;
      }
      for (const hourMs of hoursOf(blocks)) {
        for (const [stage, made] of this.#encode(blocks, { ...part, hourMs }, stages)) {
          this.#plan(stage, this.#key({ ...part, hourMs }, made.count), made.count, made.body);
        }
      }
      this.#kept += countOf(blocks);
    }
  }

  /** When a promise may be unknown, asks the store for its objects, around the hours that can still be read. */
  async #askStore(promised: Promised, last: PossibleRange): Promise<void> {
    const { damaged, store } = this.#parts;
    for (const gap of this.#gaps(promised, last).filter(({ uncertain }) => uncertain)) {
      const around = { first: Math.max(last.first, gap.first - RANGE_ROWS), last: gap.last + RANGE_ROWS };
      for (const range of chunksOf(around, RANGE_ROWS)) {
        await this.#breathe();
        const hours = hoursOf(damaged.read({ first: range.first, last: Math.min(last.last, range.last) }));
        // Hours of unreadable readings are between the readable ones, or after them up to now.
        const until = range.last >= last.last ? hourOf(this.#nowMs) : undefined;
        await promised.ask(store, hoursBetween(hours, until), this.#ownerOf(gap));
      }
    }
    if (!promised.complete) await this.#askOfStages(promised);
  }

  /** A stage that no record names may have been sent under another key, with readings that cannot be read now. */
  async #askOfStages(promised: Promised): Promise<void> {
    const { damaged, store } = this.#parts;
    const stages = new Set(READING_STAGES.filter((stage) => this.#parts.stages.has(stage)));
    let left = HOURS_ASKED;
    for (const range of promised.ranges()) {
      const hours = promised.halfKnown(range, stages);
      if (hours.length === 0) continue;
      await this.#breathe();
      // A range that reads whole gets the key that it had. Many ranges have no anomalies, and are not worth a listing each.
      if (left <= 0 && countOf(damaged.read(range)) === sizeOf(range)) continue;
      left -= hours.length;
      await promised.ask(store, hours, this.#ownerOf(range));
    }
  }

  #key(range: HourRange, count: number): string {
    const { nodeId, epoch } = this.#ownerOf(range);
    return readingKey({ ...range, node: nodeId, epoch, count });
  }

  #plan(stage: Stage, key: string, count: number, body: Uint8Array): void {
    const batch = this.#parts.outbox.planBody({ stage, key, count, body }, this.#nowMs);
    if (batch !== null) return;
    // A damaged key that is another batch's: the store would take only one of them.
    this.#lost += count;
    this.#recordLoss(count, null);
  }

  /** `counted`: ranges that were counted as lost before. */
  #lose(ranges: readonly SeqRange[], counted: readonly SeqRange[]): void {
    for (const range of subtractRanges(ranges, counted)) {
      this.#lost += sizeOf(range);
      this.#recordLoss(sizeOf(range), range);
    }
  }

  #recordLoss(count: number, range: SeqRange | null): void {
    const { epoch } = range === null ? this.#parts : this.#ownerOf(range);
    const [sinceMs, untilMs] = [this.#nowMs, this.#nowMs];
    this.#retention.recordLoss({ reason: "buffer_corrupt", count, range, epoch, sinceMs, untilMs });
  }
}

/** The seqs that the buffer may hold; not `certain`: there may have been more. */
export type PossibleRange = SeqRange & { readonly certain: boolean };

function hoursOf(blocks: readonly StoredBlock[]): number[] {
  const hours = new Set<number>();
  for (const { block } of blocks) for (const timeMs of block.time.subarray(0, block.count)) hours.add(hourOf(timeMs));
  return [...hours].sort((a, b) => a - b);
}

/** The hours and those between them, unless these are too many to ask for. */
function hoursBetween(hours: readonly number[], until: number | undefined): number[] {
  const from = hours[0];
  if (from === undefined) return [];
  const to = Math.max(hours.at(-1) ?? from, until ?? from);
  if ((to - from) / MS_PER_HOUR > HOURS_ASKED) return [...hours];
  return Array.from({ length: (to - from) / MS_PER_HOUR + 1 }, (_, i) => from + i * MS_PER_HOUR);
}

function rowsOf(blocks: readonly StoredBlock[], hourMs: number): number {
  let rows = 0;
  for (const { block } of blocks) {
    for (const timeMs of block.time.subarray(0, block.count)) if (hourOf(timeMs) === hourMs) rows++;
  }
  return rows;
}

function countOf(blocks: readonly StoredBlock[]): number {
  return blocks.reduce((sum, { block }) => sum + block.count, 0);
}
