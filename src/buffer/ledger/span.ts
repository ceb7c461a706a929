/**
 * A range of readings that is read for as long as a person or a pipe takes it: each piece has a connection and a snapshot of its
 * own, so that a slow reader never holds up the checkpoints of a running agent. What is damaged is left out and counted.
 */
import { AgentError } from "../../core/errors.ts";
import type { SensorCatalogue } from "../../core/sensor.ts";
import { type SeqRange, sizeOf, subtractRanges } from "../../core/seq-range.ts";
import type { StoredBlock } from "../buffer.ts";
import { isDamage } from "../corruption.ts";
import { type EarlierEpoch, ownerOf, type SeqOwner } from "../earlier-epochs.ts";
import { outsideTrouble } from "../outside-error.ts";
import { BufferLedger } from "./ledger.ts";
import { lossesOf } from "./losses.ts";
import { LedgerReadings } from "./readings.ts";

export type SpanPiece = {
  readonly blocks: readonly StoredBlock[];
  readonly catalogue: SensorCatalogue;
  /** Whose ids a reading has. */
  readonly ownerOf: (seq: number) => SeqOwner;
};

/** Some megabytes, and enough that opening the file costs little. */
const PIECE_ROWS = 10_000;
/** Ranges that are remembered by name. */
const NAMED = 1_000;

export class BufferSpan {
  /** The readings that are held at the start; null: none. */
  readonly held: SeqRange | null;
  /** The measures of all sensors, in the order in which the buffer met them. */
  readonly measures: readonly string[];
  /** Readings that were there at the start, and that retention deleted before they were read. */
  missed = 0;
  /** Readings that cannot be read, the first ranges of them: a page of the file is damaged, or its disk does not give it. */
  readonly unread: SeqRange[] = [];
  unreadRows = 0;
  readonly #dataDir: string;
  readonly #epoch: string;
  #readings: LedgerReadings | null = null;

  /** Throws as `BufferLedger.open` does, and AgentError where the sensors cannot be read. */
  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    const { held, measures, epoch } = this.#look((ledger, readings) => {
      const first = readings.nextHeld(1);
      return {
        epoch: ledger.epoch,
        measures: readings.catalogue.measureNames.slice(),
        held: first === null ? null : { first, last: ledger.accepted() },
      };
    });
    this.held = held;
    this.measures = measures;
    this.#epoch = epoch;
  }

  /** The readings of a part of what is held, in order of seq. */
  *pieces({ first, last }: SeqRange): Generator<SpanPiece> {
    for (let next: number | null = first; next !== null && next <= last; ) {
      const from: number = next;
      const { piece, until } = this.#look((ledger, readings) => {
        if (ledger.epoch !== this.#epoch && !ledger.earlier().some(({ epoch }) => epoch === this.#epoch))
          throw new AgentError("Cannot read on: the buffer was replaced by another one", { tryHint: "agent status" });
        const start = this.#startOf(ledger, readings, { first: from, last });
        const end = Math.min(last, start + PIECE_ROWS - 1);
        return { piece: this.#read(ledger, readings, { first: start, last: end }), until: end };
      });
      yield piece;
      next = until + 1;
    }
  }

  /** The first seq from `first` on that is held. What retention deleted since the start is counted. */
  #startOf(ledger: BufferLedger, readings: LedgerReadings, { first, last }: SeqRange): number {
    let next: number;
    try {
      next = readings.nextHeld(first) ?? last + 1;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return first;
    }
    const lost = lossesOf(ledger).flatMap(({ range }) => (range === null ? [] : [range]));
    const gone = subtractRanges([{ first, last: Math.min(next, last + 1) - 1 }], lost);
    this.missed += gone.reduce((sum, range) => sum + sizeOf(range), 0);
    return next;
  }

  #read(ledger: BufferLedger, readings: LedgerReadings, range: SeqRange): SpanPiece {
    const { epoch, nodeId } = ledger;
    const earlier: readonly EarlierEpoch[] = ledger.earlier();
    const blocks: StoredBlock[] = [];
    if (range.first <= range.last) this.#around(readings, range, blocks);
    return { blocks, catalogue: readings.catalogue, ownerOf: (seq) => ownerOf(seq, { epoch, nodeId }, earlier) };
  }

  /** In halves around what cannot be read. */
  #around(readings: LedgerReadings, range: SeqRange, found: StoredBlock[]): void {
    try {
      found.push(...readings.read(range));
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      if (sizeOf(range) === 1) {
        this.#note(range);
        return;
      }
      const middle = Math.floor((range.first + range.last) / 2);
      this.#around(readings, { first: range.first, last: middle }, found);
      this.#around(readings, { first: middle + 1, last: range.last }, found);
    }
  }

  #note({ first, last }: SeqRange): void {
    this.unreadRows++;
    const before = this.unread.at(-1);
    if (before?.last === first - 1) this.unread[this.unread.length - 1] = { first: before.first, last };
    else if (this.unread.length < NAMED) this.unread.push({ first, last });
  }

  #look<T>(take: (ledger: BufferLedger, readings: LedgerReadings) => T): T {
    const ledger = BufferLedger.open(this.#dataDir);
    try {
      const readings = new LedgerReadings(ledger, this.#readings);
      const taken = take(ledger, readings);
      this.#readings = readings;
      return taken;
    } finally {
      ledger.close();
    }
  }
}

/** Damage, or a page that the disk does not give. */
function isUnreadable(error: unknown): boolean {
  return isDamage(error) || outsideTrouble(error) === "broken";
}
