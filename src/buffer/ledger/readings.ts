/** The readings that a buffer holds, read-only: one by its seq, or all of them in order of seq, a piece at a time. */
import { AgentError, messageOf } from "../../core/errors.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import type { StoredBlock } from "../buffer.ts";
import { isCorruption } from "../corruption.ts";
import { BlockReader, loadCatalogue, timesForgotten } from "../read-back.ts";
import type { BufferLedger } from "./ledger.ts";

/** Rows that are in memory at once: some megabytes, and enough that the query itself costs little. */
const ROWS_AT_ONCE = 4_000;

export class LedgerReadings {
  /** The sensors, labels and measures of the readings, as they were when this was made. */
  readonly catalogue: SensorCatalogue;
  readonly epoch: string;
  readonly #ledger: BufferLedger;
  readonly #reader: BlockReader;

  /**
   * Throws AgentError, as all of this does, where the database is damaged. `earlier`: of another snapshot of the same buffer,
   * whose catalogue is taken over where nothing is new in it; loading one of many sensors takes a while.
   */
  constructor(ledger: BufferLedger, earlier: LedgerReadings | null = null) {
    this.#ledger = ledger;
    this.epoch = ledger.epoch;
    const isKnown = earlier !== null && earlier.epoch === ledger.epoch && isWhole(earlier.catalogue, ledger);
    this.catalogue = isKnown ? earlier.catalogue : new SensorCatalogue();
    this.#reader = new BlockReader(ledger.db, this.catalogue);
    if (!isKnown) whole(() => loadCatalogue(ledger.db, this.catalogue));
  }

  /** The block of this one reading; null where the buffer does not hold it. */
  at(seq: number): StoredBlock | null {
    return this.read({ first: seq, last: seq })[0] ?? null;
  }

  /** The readings of a range that are held, all at once. */
  read(range: SeqRange): readonly StoredBlock[] {
    return whole(() => this.#reader.read(range));
  }

  /** The readings of a range of any length, a piece at a time; gaps cost nothing. */
  *pieces({ first, last }: SeqRange, rows = ROWS_AT_ONCE): Generator<StoredBlock> {
    for (let next = this.nextHeld(first); next !== null && next <= last; ) {
      const until = Math.min(last, next + rows - 1);
      yield* this.read({ first: next, last: until });
      next = this.nextHeld(until + 1);
    }
  }

  /** The first seq from `seq` on that the buffer holds; null where there is none. */
  nextHeld(seq: number): number | null {
    const found = this.#ledger.db.query<{ seq: number | null }, [number]>(
      "SELECT min(seq) AS seq FROM reading WHERE seq >= ?",
    );
    return whole(() => found.get(seq)?.seq ?? null);
  }
}

/** A catalogue only grows while no sensor is forgotten, so its three lengths say whether anything is new. */
function isWhole({ interned, labels, measureNames, timesForgotten: times }: SensorCatalogue, { db }: BufferLedger) {
  const { s, l, m } = db
    .query<{ s: number; l: number; m: number }, []>(
      `SELECT (SELECT count(*) FROM sensor) AS s, (SELECT count(*) FROM label) AS l,
       (SELECT count(*) FROM measure) AS m`,
    )
    .get()!;
  return times === timesForgotten(db) && interned.length === s + 1 && labels.length === l && measureNames.length === m;
}

/** Reading a damaged file does not crash: the error says how the buffer is repaired. */
function whole<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isCorruption(error)) throw error;
    throw new AgentError(
      `Cannot read the buffer: ${messageOf(error)}; agent run sets a corrupt buffer aside and keeps what can be read`,
      {
        cause: error,
        tryHint: "agent run",
      },
    );
  }
}
