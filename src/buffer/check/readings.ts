/**
 * Every reading of a buffer, read back as delivery would: each seq is there or is a counted loss, is in one commit, and has its
 * sensor, its label and its findings. A piece at a time, so that the memory does not grow with the buffer.
 */
import { grouped } from "../../core/readable-numbers.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { intersect, type SeqRange, sizeOf, subtractRanges } from "../../core/seq-range.ts";
import { rangeOf, type StoredBlock } from "../buffer.ts";
import type { BufferLedger } from "../ledger/ledger.ts";
import { lossesOf } from "../ledger/losses.ts";
import { BlockReader, loadCatalogue } from "../read-back.ts";
import { attempt, readInPieces } from "../salvage/tables.ts";
import { DamagedSeqs, type DamageList } from "./damage.ts";

const PIECE_ROWS = 10_000;
/** After so many readings that cannot be read, only whole pieces are named: reading each alone would take hours. */
const SINGLE_MOST = 10_000;

export type ReadingsLook = {
  readonly ledger: BufferLedger;
  readonly found: DamageList;
  /** Called between pieces: how many readings were read, of how many. Throws when the check is stopped. */
  readonly turn: (done: number, of: number) => Promise<void>;
};

/** Returns how many readings were read. */
export async function checkReadings({ ledger, found, turn }: ReadingsLook): Promise<number> {
  const held = heldIn(ledger);
  const accepted = ledger.accepted();
  if (held === null) {
    if (ledger.plannedThrough() < accepted) {
      const lost = subtractRanges([{ first: ledger.plannedThrough() + 1, last: accepted }], lostIn(ledger));
      noteMissing(found, lost);
    }
    return 0;
  }
  const look = new PieceLook(ledger, found);
  const all = { first: held.first, last: Math.max(held.last, accepted) };
  let next: number | null = all.first;
  while (next !== null && next <= all.last) {
    const piece = { first: next, last: Math.min(all.last, next + PIECE_ROWS - 1) };
    look.read(piece);
    await turn(look.rows, sizeOf(all));
    next = look.skipGap(piece.last + 1, all.last);
  }
  look.report();
  return look.rows;
}

function heldIn({ db }: BufferLedger): SeqRange | null {
  type Ends = { first: number | null; last: number | null };
  const { first = null, last = null } =
    db
      .query<Ends, []>("SELECT (SELECT min(seq) FROM reading) AS first, (SELECT max(seq) FROM reading) AS last")
      .get() ?? {};
  return first === null || last === null ? null : { first, last };
}

/** Seqs of this buffer that are counted as lost. */
function lostIn(ledger: BufferLedger): SeqRange[] {
  const own = new Set([ledger.epoch, ...ledger.earlier().map(({ epoch }) => epoch)]);
  return lossesOf(ledger).flatMap(({ range, epoch = ledger.epoch }) =>
    range !== null && own.has(epoch) ? [range] : [],
  );
}

function noteMissing(found: DamageList, ranges: readonly SeqRange[]): void {
  const missing = new DamagedSeqs();
  missing.add(ranges);
  reportMissing(found, missing);
}

function reportMissing(found: DamageList, missing: DamagedSeqs): void {
  const say = (text: string, n: number) =>
    `Readings that are missing, and no loss counts them: ${grouped(n)} (${text})`;
  missing.report(found, "readings", say);
}

class PieceLook {
  rows = 0;
  readonly #ledger: BufferLedger;
  readonly #found: DamageList;
  readonly #lost: readonly SeqRange[];
  readonly #reader: BlockReader;
  readonly #missing = new DamagedSeqs();
  readonly #unread = new DamagedSeqs();
  readonly #homeless = new DamagedSeqs();
  #singles = 0;

  constructor(ledger: BufferLedger, found: DamageList) {
    this.#ledger = ledger;
    this.#found = found;
    this.#lost = lostIn(ledger);
    const catalogue = new SensorCatalogue();
    this.#reader = new BlockReader(ledger.db, catalogue);
    const isLoaded = attempt(() => {
      loadCatalogue(ledger.db, catalogue);
      return true;
    });
    if (isLoaded === undefined) found.add("readings", "The sensors, labels or measures of the readings cannot be read");
  }

  read(piece: SeqRange): void {
    const read: SeqRange[] = [];
    const unread: SeqRange[] = [];
    readInPieces<StoredBlock[]>(piece, {
      finest: this.#singles < SINGLE_MOST ? 1 : PIECE_ROWS,
      read: (range) => this.#reader.read(range),
      found: (blocks) => read.push(...blocks.map(rangeOf)),
      lost: (range) => void unread.push(range),
    });
    this.rows += read.reduce((sum, range) => sum + sizeOf(range), 0);
    this.#singles += unread.length;
    this.#unread.add(unread);
    this.#judge(subtractRanges([piece], [...read, ...unread, ...this.#lost]));
  }

  /** The next seq that is held; the gap before it is judged in one. Null: there is none up to `last`. */
  skipGap(from: number, last: number): number | null {
    if (from > last) return null;
    const next = attempt(
      () =>
        this.#ledger.db
          .query<{ seq: number | null }, [number]>("SELECT min(seq) AS seq FROM reading WHERE seq >= ?")
          .get(from)?.seq ?? last + 1,
    );
    if (next === undefined || next === from) return from;
    this.#missing.add(subtractRanges([{ first: from, last: Math.min(next - 1, last) }], this.#lost));
    return next > last ? null : next;
  }

  /** Seqs that were not read: a row without a commit is not found by reading commits. */
  #judge(absent: readonly SeqRange[]): void {
    const has = this.#ledger.db.query<{ seq: number }, [number, number]>(
      "SELECT seq FROM reading WHERE seq BETWEEN ? AND ? ORDER BY seq",
    );
    for (const range of absent) {
      const rows = attempt(() => has.all(range.first, range.last)) ?? [];
      const held = rows.map(({ seq }) => ({ first: seq, last: seq })).map((one) => intersect(one, range));
      this.#homeless.add(held);
      this.#missing.add(subtractRanges([range], held));
    }
  }

  report(): void {
    const found = this.#found;
    reportMissing(found, this.#missing);
    this.#unread.report(found, "readings", (text, n) => `Readings that cannot be read back: ${grouped(n)} (${text})`);
    this.#homeless.report(found, "commits", (text, n) => `Readings that are in no commit: ${grouped(n)} (${text})`);
  }
}
