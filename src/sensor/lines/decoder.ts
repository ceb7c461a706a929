/**
 * One line of JSON to one row of a block: by a template where one matches (template.ts), else by JSON.parse and the
 * normalizer. Both ways give the same rows; only the second can report what is wrong with a line.
 */
import { CLOSE_BRACE, COMMA, QUOTE, SPACE } from "../../core/ascii.ts";
import type { MalformedReason, ReadingBlock } from "../../core/reading.ts";
import { NO_SENSOR } from "../../core/sensor.ts";
import type { RecordContext } from "../context.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import type { Normalizer } from "../row/normalize.ts";
import { type RowProblem, shortened } from "../row/row-problem.ts";
import { templateOf } from "./learn-template.ts";
import type { Line } from "./line.ts";
import { keyOf, LineObject, readLine } from "./line-object.ts";
import { type Received, receivedOf } from "./received.ts";
import { RowWriter } from "./row-writer.ts";
import { LineScan } from "./scan.ts";
import type { LineTemplate } from "./template.ts";
import { type ValueNode, valueTree } from "./tree.ts";

/** Fixed bytes of all templates together; at the limit all are dropped. About 6,000 sensors with 16 identity columns. */
const TEMPLATE_BYTES = 4 * 1024 * 1024;
/** Templates of one sensor: a few writers that spell it differently; the oldest is dropped. */
const PER_SENSOR = 4;
/** Making a template costs as much as sixteen slow lines, so it must be earned: lines that never match get few. */
const CREDIT = { start: 32_768, most: 32_768, cost: 64, hit: 8, miss: 1 } as const;

export class LineDecoder {
  readonly #normalizer: Normalizer;
  readonly #maxLineBytes: number;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #scan: LineScan;
  readonly #rows: RowWriter;
  readonly #bySensor = new Map<number, LineTemplate[]>();
  readonly #idKey: Buffer | null;
  #last: LineTemplate | null = null;
  #templateBytes = 0;
  #credit: number = CREDIT.start;

  constructor(normalizer: Normalizer) {
    this.#normalizer = normalizer;
    this.#maxLineBytes = normalizer.maxLineBytes;
    const { mapping } = normalizer;
    this.#scan = new LineScan(normalizer.timestamps, mapping.absent);
    this.#rows = new RowWriter(normalizer, this.#scan);
    this.#idKey = mapping.constants.has("sensor_id")
      ? null
      : Buffer.from(`${JSON.stringify(normalizer.foreignName("sensor_id"))}:`);
  }

  /** What is known beside the lines that follow. */
  get context(): RecordContext {
    return this.#normalizer.context;
  }

  set context(context: RecordContext) {
    this.#normalizer.context = context;
  }

