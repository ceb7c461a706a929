/**
 * One line of JSON to one row of a block: by a template where one matches (template.ts), else by JSON.parse and the
 * normalizer. Both ways give the same rows; only the second can report what is wrong with a line.
 */
import type { MalformedReason, ReadingBlock } from "../../core/reading.ts";
import { NO_SENSOR } from "../../core/sensor.ts";
import type { RecordContext } from "../context.ts";
import type { LearntRow } from "../learn/learn-template.ts";
import { flatProvenance, type MadeRows, type Provenance, provenanceOf } from "../learn/provenance.ts";
import type { Normalizer } from "../row/normalize.ts";
import { type RowProblem, shortened } from "../row/row-problem.ts";
import type { Line } from "./line.ts";
import { LineObject, LineValue, readLine } from "./line-object.ts";
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
      this.#addRecord(block, line, parsed, nowMs);
      return;
    }
    const original = { received, textOf: (name: string) => parsed.textOf(name) };
    const isWhole = this.#normalizer.add(block, parsed.row, nowMs, original);
    // A template has what is fixed in a line: it must be right.
    if (!this.#templates.mayLearn(to - from, 1) || !isWhole || parsed.hasWords) return;
    const copy = Buffer.from(bytes.subarray(from, to));
    this.#learnFrom(block, copy, flatProvenance(copy, this.#templates.asked, parsed.row));
  }

  #addRecord(block: ReadingBlock, line: Line, parsed: LineObject | LineValue, nowMs: number): void {
    const { bytes, from, to } = line;
    const received = (): Received => receivedOf(line, this.#maxLineBytes);
    const isFlat = parsed instanceof LineObject;
    const textOf = (name: string): string => (isFlat ? parsed.textOf(name) : "null");
    const original = { received, textOf, json: () => parsed.json };
    const bad = badFields(block);
    const before = block.count;
    const isWhole = this.#normalizer.addRecord(block, isFlat ? parsed.row : parsed.value, nowMs, original);
    // Where rows are joined, the reading that a line makes is not there yet.
    const mayLearn = this.#normalizer.wide === null && this.#templates.mayLearn(to - from, block.count - before);
    if (!mayLearn || !isWhole || badFields(block) > bad) return;
    const copy = Buffer.from(bytes.subarray(from, to));
    const shape = (json: string): MadeRows | null => madeRows(this.#normalizer, json, nowMs);
    this.#learnFrom(block, copy, provenanceOf(copy, this.#templates.asked, shape));
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

  /** The rows of the line are the last ones of the block. `line`: a copy. */
  #learnFrom(block: ReadingBlock, line: Buffer, from: Provenance | null): void {
    if (from === null) return;
    const first = block.count - from.rows.length;
    const rows: LearntRow[] = [];
    for (const [i, made] of from.rows.entries()) {
      const sensor = block.sensor[first + i] ?? NO_SENSOR;
      const plan = this.#normalizer.planOfRow(made.row);
      if (sensor === NO_SENSOR || plan === null) return;
      const measured = (slot: number): number => block.measures[slot]?.[first + i] ?? Number.NaN;
      rows.push({ ...made, sensor, plan, measured });
    }
    this.#templates.learn({ ...from, line, rows });
  }
}

/** Null where the text is not JSON, or only with words in quotes. */
function parsedJson(json: string): LineObject | LineValue | null {
  try {
    const parsed = readLine(json);
    return parsed.json === json ? parsed : null;
  } catch {
    return null;
  }
}

/** The rows of a record before they are read; null where the text is not JSON: then it has words. */
function madeRows({ shaper, context }: Normalizer, json: string, takenAtMs: number): MadeRows | null {
  const parsed = parsedJson(json);
  if (parsed === null) return null;
  const isFlat = parsed instanceof LineObject;
  const received = (): Received => ({ received: json, encoding: "utf8", bytes: json.length });
  const textOf = (name: string): string => (isFlat ? parsed.textOf(name) : "null");
  const record = isFlat ? parsed.row : parsed.value;
  const made = shaper?.rowsOf({ record, context, takenAtMs, original: { received, textOf, json: () => json } });
  if (made === null || made === undefined) return null;
  const rows = made.rows.map((shaped) => ({
    row: shaped.row,
    textOf: (name: string) => shaped.textOf(name),
    unitOf: (name: string) => shaped.unitOf?.(name),
  }));
  return { rows, filtered: made.filtered };
}

/** How many fields of the rows of a block could not be read. */
function badFields(block: ReadingBlock): number {
  let count = 0;
  for (const flaw of block.flaws.values()) if (flaw.field !== null) count += flaw.count;
  return count;
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
