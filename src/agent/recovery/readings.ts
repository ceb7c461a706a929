/**
 * From a corrupt buffer to a new one: everything that can be read and was not delivered goes out under the ids that it
 * has. What was promised keeps its key, so that the store, which knows what it has, settles the rest; what was not
 * promised yet is promised now. Bodies are made here and now: the new buffer's readings have other ids.
 */
import { type Batch, rangeOf, type StoredBlock } from "../../buffer/buffer.ts";
import { Retention } from "../../buffer/disk/retention.ts";
import type { Outbox } from "../../buffer/outbox.ts";
import type { DamagedBuffer } from "../../buffer/salvage/damaged-buffer.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Gzip } from "../../core/bytes/gzip.ts";
import type { HeapWatch } from "../../core/bytes/heap-watch.ts";
import { chunksOf, type HourRange, missingIn, type SeqRange, sizeOf, subtractRanges } from "../../core/seq-range.ts";
import { READING_STAGES, type ReadingStage, type Stage } from "../../core/stage.ts";
import { breathe } from "../../core/time/bell.ts";
import { hourOf, MS_PER_HOUR } from "../../core/time/duration.ts";
import { StageEncoder } from "../../stages/encode.ts";
import { readingKey } from "../../uplink/object-key.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";
import type { PlannedBefore, Promised } from "./promised.ts";

export type RecoverParts = {
  readonly damaged: DamagedBuffer;
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly store: ObjectStore;
  readonly stages: ReadonlySet<Stage>;
  readonly nodeId: string;
  readonly gzip: Gzip;
  readonly heap: HeapWatch;
  readonly stop: AbortSignal;
};

/** What became of the readings that were not known to be delivered. */
export type Recovered = {
  readonly epoch: string;
  readonly nodeId: string;
  /** The seq of the last reading that was accepted; not `certain`: there may have been more. */
  readonly accepted: number;
  readonly certain: boolean;
  /** Readings that go out again or for the first time. */
  readonly kept: number;
  readonly lost: number;
  /** Of those: readings that could be read, but nobody can tell whether they were delivered. */
  readonly unknown: number;
};

/** Readings in an object that is made now: bounds the memory of making it. */
const RANGE_ROWS = 20_000;
/** A listing each, in four stages. */
const HOURS_ASKED = 48;

export class Recovery {
  readonly #parts: RecoverParts;
  readonly #encoder: StageEncoder;
  readonly #epoch: string;
  readonly #nodeId: string;
  readonly #retention: Retention;
  readonly #nowMs: number;
  #kept = 0;
  #lost = 0;
  #unknown = 0;

  constructor(parts: RecoverParts, epoch: string, nowMs: number) {
    const { damaged, buffer, gzip, nodeId } = parts;
    this.#parts = parts;
    this.#epoch = epoch;
    // The node may have been renamed since; a row tells who took it.
    this.#nodeId = damaged.meta("node_id") ?? nodeId;
    this.#encoder = new StageEncoder({ epoch, nodeId: this.#nodeId, gzip }, damaged.catalogue);
    this.#retention = new Retention(buffer);
    this.#nowMs = nowMs;
  }

