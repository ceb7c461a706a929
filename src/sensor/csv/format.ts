/**
 * `format=csv` and `format=tsv`. A record is a row: a line, or several where a cell in quotes has newlines. Blank lines, comments and
 * the header, wherever it occurs again, are no records. A cell without text is no value.
 */
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { FormatStart, RecordFormat } from "../format.ts";
import type { Line } from "../lines/line.ts";
import type { Normalizer } from "../row/normalize.ts";
import { CellReader } from "./cells.ts";
import {
  asMapped,
  columnNames,
  factsOf,
  findHead,
  HEAD_LIMITS,
  type Head,
  type HeadOptions,
  looksLikeRow,
} from "./head.ts";
import { type CsvLine, CsvLines } from "./lines.ts";
import type { CsvOptions } from "./options.ts";
import { type CsvRecord, RowReader } from "./rows.ts";
import { FACT_PLACES, type HeadState, headAt, type Place } from "./state.ts";
import { type Utf16, utf16Of } from "./utf16.ts";

/** A row with a cell in quotes has at most so many lines: behind a quote that nothing closes, the next lines are rows again. */
const RECORD_LINES = 100;
const NOTHING = Buffer.alloc(0);

export class CsvFormat implements RecordFormat {
  readonly #lines: CsvLines;
  readonly #rows: RowReader;
  readonly #csv: CsvOptions;
  readonly #options: HeadOptions;
  readonly #maxLineBytes: number;
  /** Of a stream from its start: the first byte, until there is a second one. */
  #firstByte: Buffer = NOTHING;
  #isBegun = false;
  #encoding: Utf16 | null = null;
  #cells: CellReader | null = null;
  #head: HeadState | null = null;
  /** The first byte of a comment; -1 where the file has none. */
  #commentCode = -1;
  #header: readonly string[] = [];
  #facts: RecordContext = NO_CONTEXT;
  #context: RecordContext = NO_CONTEXT;
  #state: string | null = null;

