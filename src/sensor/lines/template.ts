/**
 * The fast path of JSON lines. Between two lines of a sensor only the timestamp, the measures and what the sensor says of
 * itself change. So a line that was read the slow way leaves a template: its fixed bytes, and what stands in the gaps. A
 * line that has the same fixed bytes, and in each gap a value that is read exactly as JSON.parse would, is the same
 * object but for these values. Anything else is no match, and JSON.parse decides.
 */
import type { Field, Mapping } from "../row/fields.ts";
import { FAST_EXTRA_LENGTH, type Plan } from "../row/normalize.ts";
import type { TimestampReader } from "../row/timestamp.ts";
import { type LineScan, plainEnd } from "./scan.ts";

type GapKind = "time" | "timeNumber" | "measure" | "status" | "flag" | "type" | "skip" | "extra";
type Gap = {
  readonly kind: GapKind;
  /** In the line: of text, what stands between the quotes. */
  readonly from: number;
  readonly to: number;
  readonly nullable: boolean;
  readonly measure: number;
  readonly adjust: ((value: number) => number) | null;
  /** Of an unknown field: what stands before its value in the text of `extra`. */
  readonly before: string;
};

export class LineTemplate {
  readonly sensor: number;
  readonly plan: Plan;
  /** The unknown fields that did not change, behind the last one that may. */
  readonly #extraTail: string;
  /** The template that matched the line after this one the last time: sensors often take turns. */
  next: LineTemplate | null = null;
  readonly size: number;
  /** Which measures of the plan the line has. */
  readonly measured: readonly number[];
  readonly #fixed: Buffer;
  readonly #words: DataView;
  /** The fixed bytes before gap i are `[#starts[i], #starts[i + 1])`; behind the last gap comes one more. */
  readonly #starts: Int32Array;
  readonly #gaps: readonly Gap[];
  readonly #tells: { readonly status: boolean; readonly flag: boolean; readonly type: boolean };

  constructor(line: Buffer, gaps: readonly Gap[], sensor: number, plan: Plan, extraTail: string) {
    this.sensor = sensor;
    this.plan = plan;
    this.#extraTail = extraTail;
    this.#gaps = gaps;
    this.measured = gaps.filter(({ kind }) => kind === "measure").map(({ measure }) => measure);
    const parts = [
      ...gaps.map((gap, i) => line.subarray(gaps[i - 1]?.to ?? 0, gap.from)),
      line.subarray(gaps.at(-1)!.to),
    ];
    this.#fixed = Buffer.concat(parts);
    this.#words = new DataView(this.#fixed.buffer, this.#fixed.byteOffset, this.#fixed.byteLength);
    let start = 0;
    this.#starts = Int32Array.from([0, ...parts.map((part) => (start += part.length))]);
    this.size = this.#fixed.length;
    const tells = (kind: GapKind): boolean => gaps.some((gap) => gap.kind === kind);
    this.#tells = { status: tells("status"), flag: tells("flag"), type: tells("type") };
  }

