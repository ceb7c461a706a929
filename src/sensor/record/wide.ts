/**
 * `wide`: rows of one quantity each (entity, value, time) become readings of several. Rows that follow each other, of whatever
 * sensors, are one set as long as their times are near to that of the first; of each sensor they make one reading.
 *
 * A set is written when a row comes that does not belong to it, and never before: so where a source stops between two sets, it may
 * be continued from the first row of the one that is open, and makes the same readings again.
 */
import { BLOCK_TEXT_LENGTH, RECORD_READINGS, type ReadingBlock } from "../../core/reading.ts";
import type { WideRule } from "../map/record-shape.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import type { Original, RowProblem } from "../row/row-problem.ts";

export type ReadingKey = { readonly sensor: string; readonly timeMs: number };

/** A row of one quantity: which one, its value as it is and as JSON text (null: it has none), and all its fields. */
export type LongRow = {
  readonly quantity: unknown;
  readonly value: { readonly value: unknown; readonly text: string } | null;
  readonly row: ForeignRow;
  readonly original: Original;
  readonly takenAtMs: number;
};

/** Where the rows go. */
export type WideSink = {
  /** Whose reading a row belongs to, and of when; or why it is not a reading. */
  readonly keyOf: (row: ForeignRow, original: Original) => ReadingKey | RowProblem;
  readonly append: (block: ReadingBlock, row: ForeignRow, original: Original) => RowProblem | null;
  /** Whether a field of this name is a part of the identity or of the time. */
  readonly saysWhose: (name: string) => boolean;
};

/** A value, and its JSON text to the letter. */
type KeptValue = { readonly value: unknown; readonly text: string };
type Quantity = KeptValue & { readonly row: ForeignRow };
/** Of one sensor: what its rows have beside quantities, and these. */
type Joined = { readonly own: Map<string, KeptValue>; readonly quantities: Map<string, Quantity> };

export class WideJoin {
  readonly rule: WideRule;
  readonly #sink: WideSink;
  readonly #open = new Map<string, Joined>();
  #rows = 0;
  /** Of its fields' names and texts. */
  #textLength = 0;
  #timeMs = Number.NaN;
  #takenAtMs = Number.NaN;
  /** When the first row of the set arrived. */
  #begunAtMs = Number.NaN;
  #sets = 0;

  constructor(rule: WideRule, sink: WideSink) {
    this.rule = rule;
    this.#sink = sink;
  }

  get isOpen(): boolean {
    return this.#rows > 0;
  }

  /** How many rows the open set has. */
  get rows(): number {
    return this.#rows;
  }

  /** How many sets were begun: where this changes, the row that was just taken is the first of the one that is open. */
  get sets(): number {
    return this.#sets;
  }

  /** When the open set is complete although nothing follows; null: none is open. */
  get dueAtMs(): number | null {
    return this.isOpen ? this.#takenAtMs + this.rule.waitMs : null;
  }

  /** Takes a row into a set, and writes the one before it, where it is complete; or says why the row is not a reading. */
  take(block: ReadingBlock, long: LongRow): RowProblem | null {
    const { rule } = this;
    const { quantity } = long;
    if (typeof quantity !== "string" || quantity === "") return missing(rule.name.text, quantity);
    if (long.value === null) return missing(rule.value.text, undefined);
    const { value, row: all, original } = long;
    const one = newJoined();
    for (const name in all) {
      const isOwn = name !== rule.name.text && name !== rule.value.text;
      if (isOwn) one.own.set(name, { value: all[name], text: original.textOf(name) });
    }
    one.quantities.set(quantity, { ...value, row: all });
    const single = this.#rowOf(one);
    const key = this.#sink.keyOf(single.row, { ...single.original, received: () => original.received() });
    if ("reason" in key) return key;
    if (this.isOpen && !this.#belongs(key, quantity)) this.flush(block);
    if (!this.isOpen) {
      this.#timeMs = key.timeMs;
      this.#begunAtMs = long.takenAtMs;
      this.#sets++;
    }
    this.#takenAtMs = long.takenAtMs;
    this.#rows++;
    this.#join(key.sensor, one);
    return null;
  }

  /** Writes the open set: no more rows of it will come. */
  flush(block: ReadingBlock): void {
    if (!this.isOpen) return;
    block.makeRoom(this.#open.size);
    for (const joined of this.#open.values()) {
      const { row, original } = this.#rowOf(joined);
      const problem = this.#sink.append(block, row, { ...original, takenAtMs: this.#begunAtMs });
      if (problem !== null) block.addMalformed(this.#takenAtMs, { ...problem, ...original.received() });
    }
    this.#open.clear();
    this.#rows = 0;
    this.#textLength = 0;
  }

  #belongs({ sensor, timeMs }: ReadingKey, quantity: string): boolean {
    if (!(Math.abs(timeMs - this.#timeMs) <= this.rule.withinMs)) return false;
    // A second value of one quantity is of the next reading, however near.
    const hasRoom = this.#rows < RECORD_READINGS && this.#textLength < BLOCK_TEXT_LENGTH;
    return hasRoom && !this.#open.get(sensor)?.quantities.has(quantity);
  }

  #join(sensor: string, { own, quantities }: Joined): void {
    const joined = this.#open.get(sensor) ?? newJoined();
    this.#open.set(sensor, joined);
    for (const [name, kept] of own) {
      // Of what all rows have, the first one's stays under its name; what differs is kept beside it.
      if (joined.own.get(name)?.text === kept.text) continue;
      joined.own.set(freeName(name, joined.own), kept);
      this.#textLength += name.length + kept.text.length;
    }
    for (const [name, quantity] of quantities) {
      joined.quantities.set(name, quantity);
      this.#textLength += name.length + quantity.text.length;
    }
  }

  /** The fields of a reading. A quantity never says whose it is or when; of another field with its name it takes the place. */
  #rowOf({ own, quantities }: Joined): { readonly row: ForeignRow; readonly original: Original } {
    const fields = new Map<string, KeptValue>();
    const rows = new Map<string, ForeignRow>();
    for (const [name, kept] of own) if (!quantities.has(name) || this.#sink.saysWhose(name)) fields.set(name, kept);
    for (const [quantity, kept] of quantities) {
      const name = this.#sink.saysWhose(quantity) ? freeName(`${quantity}_`, fields) : quantity;
      fields.set(name, kept);
      rows.set(name, kept.row);
    }
    for (const [name, kept] of own) if (fields.get(name) !== kept) fields.set(freeName(name, fields), kept);
    const row = Object.fromEntries(Array.from(fields, ([name, { value }]) => [name, value]));
    const json = (): string =>
      `{${Array.from(fields, ([name, { text }]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
    const received = () => {
      const text = json();
      return { received: text, encoding: "utf8", bytes: Buffer.byteLength(text) } as const;
    };
    const textOf = (name: string): string => fields.get(name)?.text ?? "null";
    return { row, original: { received, textOf, json, beside: (name, other) => (rows.get(name) ?? row)[other] } };
  }
}

function newJoined(): Joined {
  return { own: new Map(), quantities: new Map() };
}

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  let free = name;
  while (taken.has(free)) free += "_";
  return free;
}

function missing(name: string, value: unknown): RowProblem {
  const isThere = value !== undefined && value !== null && value !== "";
  const detail = isThere
    ? `${name} is no text, and the map's "wide" takes a quantity's name from it`
    : `${name} is missing, and the map's "wide" needs it`;
  return { reason: isThere ? "wrong_type" : "missing_field", detail };
}
