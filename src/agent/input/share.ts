/**
 * The share of a source's rows that is malformed. A share above the setting is a problem with the first reason: the input has
 * another format than the settings say, and "everything was delivered" would hide that it holds no readings.
 */
import type { Log } from "../../core/log/log.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import type { Malformed, ReadingBlock } from "../../core/reading.ts";

/** The share is that of the newest one to two such groups of rows, so that it recovers when the input does. */
const GROUP_ROWS = 1_000;
/** A source that continues is judged from this many rows on; one that gave only malformed rows, earlier. */
const LEAST_ROWS = 20;
const LEAST_ROWS_ALL_MALFORMED = 3;

type Count = { readonly rows: number; readonly malformed: number };
const NONE: Count = { rows: 0, malformed: 0 };

export class InputShare {
  readonly #most: number;
  #groups: readonly [older: Count, newer: Count] = [NONE, NONE];
  #total = NONE;
  /** The first malformed row of all, and of those that are counted as newest. */
  #first: Malformed | null = null;
  #firstNewest: Malformed | null = null;
  #ended = false;
  #isReported = false;

  /** `most`: a larger share is a problem; 1: never. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts the rows of `block` from `from` on. */
  add(block: ReadingBlock, from: number, malformed: number): void {
    const rows = block.count - from;
    if (rows === 0) return;
    const [older, newer] = this.#groups;
    this.#groups = newer.rows >= GROUP_ROWS ? [newer, { rows, malformed }] : [older, sum(newer, rows, malformed)];
    this.#total = sum(this.#total, rows, malformed);
    if (malformed > 0) this.#firstNewest ??= firstMalformed(block, from);
    this.#first ??= this.#firstNewest;
    if (this.#newest.malformed === 0) this.#firstNewest = null;
  }

  /** No more comes: from now on all that came is judged, however little. */
  end(): void {
    this.#ended = true;
  }

  /** Of all rows since the start. */
  get malformed(): number {
    return this.#total.malformed;
  }

  problem(uri: string): Problem | null {
    const count = this.#judged();
    const first = count === this.#total ? this.#first : this.#firstNewest;
    if (count === null || first === null) return null;
    const many = `${grouped(count.malformed)} of ${grouped(count.rows)}`;
    const when = count === this.#total ? "" : " newest";
    const csv = looksLikeCsv(first);
    const hint = csv
      ? "; it looks like CSV, which must be converted to JSON lines first, as docs/examples does it"
      : "";
    return {
      code: "input_malformed",
      message: `${many}${when} rows of "${uri}" are malformed, the first: ${first.detail}${hint}`,
      try: "agent tail --stage anomalies",
    };
  }

  /** Logs when the share goes above the setting, and when it is back. */
  report(uri: string, log: Log): void {
    const problem = this.problem(uri);
    if (problem === null && this.#isReported) log.info("input_recovered", `Source "${uri}" sends readings again`);
    if (problem !== null && !this.#isReported) {
      log.warn(problem.code, `${problem.message}. They are kept and delivered as received`, { try: problem.try });
    }
    this.#isReported = problem !== null;
  }

  get #newest(): Count {
    const [older, newer] = this.#groups;
    return sum(older, newer.rows, newer.malformed);
  }

  /** The count whose share is too large, if any is. */
  #judged(): Count | null {
    const newest = this.#newest;
    const least = newest.malformed === newest.rows ? LEAST_ROWS_ALL_MALFORMED : LEAST_ROWS;
    if (newest.rows >= least && this.#isTooMuch(newest)) return newest.rows === this.#total.rows ? this.#total : newest;
    return this.#ended && this.#isTooMuch(this.#total) ? this.#total : null;
  }

  #isTooMuch({ rows, malformed }: Count): boolean {
    return malformed > rows * this.#most;
  }
}

function sum(count: Count, rows: number, malformed: number): Count {
  return { rows: count.rows + rows, malformed: count.malformed + malformed };
}

function firstMalformed(block: ReadingBlock, from: number): Malformed | null {
  for (let row = from; row < block.count; row++) {
    const found = block.malformed.get(row);
    if (found !== undefined) return found;
  }
  return null;
}

function looksLikeCsv({ reason, received }: Malformed): boolean {
  return reason === "not_json" && /^[^{[\n]*[,;\t]/.test(received.slice(0, 1_000));
}
