/** From the cells of a row to a row of a block, by the normalizer; a row that cannot be read is malformed, with its reason. */
import { isUtf8 } from "node:buffer";
import type { MalformedReason, ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { Line } from "../lines/line.ts";
import { type Received, receivedOf } from "../lines/received.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { CellReader } from "./cells.ts";
import { type CsvLine, joined } from "./lines.ts";
import type { CsvOptions } from "./options.ts";
import { CsvTemplates } from "./templates.ts";

/** A row, and the lines that it is in; without cells where they cannot be told apart, and why. */
export type CsvRecord = {
  readonly cells: readonly string[] | null;
  readonly lines: readonly CsvLine[];
  readonly why: string | null;
};

const NOT_UTF8 = "the row is not UTF-8; if it is Latin-1 or Windows-1252, say so: encoding=latin1";
const LATIN1 = new TextDecoder("windows-1252");

export class RowReader {
  readonly #normalizer: Normalizer;
  readonly #csv: CsvOptions;
  readonly #maxLineBytes: number;
  #names: readonly string[] = [];
  #problem: string | null = null;
  #templates: CsvTemplates | null = null;
  #context: RecordContext = NO_CONTEXT;

  constructor(normalizer: Normalizer, csv: CsvOptions) {
    this.#normalizer = normalizer;
    this.#csv = csv;
    this.#maxLineBytes = normalizer.maxLineBytes;
  }

  /** The names of the columns from here on, and why no row can be read, or null. */
  begin(names: readonly string[], { delimiter }: CellReader, problem: string | null): void {
    this.#names = names;
    this.#problem = problem;
    this.#templates = problem === null ? new CsvTemplates(this.#normalizer, names, delimiter, this.#csv.quote) : null;
    this.#normalizer.names?.see(Object.fromEntries(names.map((name) => [name, null])));
  }

  /** The normalizer is that of other files as well. */
  useContext(): void {
    this.#normalizer.context = this.#context;
  }

  set context(context: RecordContext) {
    this.#context = context;
    this.useContext();
    this.#templates?.forget();
  }

  /** The map, or a profile, reads a field of this name. */
  isKnown(name: string): boolean {
    const { fields, drop } = this.#normalizer.mapping;
    const field = this.#normalizer.planOfRow({})?.fields.get(name);
    return fields.has(name) || drop.has(name) || (field !== undefined && field.kind !== "drop");
  }

  /** Null where the bytes are no text of the encoding. */
  textOf(bytes: Buffer): string | null {
    if (this.#csv.encoding === "latin1") return LATIN1.decode(bytes);
    return isUtf8(bytes) ? bytes.toString("utf8") : null;
  }

  countPaddings(block: ReadingBlock, count: number): void {
    if (count === 0) return;
    const detail = "there are NULs around a line, as a loss of power leaves them in a file";
    block.addFlaw({ reason: "nul_padding", field: null, detail, count });
  }

  /** Whether the line is a row that is read as `read` would read it. */
  readFast(block: ReadingBlock, line: Line): boolean {
    return line.paddings === 0 && !line.tooLong && this.#templates?.read(block, line) === true;
  }

  read(block: ReadingBlock, record: CsvRecord, nowMs: number): void {
    const { cells, lines, why } = record;
    const names = this.#names;
    const isTooLong = cells?.slice(names.length).some((cell) => cell !== "") === true;
    if (cells === null || isTooLong) {
      const tooMany = `the row has ${cells?.length} cells, and the header ${names.length} columns`;
      this.#malformed(block, { reason: "not_csv", detail: why ?? tooMany }, lines, nowMs);
      return;
    }
    // Without a prototype, a column may have any name.
    const row: Record<string, string> = Object.create(null);
    for (let i = 0; i < names.length && i < cells.length; i++) {
      const [name, cell] = [names[i], cells[i]];
      if (name !== undefined && cell !== undefined && cell !== "") row[name] = cell;
    }
    const received = (): Received => this.#received(lines);
    const original = { received, textOf: (name: string) => JSON.stringify(row[name] ?? null) };
    const isWhole = this.#normalizer.addRecord(block, row, nowMs, original);
    const [line] = lines;
    if (isWhole && lines.length === 1 && line !== undefined) this.#templates?.learn(block, row, line.bytes);
  }

  /** No row can be read, or this line is no text. */
  refuse(block: ReadingBlock, lines: readonly CsvLine[], nowMs: number): true {
    const [line] = lines;
    const bytes = line?.bytes ?? Buffer.alloc(0);
    const isText = this.textOf(bytes) !== null;
    const detail = isText ? (this.#problem ?? "") : NOT_UTF8;
    this.#malformed(block, { reason: isText ? "not_csv" : "invalid_utf8", detail }, lines, nowMs);
    return true;
  }

  tooLong(block: ReadingBlock, line: CsvLine, nowMs: number): true {
    const detail = `the line has ${line.length} bytes, at most ${this.#maxLineBytes} are read`;
    this.#malformed(block, { reason: "line_too_long", detail }, [line], nowMs);
    return true;
  }

  #malformed(
    block: ReadingBlock,
    problem: { readonly reason: MalformedReason; readonly detail: string },
    lines: readonly CsvLine[],
    nowMs: number,
  ): void {
    block.addMalformed(nowMs, { ...problem, ...this.#received(lines) });
  }

  #received(lines: readonly CsvLine[]): Received {
    const [first] = lines;
    const bytes = joined(lines);
    const length = lines.length === 1 && first !== undefined ? first.length : bytes.length;
    return receivedOf({ bytes, from: 0, to: bytes.length, length }, this.#maxLineBytes);
  }
}
