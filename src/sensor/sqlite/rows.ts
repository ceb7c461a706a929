/**
 * Rows of a foreign table to rows of a block. A row whose identity is known comes with a handle instead; a row with a new
 * identity, or an unusual value, is read by name through the normalizer.
 */
import { RECEIVED_TIME, type ReadingBlock } from "../../core/reading.ts";
import { LIMITS, NO_SENSOR } from "../../core/sensor.ts";
import { type Received, receivedOf } from "../lines/received.ts";
import type { Field } from "../row/fields.ts";
import { FAST_EXTRA_LENGTH, type Normalizer, type Plan } from "../row/normalize.ts";
import { FINER, REPEATED } from "../row/timestamp.ts";
import { isRounded } from "./exact.ts";
import { FIRST_VALUE, type ForeignRowValues, type ForeignTable, rowidOf } from "./table.ts";

/** Where the parts of a reading are in a row. */
type Layout = {
  readonly time: number;
  readonly status: number;
  readonly flag: number;
  readonly type: number;
  readonly measures: readonly {
    readonly at: number;
    readonly slot: number;
    readonly adjust: ((value: number) => number) | null;
  }[];
  readonly unknown: readonly number[];
};

type NamedValue = readonly [name: string, value: unknown];

type KnownIdentity = { readonly sensor: number; readonly layout: Layout; readonly identity: readonly unknown[] };

const NOT_THERE = -1;

export class SqliteRows {
  readonly #table: ForeignTable;
  readonly #normalizer: Normalizer;
  readonly #layouts = new Map<Plan, Layout>();
  /** By the handle that rows come with; `#handles` has it by sensor, at most one for each sensor. */
  readonly #known: KnownIdentity[] = [];
  readonly #handles = new Map<number, number>();
  readonly #places: readonly { readonly name: string; readonly value: number; readonly identity: number }[];
  readonly #values = new Float64Array(LIMITS.measures);