  /** Appends the rows of one line, or none for a blank line. */
  decode(block: ReadingBlock, line: Line, nowMs: number): void {
    if (line.paddings > 0) countPadding(block, line);
    const last = this.#last;
    let template = line.tooLong ? null : (last?.next ?? null);
    if (template === null || !template.match(line, this.#scan)) {
      template = line.tooLong ? null : this.#find(line);
    }
    if (template === null || !this.#rows.append(block, line, template)) {
      this.#decodeSlowly(block, line, nowMs);
      return;
    }
    if (last !== null) last.next = template;
    this.#last = template;
    if (this.#credit < CREDIT.most) this.#credit += CREDIT.hit;
  }

  #find(line: Line): LineTemplate | null {
    const candidates = this.#bySensor.get(this.#sensorHash(line.bytes, line.from, line.to));
    if (candidates === undefined) return null;
    for (const each of candidates) if (each.match(line, this.#scan)) return each;
    return null;
  }

  /** Only a hint where to look: a template is then compared byte by byte. */
  #sensorHash(bytes: Buffer, from: number, to: number): number {
    if (this.#idKey === null) return 0;
    const found = bytes.subarray(from, to).indexOf(this.#idKey);
    if (found < 0) return 0;
    let at = from + found + this.#idKey.length;
    while (bytes[at] === SPACE) at++;
    let hash = 0x811c9dc5;
    for (at++; at < to; at++) {
      const code = bytes[at]!;
      if (code === QUOTE || code === COMMA || code === CLOSE_BRACE) break;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    return hash;
  }

  #decodeSlowly(block: ReadingBlock, line: Line, nowMs: number): void {
    line.trim();
    if (line.paddings > 0) countPadding(block, line);
    const { bytes, from, to, length } = line;
    const parsed = line.tooLong ? this.#tooLong(length) : this.#parse(bytes.subarray(from, to));
    if (parsed === null) return;
    const received = (): Received => receivedOf(line, this.#maxLineBytes);
    if (!(parsed instanceof LineObject)) {
      block.addMalformed(nowMs, { ...parsed.problem, ...received() });
      return;
    }
    const original = { received, textOf: (name: string) => parsed.textOf(name) };
    const isWhole = this.#normalizer.add(block, parsed.row, nowMs, original);
    // A template has what is fixed in a line: it must be right.
    if (isWhole && !parsed.hasWords) this.#learnFrom(block, parsed.row, bytes.subarray(from, to));
    else this.#earn();
  }

  #tooLong(length: number): Refusal {
    return refusal("line_too_long", `the line has ${length} bytes, at most ${this.#maxLineBytes} are read`);
  }

  /** The object that a line is, or why it is not one; null for a blank line. */
  #parse(line: Buffer): LineObject | Refusal | null {
    let text: string;
    try {
      text = this.#utf8.decode(line);
    } catch {
      const isUtf16 = (line[0] === 0xff && line[1] === 0xfe) || (line[0] === 0xfe && line[1] === 0xff);
      return refusal("invalid_utf8", `the line is not UTF-8${isUtf16 ? ", it begins as UTF-16 does" : ""}`);
    }
    try {
      const value = readLine(text);
      if (value instanceof LineObject) return value;
      const kind = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
      return refusal("not_an_object", `the line is ${kind}, a JSON object was expected`);
    } catch (error) {
      return isBlank(text) ? null : notJson(text, error);
    }
  }

  #earn(): void {
    this.#credit = Math.min(CREDIT.most, this.#credit + CREDIT.miss);
  }

  #learnFrom(block: ReadingBlock, row: ForeignRow, line: Buffer): void {
    const sensor = block.sensor[block.count - 1] ?? NO_SENSOR;
    this.#earn();
    if (sensor === NO_SENSOR || this.#credit < CREDIT.cost || line.length * 64 > TEMPLATE_BYTES) return;
    this.#credit -= CREDIT.cost;
    const plan = this.#normalizer.planOfRow(row);
    if (plan === null) return;
    const copy = Buffer.from(line);
    const root = valueTree(copy.toString("latin1"), (from, to) => keyOf(copy.toString("utf8", from, to)));
    if (root === null) return;
    const fields = new Map<string, ValueNode>();
    for (const name in row) {
      const node = root.parts?.get(name);
      if (node === undefined) return;
      fields.set(name, node);
    }
    const rows = [{ sensor, plan, fields }];
    const template = templateOf({ line: copy, root, rows, fixed: new Set() }, this.#normalizer);
    if (template === null) return;
    this.#scan.reserve(template.gaps.length);
    if (this.#templateBytes + template.size > TEMPLATE_BYTES) this.#dropTemplates();
    const hash = this.#sensorHash(line, 0, line.length);
    const known = this.#bySensor.get(hash);
    if (known === undefined) this.#bySensor.set(hash, [template]);
    else {
      if (known.length >= PER_SENSOR) this.#templateBytes -= known.pop()?.size ?? 0;
      known.unshift(template);
    }
    this.#templateBytes += template.size;
    if (this.#last !== null) this.#last.next = template;
    this.#last = template;
  }

  #dropTemplates(): void {
    this.#bySensor.clear();
    this.#templateBytes = 0;
    this.#last = null;
  }
}

type Refusal = { readonly problem: RowProblem };

function refusal(reason: MalformedReason, detail: string): Refusal {
  return { problem: { reason, detail } };
}

function notJson(text: string, error: unknown): Refusal {
  if (text.includes("\u0000")) return refusal("not_json", "the line holds a NUL byte");
  if (error instanceof RangeError) return refusal("not_json", "the line is nested too deeply");
  return refusal("not_json", `the line is not JSON, it begins with ${JSON.stringify(shortened(text))}`);
}

function countPadding(block: ReadingBlock, line: Line): void {
  const detail = "there are NULs around a line, as a loss of power leaves them in a file";
  block.addFlaw({ reason: "nul_padding", field: null, detail, count: line.paddings });
  line.paddings = 0;
}

function isBlank(text: string): boolean {
  return /^[ \t\r\n]*$/.test(text);
}