  /** Writes down every batch and every loss. Throws the reason of `stop`; doing all of it again is harmless. */
  async run(promised: Promised, last: Span): Promise<Recovered> {
    await this.#askStore(promised, last);
    const own = this.#parts.damaged.losses().filter((loss) => loss.epoch === undefined);
    const counted = own.flatMap(({ range }) => range ?? []);
    for (const range of promised.ranges()) {
      await this.#breathe();
      this.#parts.buffer.transact(() => this.#again(range, promised, counted));
    }
    for (const gap of promised.gaps(last)) {
      for (const range of chunksOf(gap, RANGE_ROWS)) {
        await this.#breathe();
        this.#parts.buffer.transact(() => this.#first(range, gap.uncertain, promised, counted));
      }
    }
    const { last: accepted, certain } = last;
    const [epoch, nodeId] = [this.#epoch, this.#nodeId];
    return { epoch, nodeId, accepted, certain, kept: this.#kept, lost: this.#lost, unknown: this.#unknown };
  }

  async #breathe(): Promise<void> {
    await breathe();
    this.#parts.heap.look();
    this.#parts.stop.throwIfAborted();
  }

  /** A range that was promised: under the same keys, whatever of it can be read. */
  #again(range: PlannedBefore, promised: Promised, counted: readonly SeqRange[]): void {
    const { first, last } = range;
    if (range.open.length === 0 && promised.complete) return;
    const blocks = this.#parts.damaged.read(range);
    let short = false;
    for (const hourMs of hoursOf(blocks)) {
      const known = range.open.filter((batch) => batch.hourMs === hourMs);
      const missing = promised.complete ? [] : this.#forgotten(blocks, { first, last, hourMs }, promised);
      const stages = new Set([...known.map((batch) => batch.stage), ...missing]);
      for (const [stage, made] of this.#encoder.encode(blocks, { first, last, hourMs }, stages)) {
        const before = known.find((batch) => batch.stage === stage);
        short ||= before !== undefined && made.count < before.count;
        const key = before?.key ?? this.#key({ first, last, hourMs }, made.count);
        this.#plan(stage, key, made.count, made.body);
      }
    }
    short ||= range.open.some((batch) => !hoursOf(blocks).includes(batch.hourMs));
    this.#kept += range.open.length === 0 ? 0 : countOf(blocks);
    // Where promises were forgotten, what cannot be read may lack a stage that nobody remembers.
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

  /** Readings whose damaged time belongs to no hour that was promised, or to one that went out without them. */
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

  /** Stages of a promised range whose own batch cannot be read: their keys follow from the range, so they can be sent again. */
  #forgotten(blocks: readonly StoredBlock[], of: HourRange, promised: Promised) {
    const wanted = READING_STAGES.filter((stage) => this.#parts.stages.has(stage));
    const made = this.#encoder.encode(blocks, of, new Set<ReadingStage>(wanted));
    return [...made.keys()].filter((stage) => !promised.covers(stage, of));
  }

  /** A range that was never promised, or of which nobody can tell. */
  #first(range: SeqRange, uncertain: boolean, promised: Promised, counted: readonly SeqRange[]): void {
    const stages = new Set(READING_STAGES.filter((stage) => this.#parts.stages.has(stage)));
    for (const part of promised.outside(range)) {
      const blocks = this.#parts.damaged.read(part);
      this.#lose(missingIn(part, blocks.map(rangeOf)), counted);
      if (uncertain && !promised.knows(hoursOf(blocks))) {
        this.#unknown += countOf(blocks);
        this.#lose(blocks.map(rangeOf), counted);
        continue;
      }
      for (const hourMs of hoursOf(blocks)) {
        for (const [stage, made] of this.#encoder.encode(blocks, { ...part, hourMs }, stages)) {
          this.#plan(stage, this.#key({ ...part, hourMs }, made.count), made.count, made.body);
        }
      }
      this.#kept += countOf(blocks);
    }
  }

  /** Where a promise may have been forgotten, the store is asked what it has: around the hours that can still be read. */
  async #askStore(promised: Promised, last: Span): Promise<void> {
    for (const gap of promised.gaps(last).filter(({ uncertain }) => uncertain)) {
      const around = { first: Math.max(last.first, gap.first - RANGE_ROWS), last: gap.last + RANGE_ROWS };
      for (const range of chunksOf(around, RANGE_ROWS)) {
        await this.#breathe();
        const hours = hoursOf(this.#parts.damaged.read({ first: range.first, last: Math.min(last.last, range.last) }));
        // Hours of readings that cannot be read lie between those that can, or behind them up to now.
        const until = range.last >= last.last ? hourOf(this.#nowMs) : undefined;
        await promised.ask(this.#parts.store, hoursBetween(hours, until), this.#nodeId, this.#epoch);
      }
    }
    if (!promised.complete) await this.#askOfStages(promised);
  }

  /** A stage that nobody remembers may have gone out, and with readings that cannot be read now: under another key. */
  async #askOfStages(promised: Promised): Promise<void> {
    const { damaged, store } = this.#parts;
    const stages = new Set(READING_STAGES.filter((stage) => this.#parts.stages.has(stage)));
    let left = HOURS_ASKED;
    for (const range of promised.ranges()) {
      const hours = promised.halfKnown(range, stages);
      if (hours.length === 0) continue;
      await this.#breathe();
      // What reads whole gets the key that it had; many ranges have no anomalies, and are not worth a listing each.
      if (left <= 0 && countOf(damaged.read(range)) === sizeOf(range)) continue;
      left -= hours.length;
      await promised.ask(store, hours, this.#nodeId, this.#epoch);
    }
  }

  #key(range: HourRange, count: number): string {
    return readingKey({ ...range, node: this.#nodeId, epoch: this.#epoch, count });
  }

  #plan(stage: Stage, key: string, count: number, body: Uint8Array): Batch {
    return this.#parts.outbox.planBody({ stage, key, count, body }, this.#nowMs);
  }

  /** `counted`: counted as lost before. */
  #lose(ranges: readonly SeqRange[], counted: readonly SeqRange[]): void {
    for (const range of subtractRanges(ranges, counted)) {
      this.#lost += sizeOf(range);
      this.#recordLoss(sizeOf(range), range);
    }
  }

  #recordLoss(count: number, range: SeqRange | null): void {
    const [epoch, sinceMs, untilMs] = [this.#epoch, this.#nowMs, this.#nowMs];
    this.#retention.recordLoss({ reason: "buffer_corrupt", count, range, epoch, sinceMs, untilMs });
  }
}

/** The seqs that the buffer may hold; not `certain`: there may have been more. */
export type Span = SeqRange & { readonly certain: boolean };

function hoursOf(blocks: readonly StoredBlock[]): number[] {
  const hours = new Set<number>();
  for (const { block } of blocks) for (let row = 0; row < block.count; row++) hours.add(hourOf(block.time[row]!));
  return [...hours].sort((a, b) => a - b);
}

/** The hours with those in between, as far as they are not too many to ask for. */
function hoursBetween(hours: readonly number[], until: number | undefined): number[] {
  const from = hours[0];
  if (from === undefined) return [];
  const to = Math.max(hours[hours.length - 1]!, until ?? from);
  if ((to - from) / MS_PER_HOUR > HOURS_ASKED) return [...hours];
  return Array.from({ length: (to - from) / MS_PER_HOUR + 1 }, (_, i) => from + i * MS_PER_HOUR);
}

function rowsOf(blocks: readonly StoredBlock[], hourMs: number): number {
  let rows = 0;
  for (const { block } of blocks) for (let i = 0; i < block.count; i++) if (hourOf(block.time[i]!) === hourMs) rows++;
  return rows;
}

function countOf(blocks: readonly StoredBlock[]): number {
  return blocks.reduce((sum, { block }) => sum + block.count, 0);
}
