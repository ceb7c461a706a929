/**
 * One line of JSON to one row of a block: by a template where one matches (template.ts), else by JSON.parse and the
 * normalizer. Both ways give the same rows; only the second can report what is wrong with a line.
 */
import type { MalformedReason, ReadingBlock } from "../../core/reading.ts";
import { NO_SENSOR } from "../../core/sensor.ts";
import type { RecordContext } from "../context.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import type { Normalizer } from "../row/normalize.ts";
import { type RowProblem, shortened } from "../row/row-problem.ts";
import type { Line } from "./line.ts";
import { LineObject, LineValue, readLine } from "./line-object.ts";
import { flatProvenance } from "./provenance.ts";
import { type Received, receivedOf } from "./received.ts";
import { LineTemplates } from "./templates.ts";

export class LineDecoder {
  readonly #normalizer: Normalizer;
  readonly #maxLineBytes: number;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #templates: LineTemplates;

  /** `templates`: of this normalizer; those of all its streams by `templatesOf`. */
  constructor(normalizer: Normalizer, templates: LineTemplates = new LineTemplates(normalizer)) {
    this.#normalizer = normalizer;
    this.#maxLineBytes = normalizer.maxLineBytes;
    this.#templates = templates;
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
    if (line.tooLong || !this.#templates.read(block, line, nowMs)) this.#decodeSlowly(block, line, nowMs);
  }

  #decodeSlowly(block: ReadingBlock, line: Line, nowMs: number): void {
    line.trim();
    if (line.paddings > 0) countPadding(block, line);
    const { bytes, from, to, length } = line;
    const parsed = line.tooLong ? this.#tooLong(length) : this.#parse(bytes.subarray(from, to));
    if (parsed === null) return;
    const received = (): Received => receivedOf(line, this.#maxLineBytes);
    if ("problem" in parsed) {
      block.addMalformed(nowMs, { ...parsed.problem, ...received() });
      return;
    }
    if (this.#normalizer.mapping.shape !== null || parsed instanceof LineValue) {
      this.#addRecord(block, parsed, nowMs, received);
      return;
    }
    const original = { received, textOf: (name: string) => parsed.textOf(name) };
    const isWhole = this.#normalizer.add(block, parsed.row, nowMs, original);
    // A template has what is fixed in a line: it must be right.
    if (this.#templates.mayLearn(to - from) && isWhole && !parsed.hasWords) {
      this.#learnFrom(block, parsed.row, Buffer.from(bytes.subarray(from, to)));
    }
  }

  #addRecord(block: ReadingBlock, parsed: LineObject | LineValue, nowMs: number, received: () => Received): void {
    const json = (): string => parsed.json;
    const isFlat = parsed instanceof LineObject;
    const textOf = (name: string): string => (isFlat ? parsed.textOf(name) : "null");
    this.#normalizer.addRecord(block, isFlat ? parsed.row : parsed.value, nowMs, { received, textOf, json });
  }

  #tooLong(length: number): Refusal {
    return refusal("line_too_long", `the line has ${length} bytes, at most ${this.#maxLineBytes} are read`);
  }

  /** What a line says, or why it cannot be read; null for a blank line. */
  #parse(line: Buffer): LineObject | LineValue | Refusal | null {
    let text: string;
    try {
      text = this.#utf8.decode(line);
    } catch {
      const isUtf16 = (line[0] === 0xff && line[1] === 0xfe) || (line[0] === 0xfe && line[1] === 0xff);
      return refusal("invalid_utf8", `the line is not UTF-8${isUtf16 ? ", it begins as UTF-16 does" : ""}`);
    }
    try {
      return readLine(text);
    } catch (error) {
      return isBlank(text) ? null : notJson(text, error);
    }
  }

  /** `line`: a copy. */
  #learnFrom(block: ReadingBlock, row: ForeignRow, line: Buffer): void {
    const sensor = block.sensor[block.count - 1] ?? NO_SENSOR;
    const plan = this.#normalizer.planOfRow(row);
    const flat = flatProvenance(line, row);
    if (sensor === NO_SENSOR || plan === null || flat === null) return;
    const { fields, free } = flat;
    this.#templates.learn({ line, rows: [{ sensor, plan, fields }], free, isNullable: true });
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
