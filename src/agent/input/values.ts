/**
 * Whether the readings of a source say anything: no reading has a measure, or a field cannot be read in most of them. Such
 * readings are valid and break no rule, so that everything would look well although nothing is judged.
 */
import type { Log } from "../../core/log/log.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { record } from "../../core/outside/shape.ts";
import { anything, storedJson } from "../../core/outside/stored-json.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import type { Flaw, ReadingBlock } from "../../core/reading.ts";
import type { SensorCatalogue } from "../../core/sensor.ts";
import { LEAST_ROWS_ALL_BAD, NewestShare } from "./newest-share.ts";

/** A source that continues has shown its fields after 100 readings. */
const ENOUGH_READINGS = 100;
/** Names of fields that are remembered, and that a message shows. */
const NAMES_MOST = 100;
const NAMES_SHOWN = 5;
const EXTRA = record(anything, { most: 1_000_000 });
/** In the detail of a flaw: the text of a number. */
const NUMBER_IN_QUOTES = /^[^"]* is text "\s*[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?\s*", a number/;

type Catalogue = Pick<SensorCatalogue, "labels" | "measureNames">;
type UnreadField = { readonly share: NewestShare; readonly first: string; isReported: boolean };

export class ValueWatch {
  readonly #uri: string;
  readonly #catalogue: Catalogue;
  readonly #most: number;
  #readings = 0;
  #ended = false;
  /** A reading had a measure, or a status, flag or type of its own. */
  #hasValue = false;
  #isReported = false;
  /** Fields that no profile knows, of the first readings. */
  readonly #others = new Set<string>();
  #looked = 0;
  readonly #unread = new Map<string, UnreadField>();

  /** `most`: a field that cannot be read in a larger share of the readings is a problem; 1: never. */
  constructor(uri: string, catalogue: Catalogue, most: number) {
    this.#uri = uri;
    this.#catalogue = catalogue;
    this.#most = most;
  }

  /** Looks at the readings of `block` from `from` on, and at the flaws of the block, which are of these readings. */
  add(block: ReadingBlock, from: number): void {
    const malformed = block.malformed.size === 0 ? 0 : countMalformed(block, from);
    const readings = block.count - from - malformed;
    this.#readings += readings;
    if (!this.#hasValue) this.#look(block, from);
    if (block.flaws.size > 0 || this.#unread.size > 0) this.#countFlaws(block.flaws.values(), readings);
  }

  /** No more comes: from now on what came is judged, however little. */
  end(): void {
    this.#ended = true;
  }

  problems(): readonly Problem[] {
    const empty = this.#emptyProblem();
    const unread = [...this.#unread].map(([field, found]) => this.#unreadProblem(field, found));
    return [empty, ...unread].filter((problem) => problem !== null);
  }

  /** Logs each problem when it begins, and when it is over. */
  report(log: Log): void {
    const empty = this.#emptyProblem();
    if (empty !== null && !this.#isReported) log.warn(empty.code, empty.message, { try: empty.try });
    if (empty === null && this.#isReported) {
      log.info("input_recovered", `Readings from "${this.#uri}" have measures now`);
    }
    this.#isReported = empty !== null;
    for (const [field, found] of this.#unread) {
      const problem = this.#unreadProblem(field, found);
      if (problem !== null && !found.isReported) log.warn(problem.code, problem.message, { try: problem.try });
      if (problem === null && found.isReported) {
        log.info("input_recovered", `Field "${field}" of "${this.#uri}" can be read again`);
      }
      found.isReported = problem !== null;
    }
  }

  #look(block: ReadingBlock, from: number): void {
    for (let row = from; row < block.count; row++) {
      const label = this.#catalogue.labels[block.label[row] ?? -1];
      if (label === undefined) continue;
      const { statusCode, anomalyFlag, anomalyType } = label;
      this.#hasValue =
        (statusCode ?? anomalyFlag ?? anomalyType) !== null ||
        block.measures.some((column) => !Number.isNaN(column[row] ?? Number.NaN));
      if (this.#hasValue) return;
      if (this.#looked++ >= ENOUGH_READINGS || this.#others.size >= NAMES_MOST) continue;
      for (const name of storedJson(EXTRA, block.extra.get(row) ?? "{}")?.keys() ?? []) this.#others.add(name);
    }
  }

  #countFlaws(flaws: Iterable<Flaw>, readings: number): void {
    const bad = new Map<string, number>();
    for (const { field, detail, count } of flaws) {
      if (field === null) continue;
      bad.set(field, (bad.get(field) ?? 0) + count);
      if (this.#unread.has(field)) continue;
      const share = new NewestShare(this.#most);
      share.add(this.#readings - readings, 0);
      this.#unread.set(field, { share, first: detail, isReported: false });
    }
    for (const [field, { share }] of this.#unread) share.add(readings, bad.get(field) ?? 0);
  }

  #emptyProblem(): Problem | null {
    const enough = this.#readings >= (this.#ended ? LEAST_ROWS_ALL_BAD : ENOUGH_READINGS);
    // Without a field that no profile knows, a reading says only that its sensor lives.
    if (this.#hasValue || !enough || this.#others.size === 0) return null;
    const { measureNames } = this.#catalogue;
    const names = [...this.#others].slice(0, NAMES_SHOWN).map((name) => {
      const near = didYouMean(name, measureNames).replace(/^; /, "");
      return `"${name}"${near === "" ? "" : ` (${near})`}`;
    });
    const more = this.#others.size > NAMES_SHOWN ? ", and more" : "";
    return {
      code: "no_measures",
      message: `None of ${grouped(this.#readings)} readings from "${this.#uri}" has a measure, and no rule can judge them. They have ${names.join(", ")}${more}, which a map can read as a measure of the profile`,
      try: "agent tail --json",
    };
  }

  #unreadProblem(field: string, { share, first }: UnreadField): Problem | null {
    const count = share.tooMuch(this.#ended);
    if (count === null) return null;
    const newest = count === share.total ? "" : " newest";
    const hint = NUMBER_IN_QUOTES.test(first) ? '; a map with "text_numbers": true reads it' : "";
    return {
      code: "field_unreadable",
      message: `Field "${field}" cannot be read in ${grouped(count.bad)} of ${grouped(count.rows)}${newest} readings from "${this.#uri}", and is null there; the first: ${first}${hint}`,
      try: "agent tail --json",
    };
  }
}

function countMalformed(block: ReadingBlock, from: number): number {
  let count = 0;
  for (const row of block.malformed.keys()) if (row >= from) count++;
  return count;
}
