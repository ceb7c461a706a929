/**
 * The fast path of JSON lines. Between two lines of a sensor only the timestamp, the measures, the sensor's own verdict and some
 * unknown values change. So a line that was read the slow way leaves a template (learn-template.ts): its fixed bytes, and the
 * kind of value in each gap between them, at any depth of the JSON. A line that has the same fixed bytes, and in each gap a
 * value that is read exactly as JSON.parse would, is the same reading, or the same several readings, but for these values. Any
 * other line does not match, and JSON.parse decides.
 */
import { QUOTE } from "../../core/ascii.ts";
import type { Line } from "./line.ts";
import { type LineScan, textAt } from "./scan.ts";

export type GapKind = "time" | "timeNumber" | "measure" | "measureText" | "status" | "flag" | "type" | "skip";
export type Gap = {
  readonly kind: GapKind;
  /** Its number in the template: what it holds is in the scan at this index. */
  readonly index: number;
  /** Its place in the line of the template; for text that is read, without the quotes. */
  readonly from: number;
  readonly to: number;
  readonly nullable: boolean;
  readonly adjust: ((value: number) => number) | null;
  /** Whether a number, time or text means "no value": only the slow path can decide what is missing then. Null: none does. */
  readonly isAbsent: ((value: number | string) => boolean) | null;
};

/** A position of the line: so many bytes after the end of a gap, by its index, or after the line's start where that is -1. */
export type Place = { readonly gap: number; readonly after: number };
/** A part of `extra`: text that every line has, or what a line has at a place of its own. */
export type ExtraPart = string | { readonly from: Place; readonly to: Place };

/** One reading of a template. Its fields are gaps by index; -1 where no line has the field. */
export type TemplateRow = {
  readonly sensor: number;
  /** Without it the reading has the time of its arrival. */
  readonly time: number;
  readonly status: number;
  readonly flag: number;
  readonly type: number;
  /** The gaps of its measures, and the slot of each in a block. */
  readonly measures: Int32Array;
  readonly slots: Int32Array;
  /** Measures that are the same in all lines. */
  readonly fixed: readonly (readonly [slot: number, value: number])[];
  readonly extra: readonly ExtraPart[];
  /** What precedes the timestamp as it was received, behind all other unknown fields. */
  readonly receivedTime: string;
};

/** Longer text, in its quotes, is too long for an anomaly_type; only the slow path can report that. */
const TYPE_BYTES = 258;
const WORD = 8;
/** What templates of more than one reading, and of many values, need beside their fixed bytes. */
const USUAL_GAPS = 32;
const GAP_BYTES = 100;
const ROW_BYTES = 400;

export class LineTemplate {
  readonly rows: readonly TemplateRow[];
  /** How many items of the record the map leaves out. */
  readonly filtered: number;
  readonly gaps: readonly Gap[];
  /** The template that matched the line after this one the last time: sensors often take turns. */
  next: LineTemplate | null = null;
  readonly size: number;
  /** The most bytes of a row's unknown fields that are not from the line. */
  readonly extraBytes: number;
  readonly #fixed: Buffer;
  readonly #words: DataView;
  /** The fixed bytes before gap i are `[#starts[i], #starts[i + 1])`; one more part follows the last gap. */
  readonly #starts: Int32Array;

  /** `gaps`: in the order of the line, at least one. */
  constructor(line: Buffer, gaps: readonly Gap[], made: Pick<LineTemplate, "rows" | "filtered">) {
    const { rows } = made;
    this.gaps = gaps;
    this.rows = rows;
    this.filtered = made.filtered;
    const parts = [
      ...gaps.map((gap, i) => line.subarray(gaps[i - 1]?.to ?? 0, gap.from)),
      line.subarray(gaps.at(-1)?.to ?? 0),
    ];
    this.#fixed = Buffer.concat(parts);
    this.#words = new DataView(this.#fixed.buffer, this.#fixed.byteOffset, this.#fixed.byteLength);
    let start = 0;
    this.#starts = Int32Array.from([0, ...parts.map((part) => (start += part.length))]);
    this.size = this.#fixed.length + Math.max(0, gaps.length - USUAL_GAPS) * GAP_BYTES + (rows.length - 1) * ROW_BYTES;
    this.extraBytes = Math.max(0, ...rows.map(({ extra, receivedTime }) => textBytes([receivedTime, ...extra])));
  }

