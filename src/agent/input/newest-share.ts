/** The share of bad rows among the newest rows of a source, so that it recovers when the input does. */

/** The newest are one to two such groups of rows. */
const GROUP_ROWS = 1_000;
/** A source that continues is judged from this many rows on; one of which all rows are bad, earlier. */
const LEAST_ROWS = 20;
export const LEAST_ROWS_ALL_BAD = 3;

export type RowCount = { readonly rows: number; readonly bad: number };
const NONE: RowCount = { rows: 0, bad: 0 };

export class NewestShare {
  readonly #most: number;
  #groups: readonly [older: RowCount, newer: RowCount] = [NONE, NONE];
  #total = NONE;

  /** `most`: a larger share is too much; 1: never. */
  constructor(most: number) {
    this.#most = most;
  }

  add(rows: number, bad: number): void {
    const [older, newer] = this.#groups;
    this.#groups = newer.rows >= GROUP_ROWS ? [newer, { rows, bad }] : [older, sum(newer, rows, bad)];
    this.#total = sum(this.#total, rows, bad);
  }

  /** Of all rows since the start. */
  get total(): RowCount {
    return this.#total;
  }

  get newest(): RowCount {
    const [older, newer] = this.#groups;
    return sum(older, newer.rows, newer.bad);
  }

  /** The count of which too much is bad, or null. `ended`: no more comes, and all that came is judged, however little. */
  tooMuch(ended: boolean): RowCount | null {
    const { newest } = this;
    const least = newest.bad === newest.rows ? LEAST_ROWS_ALL_BAD : LEAST_ROWS;
    if (newest.rows >= least && this.#isTooMuch(newest)) return newest.rows === this.#total.rows ? this.#total : newest;
    return ended && this.#isTooMuch(this.#total) ? this.#total : null;
  }

  #isTooMuch({ rows, bad }: RowCount): boolean {
    return bad > rows * this.#most;
  }
}

function sum(count: RowCount, rows: number, bad: number): RowCount {
  return { rows: count.rows + rows, bad: count.bad + bad };
}
