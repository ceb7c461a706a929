/** The templates of a CSV file, by the cell that has the sensor's id; and the readings of the lines that match one. */
import type { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, NO_SENSOR } from "../../core/sensor.ts";
import type { Line } from "../lines/line.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import { FAST_EXTRA_LENGTH, type Normalizer, type Plan } from "../row/normalize.ts";
import { receivedTimeKey } from "../row/row-problem.ts";
import { FINER, REPEATED } from "../row/timestamp.ts";
import { type ColumnReading, columnsOf, gapsOf } from "./learn.ts";
import { CsvScan, CsvTemplate } from "./template.ts";

/** Bytes of all templates together; at the limit all are dropped. */
const TEMPLATE_BYTES = 4 * 1024 * 1024;
/** Templates of one sensor; the oldest is dropped. */
const PER_SENSOR = 4;
/** Making a template costs as much as some slow rows, so it must be earned: rows that never match get few. */
const CREDIT = { start: 32_768, most: 32_768, cost: 64, hit: 8, miss: 1 } as const;
const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export class CsvTemplates {
  readonly #normalizer: Normalizer;
  readonly #scan: CsvScan;
  readonly #names: readonly string[];
  readonly #signs: { readonly delimiter: number; readonly quote: number };
  readonly #receivedTime: string;
  readonly #columns = new Map<Plan, readonly ColumnReading[] | null>();
  readonly #bySensor = new Map<number, CsvTemplate[]>();
  /** The column of the sensor's id; -1 where the rows have none. */
  #idColumn = -1;
  #last: CsvTemplate | null = null;
  #bytes = 0;
  #credit: number = CREDIT.start;

  constructor(normalizer: Normalizer, names: readonly string[], delimiter: string, quote: string) {
    this.#normalizer = normalizer;
    this.#names = names;
    this.#signs = { delimiter: delimiter.charCodeAt(0), quote: quote === "none" ? -1 : quote.charCodeAt(0) };
    this.#scan = new CsvScan(normalizer.timestamps, normalizer.absentTimes, this.#signs.quote);
    this.#receivedTime = receivedTimeKey((name) => names.includes(name));
  }

  /** Appends the reading of the line, if it matches a template. */
  read(block: ReadingBlock, line: Line): boolean {
    const last = this.#last;
    let template = last?.next ?? null;
    if (template === null || !template.match(line, this.#scan)) template = this.#find(line);
    if (template === null || !this.#append(block, line, template)) return false;
    if (last !== null) last.next = template;
    this.#last = template;
    if (this.#credit < CREDIT.most) this.#credit += CREDIT.hit;
    return true;
  }

  /** The row was read the slow way, as the reading that is the last one of the block. */
  learn(block: ReadingBlock, row: ForeignRow, line: Buffer): void {
    this.#credit = Math.min(CREDIT.most, this.#credit + CREDIT.miss);
    const sensor = block.sensor[block.count - 1] ?? NO_SENSOR;
    if (sensor === NO_SENSOR || this.#credit < CREDIT.cost || line.length * 64 > TEMPLATE_BYTES) return;
    const plan = this.#normalizer.planOfRow(row);
    const columns = plan === null ? null : this.#columnsOf(plan);
    if (plan === null || columns === null) return;
    this.#credit -= CREDIT.cost;
    const gaps = gapsOf(line, columns, this.#signs);
    if (gaps === null) return;
    const template = new CsvTemplate(line, gaps, { sensor, plan });
    this.#scan.reserve(gaps.length);
    if (!this.#isSame(block, line, template)) return;
    if (this.#bytes + template.size > TEMPLATE_BYTES) this.forget();
    const hash = this.#hashOf(line, 0, line.length);
    const known = this.#bySensor.get(hash);
    if (known === undefined) this.#bySensor.set(hash, [template]);
    else {
      if (known.length >= PER_SENSOR) this.#bytes -= known.pop()?.size ?? 0;
      known.unshift(template);
    }
    this.#bytes += template.size;
    if (this.#last !== null) this.#last.next = template;
    this.#last = template;
  }

  /** Whether the template gives the reading that the slow path has just given: fields that could not be read are noted in `extra`. */
  #isSame(block: ReadingBlock, bytes: Buffer, template: CsvTemplate): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const line = {
      bytes,
      view,
      from: 0,
      to: bytes.length,
      length: bytes.length,
      tooLong: false,
      paddings: 0,
      trim() {},
    };
    if (!template.match(line, this.#scan)) return false;
    const row = block.count - 1;
    const { gaps, measures, plan } = template;
    const { values } = this.#scan;
    const bySlot = new Map(Array.from(measures, (gap) => [gaps[gap]?.column.slot, values[gap]]));
    const isEqual = plan.slots.every((slot) => Object.is(block.column(slot)[row], bySlot.get(slot) ?? Number.NaN));
    this.#timeOf(line, template);
    const extra = this.#extraOf(line, template);
    return isEqual && (block.extra.get(row) ?? "") === (extra === "" ? "" : `{${extra.slice(1)}}`);
  }

  /** What the templates were learned with has changed. */
  forget(): void {
    this.#bySensor.clear();
    this.#bytes = 0;
    this.#last = null;
  }

  #columnsOf(plan: Plan): readonly ColumnReading[] | null {
    const known = this.#columns.get(plan);
    if (known !== undefined) return known;
    const columns = columnsOf(this.#names, plan, this.#normalizer);
    this.#columns.set(plan, columns);
    this.#idColumn = this.#names.findIndex((name) => {
      const field = plan.fields.get(name);
      return field?.kind === "identity" && field.column === SENSOR_ID;
    });
    return columns;
  }

  #find(line: Line): CsvTemplate | null {
    const candidates = this.#bySensor.get(this.#hashOf(line.bytes, line.from, line.to));
    if (candidates === undefined) return null;
    for (const each of candidates) if (each.match(line, this.#scan)) return each;
    return null;
  }

  /** Only a hint where to look: a template is then compared byte by byte. */
  #hashOf(bytes: Buffer, from: number, to: number): number {
    const { delimiter } = this.#signs;
    let at = from;
    for (let column = this.#idColumn; column > 0 && at < to; at++) if (bytes[at] === delimiter) column--;
    if (this.#idColumn < 0) return 0;
    let hash = 0x811c9dc5;
    for (; at < to && bytes[at] !== delimiter; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    return hash;
  }

  #append(block: ReadingBlock, line: Line, template: CsvTemplate): boolean {
    const { values } = this.#scan;
    const { sensor, status, flag, type, gaps, measures } = template;
    const code = status < 0 ? Number.NaN : values[status]!;
    const flagged = flag < 0 ? Number.NaN : values[flag]!;
    const label = this.#normalizer.labelOf(
      Number.isNaN(code) ? null : code + 0,
      flagged === 0 ? 0 : flagged === 1 ? 1 : null,
      type < 0 ? null : this.#textOf(line, type),
      false,
    );
    const time = this.#timeOf(line, template);
    const extra = this.#extraOf(line, template);
    // Only the slow path can decide whether longer text is too long.
    if (label < 0 || Number.isNaN(time) || extra.length > FAST_EXTRA_LENGTH) return false;
    const isRepeated = (this.#scan.note & REPEATED) !== 0;
    const ms = isRepeated ? this.#normalizer.settled(block, sensor, time) : time;
    const row = block.add(sensor, ms, label);
    for (let i = 0; i < measures.length; i++) {
      const value = values[measures[i]!]!;
      if (!Number.isNaN(value)) block.column(gaps[measures[i]!]!.column.slot)[row] = value;
    }
    if (extra !== "") block.addExtra(row, `{${extra.slice(1)}}`);
    return true;
  }

  /** NaN where the texts of several cells are no time together. */
  #timeOf(line: Line, { times }: CsvTemplate): number {
    const scan = this.#scan;
    if (times.length === 1) return scan.values[times[0]!]!;
    const { timestamps } = scan;
    const time = timestamps.fromText(this.#joined(line, times));
    scan.note = timestamps.note;
    return time;
  }

  #joined(line: Line, gaps: readonly number[]): string {
    const { from, to } = this.#scan;
    let text = "";
    for (const gap of gaps) text += `${text === "" ? "" : " "}${line.bytes.toString("latin1", from[gap]!, to[gap]!)}`;
    return text;
  }

  #textOf(line: Line, gap: number): string | null {
    const { from, to } = this.#scan;
    return to[gap]! === from[gap]! ? null : line.bytes.toString("latin1", from[gap]!, to[gap]!);
  }

  /** Unknown cells that are not blank, and the time as it was received where it says more than milliseconds. */
  #extraOf(line: Line, { extras, gaps, times }: CsvTemplate): string {
    const { from, to, note } = this.#scan;
    let text = "";
    for (let i = 0; i < extras.length; i++) {
      const gap = extras[i]!;
      if (from[gap]! === to[gap]!) continue;
      text += `,${gaps[gap]!.column.key}"${line.bytes.toString("latin1", from[gap]!, to[gap]!)}"`;
    }
    if (note & FINER) text += `${this.#receivedTime}"${this.#joined(line, times)}"`;
    return text;
  }
}
