/**
 * The fast path of JSON lines. Between two lines of a sensor only the timestamp, the measures and the sensor's own verdict
 * change. So a line that was read the slow way leaves a template (learn-template.ts): its fixed bytes, and the kind of value in each
 * gap between them. A line that has the same fixed bytes, and in each gap a value that is read exactly as JSON.parse would,
 * is the same object but for these values. Any other line does not match, and JSON.parse decides.
 */
import { QUOTE } from "../../core/ascii.ts";
import { FAST_EXTRA_LENGTH, type Plan } from "../row/normalize.ts";
import { FINER } from "../row/timestamp.ts";
import type { Line } from "./line.ts";
import type { LineScan } from "./scan.ts";

export type GapKind =
  | "time"
  | "timeNumber"
  | "measure"
  | "measureText"
  | "status"
  | "flag"
  | "type"
  | "skip"
  | "extra"
  | "guarded";
export type Gap = {
  readonly kind: GapKind;
  /** The place in the line; for text, without the quotes. */
  readonly from: number;
  readonly to: number;
  readonly nullable: boolean;
  readonly measure: number;
  readonly adjust: ((value: number) => number) | null;
  /** For an unknown field: what precedes its value in the text of `extra`. */
  readonly before: string;
  /** Of the kind `guarded`: how its value is read, and whether the value that was read may be an absent one. */
  readonly guarded: { readonly gap: Gap; readonly isAbsent: (scan: LineScan) => boolean } | null;
};

/** Longer text, in its quotes, is too long for an anomaly_type; only the slow path can report that. */
const TYPE_BYTES = 258;

export class LineTemplate {
  readonly sensor: number;
  readonly plan: Plan;
  /** The unknown fields that did not change, after the last one that may. */
  readonly #extraTail: string;
  /** What precedes the timestamp as it was received, behind all other unknown fields. */
  readonly #receivedTime: string;
  /** The template that matched the line after this one the last time: sensors often take turns. */
  next: LineTemplate | null = null;
  readonly size: number;
  /** Which measures of the plan the line has. */
  readonly measured: readonly number[];
  readonly #fixed: Buffer;
  readonly #words: DataView;
  /** The fixed bytes before gap i are `[#starts[i], #starts[i + 1])`; one more part follows the last gap. */
  readonly #starts: Int32Array;
  readonly #gaps: readonly Gap[];
  readonly #has: { readonly status: boolean; readonly flag: boolean; readonly type: boolean };

  /** `gaps`: in the order of the line, at least one. */
  constructor(
    line: Buffer,
    gaps: readonly Gap[],
    reading: {
      readonly sensor: number;
      readonly plan: Plan;
      readonly extraTail: string;
      readonly receivedTime: string;
    },
  ) {
    this.sensor = reading.sensor;
    this.plan = reading.plan;
    this.#extraTail = reading.extraTail;
    this.#receivedTime = reading.receivedTime;
    this.#gaps = gaps;
    this.measured = gaps.map(({ measure }) => measure).filter((measure) => measure >= 0);
    const parts = [
      ...gaps.map((gap, i) => line.subarray(gaps[i - 1]?.to ?? 0, gap.from)),
      line.subarray(gaps.at(-1)?.to ?? 0),
    ];
    this.#fixed = Buffer.concat(parts);
    this.#words = new DataView(this.#fixed.buffer, this.#fixed.byteOffset, this.#fixed.byteLength);
    let start = 0;
    this.#starts = Int32Array.from([0, ...parts.map((part) => (start += part.length))]);
    this.size = this.#fixed.length;
    const has = (kind: GapKind): boolean => gaps.some((gap) => (gap.guarded?.gap ?? gap).kind === kind);
    this.#has = { status: has("status"), flag: has("flag"), type: has("type") };
  }

