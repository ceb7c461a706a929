/**
 * The last committed blocks, still in memory: delivery nearly always wants what was just committed, and reading it back
 * from the database would cost half as much as writing it. Bounded by rows, by blocks (a block takes the same memory
 * however few rows it has), and by the text beside them; older ones are read from the database.
 */
import { BLOCK_TEXT_LENGTH, ReadingBlock } from "../core/reading.ts";
import { missingIn, overlaps, type SeqRange } from "../core/seq-range.ts";
import { rangeOf, type StoredBlock } from "./buffer.ts";

const TEXT_LENGTH = 2 * BLOCK_TEXT_LENGTH;
/** A slow source commits once a second what goes out every thirty: its batch is in memory too. */
const LEAST_BLOCKS = 40;

export class RecentBlocks {
  readonly #limitRows: number;
  readonly #limitBlocks: number;
  readonly #blockRows: number;
  #blocks: StoredBlock[] = [];
  #rows = 0;
  #textLength = 0;
  readonly #spare: ReadingBlock[] = [];

  constructor(limitRows: number, blockRows: number) {
    this.#limitRows = limitRows;
    this.#limitBlocks = Math.max(LEAST_BLOCKS, Math.ceil(limitRows / blockRows));
    this.#blockRows = blockRows;
  }

  /** An empty block to fill and commit. A used one comes first, so that a steady stream allocates nothing. */
  lend(): ReadingBlock {
    return this.#spare.pop() ?? new ReadingBlock(this.#blockRows);
  }

  /** A block that was lent and not committed. */
  giveBack(block: ReadingBlock): void {
    block.clear();
    // One that grew for a large message would keep its memory.
    if (block.capacity > this.#blockRows) return;
    // A settlement releases whole batches of blocks, and the next ones need as many. One is being filled beside them.
    if (this.#blocks.length + this.#spare.length <= this.#limitBlocks) this.#spare.push(block);
  }

  add(stored: StoredBlock): void {
    this.#blocks.push(stored);
    this.#rows += stored.block.count;
    this.#textLength += stored.block.textLength;
    const isOver = () =>
      this.#rows > this.#limitRows || this.#blocks.length > this.#limitBlocks || this.#textLength > TEXT_LENGTH;
    while (isOver() && this.#blocks.length > 1) this.#drop();
  }

  /** Everything up to `seq` was delivered: its blocks may be used again. */
  release(seq: number): void {
    for (let oldest = this.#blocks[0]; oldest !== undefined; oldest = this.#blocks[0]) {
      if (rangeOf(oldest).last > seq) return;
      this.#drop();
    }
  }

  /** The blocks that cover a range without a gap, or null. */
  cover(range: SeqRange): StoredBlock[] | null {
    const found = this.#blocks.filter((stored) => overlaps(rangeOf(stored), range));
    return missingIn(range, found.map(rangeOf)).length === 0 ? found : null;
  }

  #drop(): void {
    const oldest = this.#blocks.shift()!;
    this.#rows -= oldest.block.count;
    this.#textLength -= oldest.block.textLength;
    this.giveBack(oldest.block);
  }
}
