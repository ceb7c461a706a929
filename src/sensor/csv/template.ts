/**
 * The fast path of CSV. Between two rows of a sensor only the time, the measures, the sensor's own verdict and unknown cells change. So
 * a row that was read the slow way leaves a template (learn.ts): its fixed bytes, and the kind of cell in each gap between them.
 * A line that has the same fixed bytes, and in each gap a cell that is read exactly as the slow path would, is the same reading but
 * for these. Any other line does not match, and the slow path decides.
 */
import { BACKSLASH, type COMMA, DIGIT_0, DIGIT_1, type DOT, QUOTE, SPACE, TILDE } from "../../core/ascii.ts";
import { LIMITS } from "../../core/sensor.ts";
import type { Line } from "../lines/line.ts";
import { LineScan } from "../lines/scan.ts";
import type { AbsentValues } from "../row/absent.ts";
import type { Plan } from "../row/normalize.ts";
import type { TimestampReader } from "../row/timestamp.ts";

/** `timePart`: one of several cells that are the time together. `skip`: cells that are left out, one or several next to each other. */
export type CsvGapKind = "time" | "timePart" | "timeNumber" | "measure" | "status" | "flag" | "type" | "skip" | "extra";

/** How the cells of a column are read. */
export type CsvColumn = {
  readonly kind: CsvGapKind;
  /** The slot of a measure in a block; else -1. */
  readonly slot: number;
  readonly adjust: ((value: number) => number) | null;
  readonly absent: AbsentValues;
  /** The decimal mark of its numbers. */
  readonly mark: typeof DOT | typeof COMMA;
  /** Of an unknown field: its name and a colon, as JSON text. */
  readonly key: string;
  /** Which part of the time it is; else -1. */
  readonly part: number;
};

export type CsvGap = {
  readonly column: CsvColumn;
  /** Its place in the line; of a cell in quotes, without them. */
  readonly from: number;
  readonly to: number;
  /** What ends it: the delimiter, or the quote that it is within. */
  readonly stop: number;
  /** How many cells it is: more than one only of the kind `skip`. */
  readonly cells: number;
};

/** The values of the line that a template has matched last, by gap. */
export class CsvScan {
  readonly lines: LineScan;
  readonly timestamps: TimestampReader;
  /** Times that are those of texts which mean "no value". */
  readonly absentTimes: ReadonlySet<number>;
  /** What cells may be within, as a code; -1: nothing. */
  readonly quote: number;
  values = new Float64Array(64);
  from = new Int32Array(64);
  to = new Int32Array(64);
  note = 0;

  constructor(timestamps: TimestampReader, absentTimes: ReadonlySet<number>, quote: number) {
    this.lines = new LineScan(timestamps);
    this.timestamps = timestamps;
    this.absentTimes = absentTimes;
    this.quote = quote;
  }

  reserve(gaps: number): void {
    if (gaps <= this.values.length) return;
    this.values = new Float64Array(gaps * 2);
    this.from = new Int32Array(gaps * 2);
    this.to = new Int32Array(gaps * 2);
  }
}

const WORD = 8;

export class CsvTemplate {
  readonly sensor: number;
  readonly plan: Plan;
  readonly gaps: readonly CsvGap[];
  /** The gaps of the time, in the order in which their texts are put together. */
  readonly times: readonly number[];
  /** The gaps of each kind of value; -1 where no row has one. */
  readonly status: number;
  readonly flag: number;
  readonly type: number;
  readonly measures: Int32Array;
  readonly extras: Int32Array;
  readonly size: number;
  /** The template that matched the line after this one the last time: sensors often take turns. */
  next: CsvTemplate | null = null;
  readonly #fixed: Buffer;
  readonly #words: DataView;
  /** The fixed bytes before gap i are `[#starts[i], #starts[i + 1])`; one more part follows the last gap. */
  readonly #starts: Int32Array;

  /** `gaps`: in the order of the line, at least one of them a time. */
  constructor(
    line: Buffer,
    gaps: readonly CsvGap[],
    { sensor, plan }: { readonly sensor: number; readonly plan: Plan },
  ) {
    this.sensor = sensor;
    this.plan = plan;
    this.gaps = gaps;
    const all = (...kinds: CsvGapKind[]) => gaps.flatMap(({ column }, i) => (kinds.includes(column.kind) ? [i] : []));
    const partOf = (gap: number): number => gaps[gap]?.column.part ?? -1;
    this.times = all("time", "timeNumber", "timePart").sort((a, b) => partOf(a) - partOf(b));
    this.status = all("status")[0] ?? -1;
    this.flag = all("flag")[0] ?? -1;
    this.type = all("type")[0] ?? -1;
    this.measures = Int32Array.from(all("measure"));
    this.extras = Int32Array.from(all("extra"));
    const parts = [
      ...gaps.map((gap, i) => line.subarray(gaps[i - 1]?.to ?? 0, gap.from)),
      line.subarray(gaps.at(-1)?.to ?? 0),
    ];
    this.#fixed = Buffer.concat(parts);
    this.#words = new DataView(this.#fixed.buffer, this.#fixed.byteOffset, this.#fixed.byteLength);
    let start = 0;
    this.#starts = Int32Array.from([0, ...parts.map((part) => (start += part.length))]);
    this.size = this.#fixed.length + gaps.length * WORD;
  }

