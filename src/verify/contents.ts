/**
 * `verify --deep`, the pure part: compares the rows inside the objects with the names of the objects. Memory: two bits for
 * each seq and stage, so 100 MB for a hundred million readings.
 */

import { contains, mergeRanges, rangesOf, type SeqRange } from "../core/seq-range.ts";
import type { ReadingStage } from "../core/stage.ts";
import { type ParsedKey, spanOf } from "../uplink/object-key.ts";
import type { StoredObject } from "./audit.ts";

/** Ranges of seqs; all are empty where the contents agree with the names. */
export type ContentFindings = {
  /** In more than one row of the stage. */
  readonly twice: Readonly<Record<ReadingStage, readonly SeqRange[]>>;
  /** In validated and in anomalies. */
  readonly contradicting: readonly SeqRange[];
  /** In validated but not in schematized, where both have objects; and the other way round. */
  readonly notSchematized: readonly SeqRange[];
  readonly notValidated: readonly SeqRange[];
};

/** A set of integers from 1 to a limit. */
class Bits {
  readonly words: Uint32Array;

  constructor(limit: number) {
    this.words = new Uint32Array((limit >>> 5) + 1);
  }

  word(index: number): number {
    return this.words[index] ?? 0;
  }

  /** False where it was there already. */
  add(value: number): boolean {
    const bit = 1 << (value & 31);
    const word = this.word(value >>> 5);
    this.words[value >>> 5] = word | bit;
    return (word & bit) === 0;
  }

  addRange({ first, last }: SeqRange): void {
    for (let value = first; value <= last; ) {
      if ((value & 31) === 0 && value + 31 <= last) {
        this.words[value >>> 5] = 0xffff_ffff;
        value += 32;
      } else this.add(value++);
    }
  }
}

/** The most seqs that `--deep` can check; a longer epoch is refused, not half checked. */
export const DEEP_SEQS = 2 ** 31 - 64;

export class ContentAudit {
  readonly #epoch: string;
  readonly #accepted: number;
  readonly #seen: Readonly<Record<ReadingStage, Bits>>;
  readonly #covered: Readonly<Record<"validated" | "schematized", Bits>>;
  readonly #twice: Record<ReadingStage, SeqRange[]> = { raw: [], validated: [], anomalies: [], schematized: [] };

  /** `accepted` at most DEEP_SEQS. */
  constructor(epoch: string, accepted: number) {
    const bits = () => new Bits(accepted);
    this.#epoch = epoch;
    this.#accepted = accepted;
    this.#seen = { raw: bits(), validated: bits(), anomalies: bits(), schematized: bits() };
    this.#covered = { validated: bits(), schematized: bits() };
  }

  /** Checks the rows of an object as they are read. Returns every way in which they differ from its name. */
  check(object: StoredObject, rows: Iterable<Readonly<Record<string, unknown>>>): string[] {
    const { of, stage } = object;
    let count = 0;
    const problems = new Map<string, number>();
    for (const row of rows) {
      count++;
      const problem =
        of.kind === "window" ? windowProblem(of, row) : this.#readingProblem(stage as ReadingStage, of, row);
      if (problem !== null) problems.set(problem, (problems.get(problem) ?? 0) + 1);
    }
    if (of.kind === "readings" && (stage === "validated" || stage === "schematized")) {
      this.#covered[stage].addRange({ first: of.first, last: Math.min(of.last, this.#accepted) });
    }
    const texts = [...problems].map(([problem, n]) => `${problem} (${n === 1 ? "1 row" : `${n} rows`})`);
    return count === of.count ? texts : [`it holds ${count} rows where its name says ${of.count}`, ...texts];
  }

  findings(): ContentFindings {
    const { validated, anomalies, schematized } = this.#seen;
    const { validated: v, schematized: s } = this.#covered;
    return {
      twice: {
        raw: mergeRanges(this.#twice.raw),
        validated: mergeRanges(this.#twice.validated),
        anomalies: mergeRanges(this.#twice.anomalies),
        schematized: mergeRanges(this.#twice.schematized),
      },
      contradicting: this.#where((i) => validated.word(i) & anomalies.word(i)),
      notSchematized: this.#where((i) => v.word(i) & s.word(i) & validated.word(i) & ~schematized.word(i)),
      notValidated: this.#where((i) => v.word(i) & s.word(i) & schematized.word(i) & ~validated.word(i)),
    };
  }

  #readingProblem(stage: ReadingStage, of: ParsedKey, row: Readonly<Record<string, unknown>>): string | null {
    const { reading_id: id, timestamp } = row;
    const seq =
      typeof id === "string" && id.startsWith(`${this.#epoch}-`) ? Number(id.slice(this.#epoch.length + 1)) : NaN;
    if (!Number.isSafeInteger(seq)) return "no reading_id of its epoch";
    if (of.kind !== "readings" || seq > this.#accepted || !contains(of, { first: seq, last: seq })) {
      return "a reading_id outside the range in its name";
    }
    if (!this.#seen[stage].add(seq)) this.#twice[stage].push({ first: seq, last: seq });
    const time = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
    return time >= of.hourMs && time < of.hourMs + spanOf(of) ? null : "an event time outside the hour in its name";
  }

  /** Ranges of the bits that are set in the words that `word` makes. */
  #where(word: (index: number) => number): SeqRange[] {
    return rangesOf(setBits(this.#seen.raw.words.length, word));
  }
}

function* setBits(words: number, word: (index: number) => number): Generator<number> {
  for (let index = 0; index < words; index++) {
    const bits = word(index);
    for (let bit = 0; bits !== 0 && bit < 32; bit++) if ((bits & (1 << bit)) !== 0) yield index * 32 + bit;
  }
}

function windowProblem(of: ParsedKey & { kind: "window" }, row: Readonly<Record<string, unknown>>): string | null {
  const { window_start: start, revision } = row;
  if (typeof start !== "string" || Date.parse(start) !== of.windowStartMs) return "another window than in its name";
  return revision === of.revision ? null : "another revision than in its name";
}