  constructor(normalizer: Normalizer, csv: CsvOptions, start: FormatStart | null = null) {
    this.#lines = new CsvLines(normalizer.maxLineBytes, start?.position ?? 0);
    this.#rows = new RowReader(normalizer, csv);
    this.#csv = csv;
    this.#maxLineBytes = normalizer.maxLineBytes;
    this.#options = { csv, isKnown: (name) => this.#rows.isKnown(name) };
    this.#isBegun = (start?.position ?? 0) > 0;
    const known = start === null ? null : headAt(start);
    if (known === null) return;
    const { state, header, facts } = known;
    this.#encoding = state.encoding;
    if (state.encoding !== null) this.#lines.decodeAs(state.encoding);
    const cells = new CellReader(state.delimiter, csv.quote);
    const texts = header.map((line) => this.#rows.textOf(line.bytes) ?? "");
    const first = texts[0]?.startsWith(state.comment ?? "\n")
      ? texts[0].slice(state.comment?.length).trimStart()
      : texts[0];
    const found = cells.read([first ?? "", ...texts.slice(1)].join("\n"));
    this.#begin(state, found.kind === "cells" ? found.cells : []);
    this.#addFacts(facts);
  }

  push(chunk: Uint8Array): void {
    if (this.#isBegun) this.#lines.push(chunk);
    else if (chunk.length > 0) this.#pushFirst(Buffer.concat([this.#firstByte, chunk]));
  }

  /** Two bytes say whether it is UTF-16. */
  #pushFirst(chunk: Buffer): void {
    if (chunk.length < 2) {
      this.#firstByte = chunk;
      return;
    }
    this.#firstByte = NOTHING;
    this.#isBegun = true;
    this.#encoding = utf16Of(chunk);
    if (this.#encoding !== null) this.#lines.decodeAs(this.#encoding);
    this.#lines.push(chunk);
  }

  end(): void {
    if (this.#firstByte.length > 0) this.#lines.push(this.#firstByte);
    this.#firstByte = NOTHING;
    this.#isBegun = true;
    this.#lines.end();
  }

  get waitingBytes(): number {
    return this.#lines.waitingBytes + this.#firstByte.length;
  }

  get done(): boolean {
    return this.#lines.done;
  }

  get position(): number {
    return this.#lines.position;
  }

  get state(): string | null {
    if (this.#head === null) return null;
    this.#state ??= JSON.stringify(this.#head);
    return this.#state;
  }

  get context(): RecordContext {
    return this.#context;
  }

  set context(context: RecordContext) {
    this.#context = context;
    this.#share();
  }

  read(block: ReadingBlock, nowMs: number): void {
    this.#rows.useContext();
    while (!block.full) {
      if (this.#head === null && !this.#readHead()) return;
      const inPlace = this.#lines.nextInPlace();
      if (inPlace !== null && !this.#isComment(inPlace) && this.#rows.readFast(block, inPlace)) continue;
      const line = inPlace === null ? this.#lines.next() : this.#lines.keep();
      if (line === null) return;
      this.#rows.countPaddings(block, this.#lines.takePaddings());
      if (!this.#readSlowly(block, line, nowMs)) return;
    }
  }

  /** Whether the head is known now: if not, more lines are needed. */
  #readHead(): boolean {
    const lines: CsvLine[] = [];
    const texts: string[] = [];
    let found: Head | null = null;
    let bytes = 0;
    // A head is short as a rule, and what is given back is read again: so it is looked for after each of the first lines.
    for (let due = 1; found === null; ) {
      const line = this.#lines.next();
      if (line !== null) {
        lines.push(line);
        bytes += line.bytes.length;
        texts.push(this.#rows.textOf(line.bytes) ?? line.bytes.toString("latin1"));
        if (lines.length < due && bytes < HEAD_LIMITS.bytes) continue;
        due = lines.length < 16 ? due + 1 : due * 2;
      }
      const isFull = lines.length >= HEAD_LIMITS.lines || bytes >= HEAD_LIMITS.bytes;
      const end = line === null && this.#lines.ended ? "ended" : isFull ? "full" : "open";
      found = findHead(texts, end, this.#options);
      if (line === null) break;
    }
    this.#lines.giveBack(found === null ? lines : lines.slice(found.lines));
    if (found === null) return false;
    this.#begin(stateOf(found, lines, this.#encoding), found.header);
    this.#facts = found.facts;
    this.#share();
    return true;
  }

  #isComment({ bytes, from }: Line): boolean {
    return this.#commentCode >= 0 && bytes[from] === this.#commentCode;
  }

  #begin(head: HeadState, header: readonly string[]): void {
    this.#head = head;
    this.#state = null;
    this.#header = header;
    this.#commentCode = Buffer.from(head.comment ?? "")[0] ?? -1;
    this.#cells = new CellReader(head.delimiter, this.#csv.quote);
    const found = columnNames(head.hasRowNames ? ["", ...header] : header);
    const names = this.#csv.header === "none" ? this.#csv.columns : asMapped(found, head.comment, this.#options);
    this.#rows.begin(names, this.#cells, head.problem);
  }

  #share(): void {
    const all = this.#facts === NO_CONTEXT ? this.#context : { ...this.#context, ...this.#facts };
    this.#rows.context = all;
  }

  /** Whether the record that begins with the line was read: if not, its end is not there yet. */
  #readSlowly(block: ReadingBlock, first: CsvLine, nowMs: number): boolean {
    if (first.tooLong) return this.#rows.tooLong(block, first, nowMs);
    const text = this.#rows.textOf(first.bytes);
    if (text?.trim() === "") return true;
    const { comment = null, problem = null } = this.#head ?? {};
    if (text !== null && comment !== null && text.startsWith(comment)) {
      this.#readComment(first, text.slice(comment.length).trimStart());
      return true;
    }
    if (text === null || problem !== null) return this.#rows.refuse(block, [first], nowMs);
    const record = this.#recordFrom(first, text);
    if (record === null) return false;
    const { lines } = record;
    if (record.cells !== null && this.#isHeader(record.cells))
      this.#adopt(record.cells, [first.from, lines.at(-1)?.to ?? first.to]);
    else this.#rows.read(block, record, nowMs);
    return true;
  }

  /** The whole record, or its first line alone where its quotes make no sense; null where its end is not there yet. */
  #recordFrom(first: CsvLine, firstText: string): CsvRecord | null {
    const lines = [first];
    let text = firstText;
    let length = first.length;
    for (;;) {
      const found = this.#cells?.read(text) ?? { kind: "open" };
      if (found.kind === "cells") return { cells: found.cells, lines, why: null };
      const next = found.kind === "open" && lines.length < RECORD_LINES ? this.#lines.next() : null;
      if (next === null && found.kind === "open" && lines.length < RECORD_LINES && !this.#lines.ended) {
        this.#lines.giveBack(lines);
        return null;
      }
      const nextText = next === null || next.tooLong ? null : this.#rows.textOf(next.bytes);
      length += next?.length ?? 0;
      if (next !== null && (nextText === null || length > this.#maxLineBytes)) this.#lines.giveBack([next]);
      else if (next !== null) {
        text += `${lines.at(-1)?.ending}${nextText}`;
        lines.push(next);
        continue;
      }
      this.#lines.giveBack(lines.slice(1));
      const why = found.kind === "bad" ? found.why : "a cell in quotes has no end";
      return { cells: null, lines: [first], why };
    }
  }

  /** The header again, or another one: a logger that was started again, or files one behind the other. */
  #isHeader(cells: readonly string[]): boolean {
    if (this.#header.length === 0) return false;
    const names = cells.filter((cell) => cell !== "");
    if (cells.every((cell, i) => cell === this.#header[i]) && names.length > 0) return true;
    if (names.length < 2 || looksLikeRow(cells, { csv: this.#csv, isKnown: () => false })) return false;
    const known = names.filter((name) => this.#header.includes(name) || this.#rows.isKnown(name));
    return known.length * 2 >= names.length;
  }

  #adopt(header: readonly string[], place: Place): void {
    const head = this.#head;
    const isSame = header.length === this.#header.length && header.every((cell, i) => cell === this.#header[i]);
    if (head !== null && !isSame) this.#begin({ ...head, header: place }, header);
  }

  /** A comment among the rows: the head of another file, behind the first one. */
  #readComment(line: CsvLine, text: string): void {
    const found = this.#cells?.read(text);
    if (found?.kind === "cells" && this.#isHeader(found.cells)) this.#adopt(found.cells, [line.from, line.to]);
    else this.#addFacts([line]);
  }

  #addFacts(lines: readonly CsvLine[]): void {
    const head = this.#head;
    const texts = lines.flatMap((line) => this.#rows.textOf(line.bytes) ?? []);
    const more = head === null ? {} : factsOf(texts, head.comment, head.delimiter);
    const isNew = Object.entries(more).some(([name, value]) => this.#facts[name as `@${string}`] !== value);
    if (head === null || !isNew) return;
    this.#facts = { ...this.#facts, ...more };
    this.#share();
    const places = lines
      .map(({ from, to }): Place => [from, to])
      .filter((place) => !head.facts.some(([from, to]) => from <= place[0] && place[1] <= to));
    if (places.length === 0) return;
    this.#head = { ...head, facts: fewest([...head.facts, ...places]) };
    this.#state = null;
  }
}

/** Places that touch each other are one. Of too many, that of the head and the newest count. */
function fewest(places: readonly Place[]): readonly Place[] {
  const all: Place[] = [];
  for (const place of places) {
    const last = all.at(-1);
    if (last !== undefined && last[1] === place[0]) all[all.length - 1] = [last[0], place[1]];
    else all.push(place);
  }
  return all.length <= FACT_PLACES ? all : [...all.slice(0, 1), ...all.slice(1 - FACT_PLACES)];
}

function stateOf(head: Head, lines: readonly CsvLine[], encoding: Utf16 | null): HeadState {
  const { delimiter, comment, headerAt, hasRowNames, problem } = head;
  const [first, last] = headerAt === null ? [undefined, undefined] : [lines[headerAt[0]], lines[headerAt[1]]];
  const end = lines[head.lines - 1]?.to ?? 0;
  return {
    delimiter,
    comment,
    encoding,
    header: first === undefined || last === undefined ? null : [first.from, last.to],
    hasRowNames,
    facts: Object.keys(head.facts).length > 0 ? [[lines[0]?.from ?? 0, end]] : [],
    problem,
  };
}