  /** For the rows of this table as it is now: after a change of its columns, make another. */
  constructor(table: ForeignTable, normalizer: Normalizer) {
    this.#table = table;
    this.#normalizer = normalizer;
    // Where rows are joined, their values are names too.
    if (normalizer.wide === null) normalizer.names?.seeAll(table.columns);
    this.#places = table.columns.map((name) => {
      return { name, value: table.values.indexOf(name), identity: table.identity.indexOf(name) };
    });
  }

  append(block: ReadingBlock, row: ForeignRowValues, nowMs: number): void {
    const handle = row[1];
    const known = typeof handle === "number" ? this.#known[handle] : undefined;
    if (known !== undefined && this.#appendLike(known, block, row)) return;
    const identity = known?.identity ?? row.slice(FIRST_VALUE + this.#table.values.length);
    this.#appendByName(block, row, identity, nowMs);
  }

  /** False, and nothing is appended, where any value is not as expected. */
  #appendLike(known: KnownIdentity, block: ReadingBlock, row: ForeignRowValues): boolean {
    const { layout } = known;
    const { timestamps } = this.#normalizer;
    let time = this.#timeOf(row[layout.time]);
    const { note } = timestamps;
    // Only the normalizer knows which names a row has taken.
    if (Number.isNaN(time) || (note !== 0 && this.#places.some(({ name }) => name.startsWith(RECEIVED_TIME))))
      return false;
    const label = this.#labelOf(row[layout.status] ?? null, row[layout.flag] ?? null, row[layout.type] ?? null);
    if (label < 0) return false;
    const { measures } = layout;
    const values = this.#values;
    for (let i = 0; i < measures.length; i++) {
      const measure = measures[i]!;
      const value = row[measure.at];
      if (value === null) values[i] = Number.NaN;
      else if (typeof value !== "number") return false;
      else {
        const adjusted = measure.adjust === null ? value : measure.adjust(value);
        if (adjusted === Number.POSITIVE_INFINITY || adjusted === Number.NEGATIVE_INFINITY) return false;
        values[i] = adjusted;
      }
    }
    let extra = layout.unknown.length === 0 ? "" : this.#extraOf(layout.unknown, row);
    if (extra === null) return false;
    if (note & FINER) extra += `,"${RECEIVED_TIME}":${jsonOf(row[layout.time])}`;
    if (note & REPEATED) time = this.#normalizer.settled(block, known.sensor, time);
    const to = block.add(known.sensor, time, label);
    for (let i = 0; i < measures.length; i++) {
      const value = values[i]!;
      if (!Number.isNaN(value)) block.column(measures[i]!.slot)[to] = value;
    }
    if (extra !== "") block.addExtra(to, `{${extra.slice(1)}}`);
    return true;
  }

  /** NaN also where the value may mean "no value". */
  #timeOf(value: unknown): number {
    const { timestamps, mapping } = this.#normalizer;
    if (mapping.absent.size > 0 && mapping.absent.has(value)) return Number.NaN;
    if (typeof value === "string") return timestamps.fromText(value);
    return typeof value === "number" && !isRounded(value) ? timestamps.fromNumber(value) : Number.NaN;
  }

  #labelOf(status: unknown, flag: unknown, type: unknown): number {
    if (status !== null && !Number.isSafeInteger(status)) return -1;
    if (flag !== null && flag !== 0 && flag !== 1) return -1;
    if (type !== null && !(typeof type === "string" && isPlain(type))) return -1;
    const { absent } = this.#normalizer.mapping;
    if (absent.size > 0 && [status, flag, type].some((value) => absent.has(value))) return -1;
    // An integer by the check above; -0 would read back as 0.
    return this.#normalizer.labelOf(status === null ? null : (status as number) + 0, flag, type, false);
  }

  /** The text of the unknown columns that are not NULL; null where only the normalizer can read them. */
  #extraOf(unknown: readonly number[], row: ForeignRowValues): string | null {
    let extra = "";
    for (const at of unknown) {
      const value = row[at];
      if (value === null) continue;
      if (typeof value !== "string" && typeof value !== "bigint" && !Number.isFinite(value)) return null;
      extra += `,${JSON.stringify(this.#table.values[at - FIRST_VALUE])}:${jsonOf(value)}`;
    }
    return extra.length > FAST_EXTRA_LENGTH ? null : extra;
  }

  #appendByName(block: ReadingBlock, row: ForeignRowValues, identity: readonly unknown[], nowMs: number): void {
    // NULL in a column means that the row does not have this field.
    const named = this.#places
      .map(
        (place) => [place.name, place.value < 0 ? identity[place.identity] : row[FIRST_VALUE + place.value]] as const,
      )
      .filter(([, value]) => value !== null);
    const foreign = Object.fromEntries(
      named.map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
    );
    const before = block.count;
    const isWhole = this.#normalizer.addRecord(block, foreign, nowMs, {
      received: () => receivedRow(this.#withKey(this.#exact(named, row), row), this.#normalizer.maxLineBytes),
      textOf: (name) => jsonOf(this.#exact(named, row).find(([each]) => each === name)?.[1]),
    });
    // What the map makes of a row may be nothing, or several readings.
    for (let at = before; at < block.count; at++) this.#nameKey(block, at, row);
    if (this.#normalizer.mapping.shape !== null || block.count === before) return;
    const sensor = block.sensor[block.count - 1] ?? NO_SENSOR;
    // A row with a field that cannot be read needs its note: the next one of its identity is read by name as well.
    const plan = !isWhole || row[1] !== null ? null : this.#normalizer.planOfRow(foreign);
    if (plan === null || this.#isSlow(plan)) return;
    const handle = this.#handles.get(sensor) ?? this.#known.length;
    this.#handles.set(sensor, handle);
    this.#known[handle] = { sensor, layout: this.#layoutOf(plan), identity };
    this.#table.learn(handle, identity);
  }

  /** The values of columns that are numbers to the letter: they are asked for again, where the row is still the same. */
  #exact(named: readonly NamedValue[], row: ForeignRowValues): readonly NamedValue[] {
    if (!named.some(([, value]) => isRounded(value))) return named;
    const exact = this.#table.exactly(rowidOf(row));
    return named.map(([name, value]) => {
      const now = exact.get(name);
      return isRounded(value) && typeof now === "bigint" && Number(now) === value ? [name, now] : [name, value];
    });
  }

  /** A malformed row is received with its key, which no reading has as a field. */
  #withKey(named: readonly NamedValue[], row: ForeignRowValues): readonly NamedValue[] {
    const { key, keepsRowids, columns } = this.#table;
    return !keepsRowids || columns.includes(key) ? named : [[key, rowidOf(row)], ...named];
  }

  /** So that a person finds it in the table. */
  #nameKey(block: ReadingBlock, at: number, row: ForeignRowValues): void {
    const malformed = block.malformed.get(at);
    if (malformed === undefined) return;
    const { reason, detail, received, encoding, bytes } = malformed;
    const named = `${detail} (row with ${this.#table.key} ${rowidOf(row)})`;
    block.malformed.set(at, { reason, detail: named, received, encoding, bytes });
  }

  /** A column has values that only the normalizer reads right. */
  #isSlow({ fields }: Plan): boolean {
    const { columns } = this.#table;
    if (this.#normalizer.otherNames.isOpenIn(new Set(columns))) return true;
    return columns.some((name) => fields.get(name)?.fast === "none");
  }

  #layoutOf(plan: Plan): Layout {
    const known = this.#layouts.get(plan);
    if (known !== undefined) return known;
    const placed = this.#table.values.map((name, i) => ({ at: i + FIRST_VALUE, field: plan.fields.get(name) }));
    const one = (kind: Field["kind"]): number => placed.find(({ field }) => field?.kind === kind)?.at ?? NOT_THERE;
    const layout: Layout = {
      time: one("timestamp"),
      status: one("status"),
      flag: one("flag"),
      type: one("type"),
      measures: placed.flatMap(({ at, field }) => {
        const slot = field?.kind === "measure" ? plan.slots[field.index] : undefined;
        return field?.kind !== "measure" || slot === undefined ? [] : [{ at, slot, adjust: field.adjust }];
      }),
      unknown: placed.filter(({ field }) => field === undefined).map(({ at }) => at),
    };
    this.#layouts.set(plan, layout);
    return layout;
  }
}