  /** Whether the line is like this one; then `scan` holds the values of the gaps. */
  match(line: Line, scan: LineScan): boolean {
    if (!this.#has.status) scan.statusCode = null;
    if (!this.#has.flag) scan.anomalyFlag = null;
    if (!this.#has.type) scan.anomalyType = null;
    scan.extra = "";
    const { bytes, view, to } = line;
    const gaps = this.#gaps;
    const starts = this.#starts;
    const fixed = this.#fixed;
    const words = this.#words;
    let at = line.from;
    scan.to = to;
    for (let part = 0; ; part++) {
      let i = starts[part]!;
      const end = starts[part + 1]!;
      if (at + end - i > to) return false;
      for (; i + 4 <= end; i += 4, at += 4) if (view.getInt32(at) !== words.getInt32(i)) return false;
      for (; i < end; i++, at++) if (bytes[at] !== fixed[i]) return false;
      if (part === gaps.length) break;
      at = readGap(gaps[part]!, bytes, at, scan);
      if (at < 0) return false;
    }
    if (at !== to) return false;
    if (this.#extraTail !== "") scan.extra += this.#extraTail;
    if (scan.timestamps.note & FINER) {
      const quotes = bytes[scan.timeFrom - 1] === QUOTE ? 1 : 0;
      scan.extra += this.#receivedTime + bytes.toString("latin1", scan.timeFrom - quotes, scan.timeTo + quotes);
    }
    // Only the slow path can decide whether longer text is too long.
    return scan.extra.length <= FAST_EXTRA_LENGTH;
  }
}

/** Where the gap's value ends, or -1. */
function readGap(gap: Gap, bytes: Buffer, at: number, scan: LineScan): number {
  switch (gap.kind) {
    case "measure": {
      const end = gap.nullable ? scan.numberOrNull(bytes, at) : scan.number(bytes, at);
      const value = gap.adjust === null ? scan.value : gap.adjust(scan.value);
      // The slow path reports an infinite number.
      if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return -1;
      scan.measures[gap.measure] = value;
      return end;
    }
    case "measureText": {
      const end = scan.numberInText(bytes, at);
      const value = gap.adjust === null ? scan.value : gap.adjust(scan.value);
      if (Math.abs(value) === Number.POSITIVE_INFINITY) return -1;
      scan.measures[gap.measure] = value;
      return end;
    }
    case "time": {
      let end = at;
      const { to } = scan;
      while (end < to && bytes[end] !== QUOTE) end++;
      scan.time = scan.timestamps.fromBytes(bytes, at, end);
      scan.timeFrom = at;
      scan.timeTo = end;
      return Number.isNaN(scan.time) ? -1 : end;
    }
    case "timeNumber": {
      const end = scan.number(bytes, at);
      const { value, timestamps } = scan;
      scan.time =
        Math.abs(value) <= Number.MAX_SAFE_INTEGER
          ? timestamps.fromNumber(value)
          : timestamps.fromExact(value, bytes.toString("latin1", at, end));
      scan.timeFrom = at;
      scan.timeTo = end;
      return Number.isNaN(scan.time) ? -1 : end;
    }
    case "status": {
      const end = scan.numberOrNull(bytes, at);
      if (Number.isNaN(scan.value)) scan.statusCode = null;
      else if (Number.isSafeInteger(scan.value)) scan.statusCode = scan.value + 0;
      else return -1;
      return end;
    }
    case "flag":
      return scan.flag(bytes, at);
    case "type": {
      const end = scan.type(bytes, at);
      return end - at > TYPE_BYTES ? -1 : end;
    }
    case "skip":
      return scan.skipped(bytes, at);
    case "extra": {
      const end = scan.skipped(bytes, at);
      if (end < 0) return -1;
      // To the letter, as the slow path keeps it.
      scan.extra += gap.before + bytes.toString("latin1", at, end);
      return end;
    }
    case "guarded": {
      const { gap: inner, isAbsent } = gap.guarded!;
      const end = readGap(inner, bytes, at, scan);
      return end >= 0 && isAbsent(scan) ? -1 : end;
    }
  }
}