  /** Of a line that has matched, where the value of a gap begins: for text that is read, after its quote. */
  startOf(gap: number, line: Line, { ends }: LineScan): number {
    return (gap === 0 ? line.from : ends[gap - 1]!) + this.#starts[gap + 1]! - this.#starts[gap]!;
  }

  /** Whether the line is like this one; then `scan` has the values of the gaps, and where they end. */
  match(line: Line, scan: LineScan): boolean {
    const { bytes, view, to } = line;
    const { gaps } = this;
    const { ends } = scan;
    const starts = this.#starts;
    const fixed = this.#fixed;
    const words = this.#words;
    let at = line.from;
    scan.to = to;
    for (let part = 0; ; part++) {
      let i = starts[part]!;
      const end = starts[part + 1]!;
      if (at + end - i > to) return false;
      // As a double, eight bytes are equal only to themselves: JSON has no NUL, so none of them is 0 or -0.
      for (; i + WORD <= end; i += WORD, at += WORD) {
        if (view.getFloat64(at, true) !== words.getFloat64(i, true)) return false;
      }
      for (; i < end; i++, at++) if (bytes[at] !== fixed[i]) return false;
      if (part === gaps.length) return at === to;
      at = readGap(gaps[part]!, bytes, at, scan);
      if (at < 0) return false;
      ends[part] = at;
    }
  }
}

function textBytes(parts: readonly ExtraPart[]): number {
  return parts.reduce((sum, part) => sum + (typeof part === "string" ? Buffer.byteLength(part) : 0), 1);
}

/** Where the gap's value ends, or -1. */
function readGap(gap: Gap, bytes: Buffer, at: number, scan: LineScan): number {
  const { index } = gap;
  switch (gap.kind) {
    case "measure": {
      const end = gap.nullable ? scan.numberOrNull(bytes, at) : scan.number(bytes, at);
      const value = gap.adjust === null ? scan.value : gap.adjust(scan.value);
      // The slow path reports an infinite number.
      if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return -1;
      scan.values[index] = value;
      return end;
    }
    case "measureText": {
      const end = scan.numberInText(bytes, at);
      const value = gap.adjust === null ? scan.value : gap.adjust(scan.value);
      if (Math.abs(value) === Number.POSITIVE_INFINITY) return -1;
      scan.values[index] = value;
      return end;
    }
    case "time": {
      let end = at;
      const { to, timestamps } = scan;
      while (end < to && bytes[end] !== QUOTE) end++;
      const time = timestamps.fromBytes(bytes, at, end);
      scan.values[index] = time;
      scan.notes[index] = timestamps.note;
      return Number.isNaN(time) || gap.isAbsent?.(time) === true ? -1 : end;
    }
    case "timeNumber": {
      const end = scan.number(bytes, at);
      const { value, timestamps } = scan;
      const time =
        Math.abs(value) <= Number.MAX_SAFE_INTEGER
          ? timestamps.fromNumber(value)
          : timestamps.fromExact(value, bytes.toString("latin1", at, end));
      scan.values[index] = time;
      scan.notes[index] = timestamps.note;
      return Number.isNaN(time) || gap.isAbsent?.(value) === true ? -1 : end;
    }
    case "status": {
      const end = gap.nullable ? scan.numberOrNull(bytes, at) : scan.number(bytes, at);
      const { value } = scan;
      if (gap.isAbsent?.(value) === true) return -1;
      if (!Number.isNaN(value) && !Number.isSafeInteger(value)) return -1;
      // -0 would read back as 0 from the buffer.
      scan.values[index] = value + 0;
      return end;
    }
    case "flag": {
      const end = scan.flag(bytes, at);
      if (Number.isNaN(scan.value) && !gap.nullable) return -1;
      scan.values[index] = scan.value;
      return end;
    }
    case "type": {
      const end = gap.nullable || bytes[at] === QUOTE ? scan.text(bytes, at) : -1;
      if (gap.isAbsent !== null && end >= 0 && gap.isAbsent(textAt(bytes, at, end) ?? "")) return -1;
      return end - at > TYPE_BYTES ? -1 : end;
    }
    case "skip":
      return scan.skipped(bytes, at, gap.nullable);
  }
}