  /** Whether the line is like this; then `scan` holds what stands in the gaps. */
  match(bytes: Buffer, view: DataView, from: number, to: number, scan: LineScan, timestamps: TimestampReader): boolean {
    if (!this.#tells.status) scan.statusCode = null;
    if (!this.#tells.flag) scan.anomalyFlag = null;
    if (!this.#tells.type) scan.anomalyType = null;
    scan.extra = "";
    const gaps = this.#gaps;
    const starts = this.#starts;
    const fixed = this.#fixed;
    const words = this.#words;
    let at = from;
    for (let part = 0; ; part++) {
      let i = starts[part]!;
      const end = starts[part + 1]!;
      if (at + end - i > to) return false;
      for (; i + 4 <= end; i += 4, at += 4) if (view.getInt32(at) !== words.getInt32(i)) return false;
      for (; i < end; i++, at++) if (bytes[at] !== fixed[i]) return false;
      if (part === gaps.length) break;
      at = readGap(gaps[part]!, bytes, at, to, scan, timestamps);
      if (at < 0) return false;
    }
    if (at !== to) return false;
    if (this.#extraTail !== "") scan.extra += this.#extraTail;
    // So long that only the slow path may say whether it is too long.
    return scan.extra.length <= FAST_EXTRA_LENGTH;
  }
}

/** Where the gap's value ends, or -1. */
function readGap(gap: Gap, bytes: Buffer, at: number, to: number, scan: LineScan, timestamps: TimestampReader): number {
  switch (gap.kind) {
    case "measure": {
      const end = gap.nullable ? scan.numberOrNull(bytes, at) : scan.number(bytes, at);
      const value = gap.adjust === null ? scan.value : gap.adjust(scan.value);
      // An infinite number has a reason to be told.
      if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return -1;
      scan.measures[gap.measure] = value;
      return end;
    }
    case "time": {
      let end = at;
      while (end < to && bytes[end] !== 34) end++;
      scan.time = timestamps.fromBytes(bytes, at, end);
      return Number.isNaN(scan.time) ? -1 : end;
    }
    case "timeNumber": {
      const end = scan.number(bytes, at);
      scan.time = timestamps.fromNumber(scan.value);
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
      return end - at > 258 ? -1 : end;
    }
    case "skip":
      return scan.skipped(bytes, at);
    case "extra": {
      const end = scan.skipped(bytes, at);
      if (end < 0) return -1;
      if (bytes[at] === 34) scan.extra += gap.before + bytes.toString("latin1", at, end);
      else if (Math.abs(scan.value) === Number.POSITIVE_INFINITY) return -1;
      // Not a number here is null, and so JSON.stringify writes it.
      else scan.extra += gap.before + JSON.stringify(scan.value);
      return end;
    }
  }
}

/**
 * The template of a line that JSON.parse has read as a good reading; null where the line is no model for others: a key
 * twice or with escapes, values that would need more than the scan can do. `line` is kept: it must be a copy.
 */
export function templateOf(
  line: Buffer,
  sensor: number,
  plan: Plan,
  mapping: Mapping,
  timestamps: TimestampReader,
): LineTemplate | null {
  const seen = new Set<string>();
  const gaps: Gap[] = [];
  let before = "";
  let at = behindBlanks(line, behindBlanks(line, 0) + 1);
  while (line[at] === 34) {
    const keyEnd = textEnd(line, at);
    const key = line.toString("utf8", at + 1, keyEnd - 1);
    // A key that is a whole number would change its place in the object.
    if (key.includes("\\") || seen.has(key) || /^\d+$/.test(key)) return null;
    seen.add(key);
    const from = behindBlanks(line, behindBlanks(line, keyEnd) + 1);
    const to = valueEnd(line, from);
    const field = plan.fields.get(key);
    if (field === undefined) {
      before += `,${JSON.stringify(key)}:`;
      if (varies(line, from, to)) {
        gaps.push({ kind: "extra", from, to, nullable: true, measure: -1, adjust: null, before });
        before = "";
      } else before += JSON.stringify(JSON.parse(line.toString("utf8", from, to)));
    } else if (field.kind !== "identity" && (field.kind !== "drop" || varies(line, from, to))) {
      const gap = gapOf(field, line, from, to, mapping, timestamps);
      if (gap === null) return null;
      gaps.push(gap);
    }
    at = behindBlanks(line, to);
    if (line[at] === 44) at = behindBlanks(line, at + 1);
  }
  return gaps.length === 0 ? null : new LineTemplate(line, gaps, sensor, plan, before);
}

function gapOf(
  field: Exclude<Field, { kind: "identity" }>,
  line: Buffer,
  from: number,
  to: number,
  mapping: Mapping,
  timestamps: TimestampReader,
): Gap | null {
  const quoted = line[from] === 34;
  const whole = { from, to, nullable: true, measure: -1, adjust: null, before: "" };
  const inner = { ...whole, from: from + 1, to: to - 1, nullable: false };
  const textual = quoted && (!mapping.textNumbers || !NUMBER.test(line.toString("latin1", from + 1, to - 1)));
  if (!varies(line, from, to) && field.kind !== "flag") return null;
  switch (field.kind) {
    case "measure":
      return textual
        ? null
        : { ...(quoted ? inner : whole), kind: "measure", measure: field.index, adjust: field.adjust };
    case "timestamp":
      if (!timestamps.numeric) return quoted ? { ...inner, kind: "time" } : null;
      return textual ? null : { ...(quoted ? inner : whole), kind: "timeNumber" };
    // What a mapping calls absent is too rare here to be fast.
    case "status":
      return quoted || mapping.absent.size > 0 ? null : { ...whole, kind: "status" };
    case "flag":
      return quoted ? null : { ...whole, kind: "flag" };
    case "type":
      return mapping.absent.size > 0 ? null : { ...whole, kind: "type" };
    case "drop":
      return { ...whole, kind: "skip" };
  }
}

/** A number, null or plain text: what the scan can read where it is not the same in every line. */
function varies(line: Buffer, from: number, to: number): boolean {
  const code = line[from]!;
  if (code === 34) return plainEnd(line, from) === to;
  return code !== 123 && code !== 91 && code !== 116 && code !== 102;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function behindBlanks(line: Buffer, from: number): number {
  let at = from;
  while (line[at] === 32 || line[at] === 9 || line[at] === 13) at++;
  return at;
}

/** Behind the closing quote. */
function textEnd(line: Buffer, from: number): number {
  let at = from + 1;
  while (at < line.length && line[at] !== 34) at += line[at] === 92 ? 2 : 1;
  return at + 1;
}

function valueEnd(line: Buffer, from: number): number {
  if (line[from] === 34) return textEnd(line, from);
  let depth = 0;
  let at = from;
  for (; at < line.length; at++) {
    const code = line[at]!;
    if (code === 34) at = textEnd(line, at) - 1;
    else if (code === 123 || code === 91) depth++;
    else if (code === 125 || code === 93) {
      if (depth === 0) return at;
      depth--;
    } else if (depth === 0 && (code === 44 || code === 32 || code === 9 || code === 13)) return at;
  }
  return at;
}
