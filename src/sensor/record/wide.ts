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
};

/** Of one sensor: the fields of all its rows, and which of them has the text of each. */
type Joined = {
  readonly row: Record<string, unknown>;
  readonly texts: Map<string, () => string>;
  readonly quantities: Set<string>;
};

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
    const { value } = long;
    const row = widened(long.row, {
      nameIn: rule.name.text,
      valueIn: rule.value.text,
      quantity,
      value: value.value,
    });
    const textOf = (field: string): string => (field === quantity ? value.text : long.original.textOf(field));
    const original = { ...long.original, received: () => long.original.received(), textOf };
    const key = this.#sink.keyOf(row, original);
    if ("reason" in key) return key;
    if (this.isOpen && !this.#belongs(key, quantity)) this.flush(block);
    if (!this.isOpen) {
      this.#timeMs = key.timeMs;
      this.#begunAtMs = long.takenAtMs;
      this.#sets++;
    }
    this.#takenAtMs = long.takenAtMs;
    this.#rows++;
    this.#join(key.sensor, { row, quantity, textOf });
    return null;
  }

  /** Writes the open set: no more rows of it will come. */
  flush(block: ReadingBlock): void {
    if (!this.isOpen) return;
    block.makeRoom(this.#open.size);
    for (const { row, texts } of this.#open.values()) {
      const json = (): string =>
        `{${Array.from(texts, ([name, text]) => `${JSON.stringify(name)}:${text()}`).join(",")}}`;
      const received = () => {
        const text = json();
        return { received: text, encoding: "utf8", bytes: Buffer.byteLength(text) } as const;
      };
      const problem = this.#sink.append(block, row, {
        received,
        textOf: (name) => texts.get(name)?.() ?? "null",
        json,
        takenAtMs: this.#begunAtMs,
      });
      if (problem !== null) block.addMalformed(this.#takenAtMs, { ...problem, ...received() });
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

  #join(
    sensor: string,
    {
      row,
      quantity,
      textOf,
    }: { readonly row: ForeignRow; readonly quantity: string; readonly textOf: (name: string) => string },
  ): void {
    const joined: Joined = this.#open.get(sensor) ?? { row: {}, texts: new Map(), quantities: new Set() };
    this.#open.set(sensor, joined);
    joined.quantities.add(quantity);
    for (const name in row) {
      // Of what all rows have, the first one's stays under its name; what differs is kept beside it.
      if (Object.hasOwn(joined.row, name) && joined.texts.get(name)?.() === textOf(name)) continue;
      let free = name;
      while (Object.hasOwn(joined.row, free)) free += "_";
      joined.row[free] = row[name];
      const text = textOf(name);
      joined.texts.set(free, () => text);
      this.#textLength += free.length + text.length;
    }
  }
}

function widened(
  row: ForeignRow,
  rule: { readonly nameIn: string; readonly valueIn: string; readonly quantity: string; readonly value: unknown },
): ForeignRow {
  const { nameIn, valueIn, quantity, value } = rule;
  const wide: Record<string, unknown> = {};
  for (const field in row) if (field !== nameIn && field !== valueIn && field !== quantity) wide[field] = row[field];
  wide[quantity] = value;
  return wide;
}

function missing(name: string, value: unknown): RowProblem {
  const isThere = value !== undefined && value !== null && value !== "";
  const detail = isThere
    ? `${name} is no text, and the map's "wide" takes a quantity's name from it`
    : `${name} is missing, and the map's "wide" needs it`;
  return { reason: isThere ? "wrong_type" : "missing_field", detail };
}
