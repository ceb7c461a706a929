/**
 * From a record to rows, by the map: `each`, `extract`, `where`, paths, `compose`, in this order. The readings of one record are in
 * one block. An item that is no reading is a malformed row of its own; a record of which none is a reading is malformed as a whole.
 */
import { isObject } from "../../core/outside/shape.ts";
import { BLOCK_TEXT_LENGTH, RECORD_READINGS, type ReadingBlock } from "../../core/reading.ts";
import type { RecordContext } from "../context.ts";
import type { SourceNames } from "../map/mapped-names.ts";
import { madeFields, type RecordShape, Unreadable } from "../map/record-shape.ts";
import type { Meant } from "../map/where.ts";
import type { FieldTable } from "../row/field-table.ts";
import type { Mapping } from "../row/fields.ts";
import { notAnObject, type Original, type RowProblem, shortened } from "../row/row-problem.ts";
import { numberInText } from "../row/text-number.ts";
import { type FannedOut, itemsOf, type RecordItem, TooManyItems } from "./fan-out.ts";
import { FieldTexts, JsonText } from "./json-text.ts";
import { Layer } from "./layer.ts";
import { RecordView } from "./record-view.ts";
import { packItems } from "./senml.ts";
import { type Knowledge, ShapedRow } from "./shaped-row.ts";
import { WideJoin, type WideSink } from "./wide.ts";

/** Where rows go. */
export type RowSink = Knowledge &
  WideSink & {
    /** Which of the map's names records have; null where no caller needs them. */
    readonly names: SourceNames | null;
  };

type BadItem = { readonly view: RecordView; readonly problem: RowProblem };

export class Shaper {
  readonly #shape: RecordShape;
  readonly #sink: RowSink;
  readonly wide: WideJoin | null;

  constructor(shape: RecordShape, sink: RowSink) {
    this.#shape = shape;
    this.#sink = sink;
    this.wide = shape.wide === null ? null : new WideJoin(shape.wide, sink);
  }

  /** Null where every record is a flat row. `fields`: what is read, of the usual profile. */
  static of(
    mapping: Mapping,
    rows: Pick<RowSink, "append" | "keyOf" | "names"> & { readonly fields: FieldTable },
  ): Shaper | null {
    const { shape, absent } = mapping;
    if (shape === null) return null;
    const made = madeFields(shape);
    return new Shaper(shape, {
      append: rows.append,
      keyOf: rows.keyOf,
      saysWhose: (name) => /^(?:identity|timestamp|timePart)$/.test(rows.fields.get(name)?.kind ?? ""),
      names: rows.names,
      isKnown: (name) => !made.has(name) && (rows.fields.get(name)?.kind ?? "drop") !== "drop",
      isAbsent: (value) => absent.has(value),
      meant: meantBy(mapping),
    });
  }

