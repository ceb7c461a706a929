/** What a check of a buffer found: each kind of damage counted, and the first ones named. */
import { rangesText } from "../../core/readable-numbers.ts";
import { mergeRanges, type SeqRange, totalSize } from "../../core/seq-range.ts";

export type Damage = {
  /** The part of the buffer: `file`, `log`, `readings`, `commits`, `batches`, `windows`, `losses`, `counters`. */
  readonly part: Part;
  readonly message: string;
  /** The readings that it is about; empty where it is about none. */
  readonly seqs: readonly SeqRange[];
};

export const PARTS = ["file", "log", "counters", "readings", "commits", "batches", "windows", "losses"] as const;
export type Part = (typeof PARTS)[number];

/** More than this of one part are counted, not named. */
const NAMED = 100;
/** Ranges of readings that one sentence names. */
const RANGES = 5;
/** Ranges that are remembered: damage in many places is damage enough. */
const RANGES_MOST = 1_000;

export class DamageList {
  readonly found: Damage[] = [];
  /** By part. */
  readonly #unnamed = new Map<Part, number>();

  add(part: Part, message: string, seqs: readonly SeqRange[] = []): void {
    const known = this.found.filter((damage) => damage.part === part).length;
    if (known < NAMED) this.found.push({ part, message, seqs });
    else this.#unnamed.set(part, (this.#unnamed.get(part) ?? 0) + 1);
  }

  /** Damage that is not named. */
  get unnamed(): number {
    return [...this.#unnamed.values()].reduce((sum, n) => sum + n, 0);
  }
}

/** Readings with one kind of damage, gathered piece by piece into one entry. */
export class DamagedSeqs {
  #ranges: SeqRange[] = [];
  #more = 0;

  add(ranges: readonly SeqRange[]): void {
    this.#ranges = mergeRanges([...this.#ranges, ...ranges]);
    this.#more += totalSize(this.#ranges.splice(RANGES_MOST));
  }

  /** `say` gets the text of the ranges and how many readings they are. */
  report(list: DamageList, part: Part, say: (ranges: string, count: number) => string): void {
    const count = totalSize(this.#ranges) + this.#more;
    if (count > 0) list.add(part, say(rangesText(this.#ranges, RANGES), count), this.#ranges);
  }
}
