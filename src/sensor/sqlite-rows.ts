/**
 * Rows of a foreign table, as arrays of column values, to rows of a block. A sensor's identity is compared with its last
 * one, value by value; only what differs, or has an unusual value, goes by name through the normalizer.
 */
import { MALFORMED_KEPT_BYTES, type ReadingBlock } from "../core/reading.ts";
import { LIMITS, NO_SENSOR } from "../core/sensor.ts";
import type { Field } from "./fields.ts";
import { blobAsText, EXTRA_BYTES, type Normalizer, type Plan } from "./normalize.ts";
import { receivedOf } from "./received.ts";

/** Where the parts of a reading are in a row. */
type Layout = {
  readonly identity: readonly number[];
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

type Known = { readonly sensor: number; readonly layout: Layout; readonly identity: readonly unknown[] };

const NOT_THERE = -1;

export class SqliteRows {
  readonly #columns: readonly string[];
  readonly #normalizer: Normalizer;
  readonly #layouts = new Map<Plan, Layout>();
  readonly #known = new Map<unknown, Known>();
  readonly #id: number;
  readonly #values = new Float64Array(LIMITS.measures);

  /** `columns[i]` is the name of what stands at `i + 1` in a row; at 0 is the rowid. */
  constructor(columns: readonly string[], normalizer: Normalizer) {
    this.#columns = columns;
    this.#normalizer = normalizer;
    this.#id = normalizer.mapping.constants.has("sensor_id")
      ? NOT_THERE
      : columns.indexOf(normalizer.foreignName("sensor_id")) + 1;
  }

  append(block: ReadingBlock, row: readonly unknown[], nowMs: number): void {
    const known = this.#known.get(this.#id === NOT_THERE ? null : row[this.#id]);
    if (known === undefined || !this.#appendLike(known, block, row)) this.#appendByName(block, row, nowMs);
  }

  /** False, and nothing appended, where anything is not as expected. */
  #appendLike(known: Known, block: ReadingBlock, row: readonly unknown[]): boolean {
    const { layout, identity } = known;
    const at = layout.identity;
    for (let i = 0; i < at.length; i++) if (row[at[i]!] !== identity[i]) return false;
    const time = this.#timeOf(row[layout.time]);
    if (Number.isNaN(time)) return false;
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
    const extra = layout.unknown.length === 0 ? "" : this.#extraOf(layout.unknown, row);
    if (extra === null) return false;
    const to = block.add(known.sensor, time, label);
    for (let i = 0; i < measures.length; i++) {
      const value = values[i]!;
      if (!Number.isNaN(value)) block.column(measures[i]!.slot)[to] = value;
    }
    if (extra !== "") block.extra.set(to, `{${extra.slice(1)}}`);
    return true;
  }

  #timeOf(value: unknown): number {
    const { timestamps } = this.#normalizer;
    if (typeof value === "string") return timestamps.fromText(value);
    return typeof value === "number" ? timestamps.fromNumber(value) : Number.NaN;
  }

  #labelOf(status: unknown, flag: unknown, type: unknown): number {
    if (status !== null && !Number.isSafeInteger(status)) return -1;
    if (flag !== null && flag !== 0 && flag !== 1) return -1;
    if (type !== null && !(typeof type === "string" && isPlain(type))) return -1;
    const { absent } = this.#normalizer.mapping;
    if (absent.size > 0 && (absent.has(Number(status)) || absent.has(String(type)))) return -1;
    // An integer by the check above; -0 would read back as 0.
    return this.#normalizer.labelOf(status === null ? null : (status as number) + 0, flag, type);
  }

  /** The text of the unknown columns that hold something; null where only the normalizer can say. */
  #extraOf(unknown: readonly number[], row: readonly unknown[]): string | null {
    let extra = "";
    for (const at of unknown) {
      const value = row[at];
      if (value === null) continue;
      if (typeof value !== "string" && !Number.isFinite(value)) return null;
      extra += `,${JSON.stringify(this.#columns[at - 1])}:${JSON.stringify(value)}`;
    }
    return extra.length * 3 > EXTRA_BYTES ? null : extra;
  }

  #appendByName(block: ReadingBlock, row: readonly unknown[], nowMs: number): void {
    // A column that nobody filled is no field of this row.
    const named = this.#columns.map((name, i) => [name, row[i + 1]] as const).filter(([, value]) => value !== null);
    const foreign = Object.fromEntries(named);
    this.#normalizer.add(block, foreign, nowMs, () => {
      const text = Buffer.from(
        JSON.stringify(Object.fromEntries(named.map(([name, value]) => [name, received(value)]))),
      );
      return receivedOf(text, 0, text.length, text.length);
    });
    const sensor = block.sensor[block.count - 1]!;
    const plan = sensor === NO_SENSOR ? null : this.#normalizer.planOfRow(foreign);
    if (plan === null) return;
    const layout = this.#layoutOf(plan);
    const identity = layout.identity.map((at) => row[at]);
    this.#known.set(this.#id === NOT_THERE ? null : row[this.#id], { sensor, layout, identity });
  }

  #layoutOf(plan: Plan): Layout {
    const known = this.#layouts.get(plan);
    if (known !== undefined) return known;
    const placed = this.#columns.map((name, i) => ({ at: i + 1, field: plan.fields.get(name) }));
    const one = (kind: Field["kind"]): number => placed.find(({ field }) => field?.kind === kind)?.at ?? NOT_THERE;
    const layout: Layout = {
      identity: placed.filter(({ field }) => field?.kind === "identity").map(({ at }) => at),
      time: one("timestamp"),
      status: one("status"),
      flag: one("flag"),
      type: one("type"),
      measures: placed.flatMap(({ at, field }) =>
        field?.kind === "measure" ? [{ at, slot: plan.slots[field.index]!, adjust: field.adjust }] : [],
      ),
      unknown: placed.filter(({ field }) => field === undefined).map(({ at }) => at),
    };
    this.#layouts.set(plan, layout);
    return layout;
  }
}

function isPlain(text: string): boolean {
  return text.length <= LIMITS.textLength && !text.includes("\u0000") && text.isWellFormed();
}

/** JSON has no infinity and no bytes; long text and blobs are cut, the row is only shown. */
function received(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value === "string") return value.slice(0, MALFORMED_KEPT_BYTES);
  return value instanceof Uint8Array ? blobAsText(value.subarray(0, MALFORMED_KEPT_BYTES)) : value;
}