  /** Whether the line is like this one; then `scan` has the values of the gaps. */
  match(line: Line, scan: CsvScan): boolean {
    const { bytes, view, to } = line;
    const { gaps } = this;
    const starts = this.#starts;
    const fixed = this.#fixed;
    const words = this.#words;
    let at = line.from;
    for (let part = 0; ; part++) {
      let i = starts[part]!;
      const end = starts[part + 1]!;
      if (at + end - i > to) return false;
      // As a double, eight bytes are equal only to themselves: no row has a NUL, so none of them is 0 or -0.
      for (; i + WORD <= end; i += WORD, at += WORD) {
        if (view.getFloat64(at, true) !== words.getFloat64(i, true)) return false;
      }
      for (; i < end; i++, at++) if (bytes[at] !== fixed[i]) return false;
      if (part === gaps.length) return at === to;
      scan.from[part] = at;
      at = readGap(gaps[part]!, line, scan, part);
      if (at < 0) return false;
      scan.to[part] = at;
    }
  }
}

/** Where the cell ends, or -1. */
function readGap(gap: CsvGap, line: Line, scan: CsvScan, index: number): number {
  const { column, stop } = gap;
  const { bytes } = line;
  const at = scan.from[index]!;
  switch (column.kind) {
    case "measure":
      return readNumber(gap, line, scan, index);
    case "time": {
      const end = textEnd(line, at, stop, scan.quote);
      if (end < 0) return -1;
      const time = scan.timestamps.fromBytes(bytes, at, end);
      scan.note = scan.timestamps.note;
      scan.values[index] = time;
      return Number.isNaN(time) || scan.absentTimes.has(time) ? -1 : end;
    }
    case "timeNumber": {
      const end = scan.lines.number(bytes, at, column.mark);
      const { value } = scan.lines;
      if (end < 0 || column.absent.has(value)) return -1;
      const time =
        Math.abs(value) <= Number.MAX_SAFE_INTEGER
          ? scan.timestamps.fromNumber(value)
          : scan.timestamps.fromExact(value, `"${bytes.toString("latin1", at, end)}"`);
      scan.note = scan.timestamps.note;
      scan.values[index] = time;
      return Number.isNaN(time) ? -1 : end;
    }
    case "timePart": {
      const end = textEnd(line, at, stop, scan.quote);
      if (end <= at) return -1;
      return column.absent.size > 0 && column.absent.has(bytes.toString("latin1", at, end)) ? -1 : end;
    }
    case "status": {
      const end = readNumber(gap, line, scan, index);
      const value = scan.values[index]!;
      return Number.isNaN(value) || Number.isSafeInteger(value) ? end : -1;
    }
    case "flag": {
      const code = at < line.to ? bytes[at] : stop;
      scan.values[index] = code === DIGIT_0 ? 0 : code === DIGIT_1 ? 1 : Number.NaN;
      if (code === DIGIT_0 || code === DIGIT_1) return at + 1;
      return code === stop ? at : -1;
    }
    case "type": {
      const end = textEnd(line, at, stop, scan.quote);
      if (end - at > LIMITS.textLength) return -1;
      return column.absent.size > 0 && end > at && column.absent.has(bytes.toString("latin1", at, end)) ? -1 : end;
    }
    case "skip":
      return skipEnd(gap, line, at, scan.quote);
    case "extra":
      return textEnd(line, at, stop, scan.quote);
  }
}

/** A number, or nothing, or text in plain ASCII that means no value: both are NaN. */
function readNumber({ column, stop }: CsvGap, line: Line, scan: CsvScan, index: number): number {
  const { bytes, to } = line;
  const at = scan.from[index]!;
  scan.values[index] = Number.NaN;
  if (at === to || bytes[at] === stop) return at;
  const end = scan.lines.number(bytes, at, column.mark);
  // Behind the line there may be digits of an earlier one.
  if (end >= 0 && end <= to && (end === to || bytes[end] === stop)) {
    const { value } = scan.lines;
    const adjusted = column.adjust === null ? value : column.adjust(value);
    // The slow path reports an infinite number.
    if (Math.abs(adjusted) === Number.POSITIVE_INFINITY) return -1;
    scan.values[index] = adjusted;
    return end;
  }
  const close = column.absent.size === 0 ? -1 : textEnd(line, at, stop, scan.quote);
  return close >= 0 && column.absent.has(bytes.toString("latin1", at, close)) ? close : -1;
}

/** The end of a cell of printable ASCII that JSON writes as it is, without blanks around it; else -1. */
function textEnd(line: Line, from: number, stop: number, quote: number): number {
  const { bytes, to } = line;
  let at = from;
  for (; at < to; at++) {
    const code = bytes[at]!;
    if (code === stop) break;
    if (code < SPACE || code > TILDE || code === QUOTE || code === BACKSLASH || code === quote) return -1;
  }
  return at > from && (bytes[from] === SPACE || bytes[at - 1] === SPACE) ? -1 : at;
}

/** The end of so many cells of printable ASCII without quotes; else -1. */
function skipEnd({ stop, cells }: CsvGap, line: Line, from: number, quote: number): number {
  const { bytes, to } = line;
  let left = cells;
  let at = from;
  for (; at < to; at++) {
    const code = bytes[at]!;
    if (code === stop) {
      if (--left === 0) return at;
    } else if (code < SPACE || code > TILDE || code === quote) return -1;
  }
  return left === 1 ? at : -1;
}