function isPlain(text: string): boolean {
  return text.length <= LIMITS.textLength && !text.includes("\u0000") && text.isWellFormed();
}

/**
 * A row as JSON. Of a value that alone is longer than the limit of a row only the beginning is written; the rest counts
 * with its own length, without what JSON would add to it.
 */
function receivedRow(named: readonly NamedValue[], mostBytes: number): Received {
  let cutAway = 0;
  const shown = named.map(([name, value]) => {
    let kept = value;
    if (typeof value === "string" && value.length > mostBytes) {
      kept = value.slice(0, mostBytes).toWellFormed();
      cutAway += Buffer.byteLength(value) - Buffer.byteLength(String(kept));
    } else if (value instanceof Uint8Array) {
      // Three bytes are four characters of base64.
      const part = value.subarray(0, mostBytes - (mostBytes % 3));
      cutAway += 4 * (Math.ceil(value.length / 3) - Math.ceil(part.length / 3));
      kept = part;
    }
    return `${JSON.stringify(name)}:${jsonOf(kept)}`;
  });
  const text = Buffer.from(`{${shown.join(",")}}`);
  return receivedOf({ bytes: text, from: 0, to: text.length, length: text.length + cutAway }, mostBytes);
}

/** JSON has no infinity and no bytes: `"Infinity"`, `{"base64": "…"}`. A `bigint` is an integer that no number holds. */
export function jsonOf(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return `"${value}"`;
  if (value instanceof Uint8Array) return JSON.stringify({ base64: Buffer.from(value).toString("base64") });
  return JSON.stringify(value ?? null);
}