  /** Returns whether all that is wanted of the record is readings. */
  add(block: ReadingBlock, input: ShapingInput): boolean {
    if (block.pausesAfterRecords) block.isPaused = true;
    if (isObject(input.record)) this.#sink.names?.see(input.record);
    for (const maker of this.#shape.makers) maker.refresh(input.takenAtMs);
    const fanned = this.#items(input);
    if (!("items" in fanned)) return refused(block, input, fanned);
    const { items, deadEnds } = fanned;
    block.makeRoom(Math.max(1, items.length + deadEnds.length));
    const bad: BadItem[] = [];
    let readings = 0;
    let filtered = 0;
    for (const { item, isEmpty } of deadEnds) {
      const view = this.#viewOf(item, input.context);
      const verdict = isEmpty ? "filtered" : this.#verdict(view);
      if (verdict === "filtered") filtered++;
      else bad.push({ view, problem: verdict ?? this.#noReading() });
    }
    for (const item of items) {
      const view = this.#viewOf(item, input.context);
      const verdict = this.#verdict(view);
      if (verdict === "filtered") {
        filtered++;
        const [own] = item.layers;
        if (isObject(own?.value)) this.#sink.names?.see(own.value);
        continue;
      }
      if (verdict !== null) {
        bad.push({ view, problem: verdict });
        continue;
      }
      const problem = this.#append(block, view, input.takenAtMs);
      if (problem === null) readings++;
      else bad.push({ view, problem });
    }
    if (filtered > 0) countFiltered(block, filtered);
    if (readings === 0 && bad[0] !== undefined) return refused(block, input, problemOf(bad[0], bad.length - 1));
    for (const each of bad) block.addMalformed(input.takenAtMs, { ...problemOf(each, 0), ...ownText(each.view) });
    return bad.length === 0;
  }

  #append(block: ReadingBlock, view: RecordView, takenAtMs: number): RowProblem | null {
    const { wide } = this;
    const shaped = new ShapedRow(view, this.#shape, this.#sink);
    const { row } = shaped;
    const original = shaped.original(() => ownText(view));
    if (wide === null) return this.#sink.append(block, row, original);
    const found = view.find(wide.rule.value);
    const value = found === null ? null : { value: found.value, text: view.jsonOf(found) };
    return wide.take(block, { quantity: view.valueOf(wide.rule.name), value, row, original, takenAtMs });
  }

  /**
   * The rows of a record all of which is readings, or is left out, before they are read; and how many of its items are left out.
   * Null for any other record.
   */
  rowsOf(input: ShapingInput): { readonly rows: readonly ShapedRow[]; readonly filtered: number } | null {
    const fanned = this.#items(input);
    if (!("items" in fanned)) return null;
    const { items, deadEnds } = fanned;
    const rows: ShapedRow[] = [];
    for (const item of items) {
      const view = this.#viewOf(item, input.context);
      const verdict = this.#verdict(view);
      if (verdict === null) rows.push(new ShapedRow(view, this.#shape, this.#sink));
      else if (verdict !== "filtered") return null;
    }
    return { rows, filtered: items.length + deadEnds.length - rows.length };
  }

  #items(input: ShapingInput): FannedOut | RowProblem {
    const { each, isSenml } = this.#shape;
    const { record, original } = input;
    const json = () => jsonOf(record, original);
    try {
      if (isSenml) return packItems(record, json, input.takenAtMs);
      const whole = { place: "", layers: [Layer.of(record, json)], keys: [], unitOf: null };
      if (each.length === 0) return isObject(record) ? { items: [whole], deadEnds: [] } : notAnObject(record);
      const fanned = itemsOf(whole, each, (path) => this.#sink.names?.found(path));
      const { items } = fanned;
      return items.length * lengthAround(items) > BLOCK_TEXT_LENGTH ? tooMuchAround(items.length) : fanned;
    } catch (error) {
      if (!(error instanceof TooManyItems)) throw error;
      const detail = `the record has more than ${RECORD_READINGS} readings`;
      return { reason: "too_many_readings", detail };
    }
  }

  #noReading(): RowProblem {
    const names = this.#shape.each.map(({ text }) => `"${shortened(text)}"`).join(" or ");
    return { reason: "missing_field", detail: `no reading is at ${names}` };
  }

  #viewOf(item: RecordItem, context: RecordContext): RecordView {
    const view = new RecordView(item, context);
    view.extract(this.#shape.extract);
    this.#sink.names?.seePaths((path) => view.find(path) !== null);
    return view;
  }

  /** Null where it is wanted; a problem where that cannot be known. */
  #verdict(view: RecordView): RowProblem | "filtered" | null {
    const { meant } = this.#sink;
    try {
      return this.#shape.where.every(({ holds }) => holds(view, meant)) ? null : "filtered";
    } catch (error) {
      if (error instanceof Unreadable) return error.problem;
      throw error;
    }
  }
}

export type ShapingInput = {
  readonly record: unknown;
  readonly context: RecordContext;
  readonly takenAtMs: number;
  readonly original: Original;
};

function refused(block: ReadingBlock, { takenAtMs, original }: ShapingInput, problem: RowProblem): false {
  block.addMalformed(takenAtMs, { ...problem, ...original.received() });
  return false;
}

export function countFiltered(block: ReadingBlock, count: number): void {
  block.addFlaw({
    reason: "filtered",
    field: null,
    detail: 'the map leaves out records: by its "where", or empty ones',
    count,
  });
}

/** With the place of the item in the record. */
function problemOf({ view, problem }: BadItem, more: number): RowProblem {
  const { place } = view.item;
  if (place === "") return problem;
  const others = more === 0 ? "" : ` (and ${more} more of its readings)`;
  return { reason: problem.reason, detail: `${shortened(place)}: ${problem.detail}${others}` };
}

function ownText(view: RecordView): ReturnType<Original["received"]> {
  const received = view.received();
  return { received, encoding: "utf8", bytes: Buffer.byteLength(received) };
}

/** What is in each of the readings again, in UTF-16 units. */
function lengthAround(items: readonly RecordItem[]): number {
  if (items.length < 2) return 0;
  const around = items[0]?.layers.slice(1) ?? [];
  return around.reduce((length, { json }) => length + json.text.length, 0);
}

function tooMuchAround(readings: number): RowProblem {
  const detail = `the fields around its ${readings} readings, with each of them, are more than ${BLOCK_TEXT_LENGTH} characters`;
  return { reason: "text_too_long", detail };
}

/** The text of a record; of a row of a table, those of its fields. */
function jsonOf(record: unknown, original: Original): JsonText {
  if (isObject(record)) return new FieldTexts(record, (name) => original.textOf(name), original.json);
  return new JsonText(original.json?.() ?? JSON.stringify(record) ?? "null");
}

function meantBy({ absent, textNumbers, decimal }: Mapping): Meant {
  return (value) => {
    if (absent.has(value)) return undefined;
    const number = textNumbers && typeof value === "string" ? numberInText(value, decimal) : null;
    return number === null || number.unit !== "" ? value : number.number;
  };
}
