/** What a query is shown, and how its answer is counted: groups in order of their keys, as Spark has them. */
import type { Stage } from "../core/stage.ts";
import type { StoredHeartbeat } from "./spark/heartbeats.ts";

export type LakeRow = {
  readonly stage: Stage;
  readonly row: Readonly<Record<string, unknown>>;
  /** The path of its object in the bucket. */
  readonly path: string;
  /** When it came into its table. */
  readonly processedMs: number;
};
export type AnswerRows = Readonly<Record<string, unknown>>[];
export type ReadHeartbeat = StoredHeartbeat & {
  /** When the bucket was read. */
  readonly readMs: number;
};
/** Is shown every row of every table and every whole heartbeat, in any order, and then says what the query answers. */
export interface Tally {
  see(one: LakeRow): void;
  /** Only for a query that asks for heartbeats. */
  hear?(one: ReadHeartbeat): void;
  answer(): AnswerRows;
}

type Key = readonly (string | null)[];

/** The sums of each group, in order of their keys. */
export class Groups<T> {
  readonly #groups = new Map<string, { readonly key: Key; readonly held: T }>();
  readonly #make: () => T;

  constructor(make: () => T) {
    this.#make = make;
  }

  at(...key: Key): T {
    const name = JSON.stringify(key);
    const known = this.#groups.get(name) ?? { key, held: this.#make() };
    this.#groups.set(name, known);
    return known.held;
  }

  inOrder(): (readonly [Key, T])[] {
    const groups = [...this.#groups.values()].sort((a, b) => compare(a.key, b.key));
    return groups.map(({ key, held }) => [key, held]);
  }
}

/** null comes first, as in Spark. */
function compare(a: Key, b: Key): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  if (at < 0) return 0;
  const [left = null, right = null] = [a[at], b[at]];
  return left === null || (right !== null && left < right) ? -1 : 1;
}

export const textOf = (value: unknown) => (value === null || value === undefined ? null : String(value));
export const timeOf = (value: unknown) => Date.parse(String(value));
export const isoOf = (ms: number) => new Date(ms).toISOString();
