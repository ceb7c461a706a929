/**
 * One line of JSON to one row of a block: by a template where one matches (line-template.ts), else by JSON.parse and the
 * normalizer. Both ways give the same rows; only the second can say what is wrong with a line.
 */
import type { MalformedReason, ReadingBlock } from "../../core/reading.ts";
import { NO_SENSOR } from "../../core/sensor.ts";
import { notFinite, type Problem, shortened } from "../row/fields.ts";
import type { ForeignRow, Normalizer } from "../row/normalize.ts";
import { receivedOf } from "./received.ts";
import { LineScan } from "./scan.ts";
import type { LineSplitter } from "./splitter.ts";
import { type LineTemplate, templateOf } from "./template.ts";

/** Fixed bytes of all templates together; at the limit all are forgotten. About 6,000 sensors with 16 identity columns. */
const TEMPLATE_BYTES = 4 * 1024 * 1024;
/** Templates of one sensor: a few writers with different spelling; the oldest goes. */
const PER_SENSOR = 4;
/** Making a template costs some sixteen slow lines, so it must be earned: lines that never match get few. */
const CREDIT = { start: 32_768, most: 32_768, cost: 64, hit: 8, miss: 1 } as const;

export class LineDecoder {
  readonly #normalizer: Normalizer;
  readonly #maxLineBytes: number;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #scan = new LineScan();
  readonly #bySensor = new Map<number, LineTemplate[]>();
  readonly #idKey: Buffer | null;
  #last: LineTemplate | null = null;
  #templateBytes = 0;
  #credit: number = CREDIT.start;

  constructor(normalizer: Normalizer) {
    this.#normalizer = normalizer;
    this.#maxLineBytes = normalizer.maxLineBytes;
    const { mapping } = normalizer;
    this.#idKey = mapping.constants.has("sensor_id")
      ? null
      : Buffer.from(`${JSON.stringify(normalizer.foreignName("sensor_id"))}:`);
  }

  /** Appends one row, or none for a blank line. */
  decode(block: ReadingBlock, line: LineSplitter, nowMs: number): void {
    const { bytes, view, from, to } = line;
    const last = this.#last;
    let template = line.tooLong ? null : (last?.next ?? null);
    if (template === null || !this.#matches(template, bytes, view, from, to)) {
      template = line.tooLong ? null : this.#find(bytes, view, from, to);
    }
    if (template === null || !this.#append(block, template)) {
      this.#decodeSlowly(block, line, nowMs);
      return;
    }
    if (last !== null) last.next = template;
    this.#last = template;
    if (this.#credit < CREDIT.most) this.#credit += CREDIT.hit;
  }

  #matches(template: LineTemplate, bytes: Buffer, view: DataView, from: number, to: number): boolean {
    return template.match(bytes, view, from, to, this.#scan, this.#normalizer.timestamps);
  }

  #find(bytes: Buffer, view: DataView, from: number, to: number): LineTemplate | null {
    const candidates = this.#bySensor.get(this.#sensorHash(bytes, from, to));
    if (candidates === undefined) return null;
    for (const each of candidates) if (this.#matches(each, bytes, view, from, to)) return each;
    return null;
  }

  /** Only a guess of where to look: a template is compared byte by byte, whatever led to it. */
  #sensorHash(bytes: Buffer, from: number, to: number): number {
    if (this.#idKey === null) return 0;
    const found = bytes.subarray(from, to).indexOf(this.#idKey);
    if (found < 0) return 0;
    let at = from + found + this.#idKey.length;
    while (bytes[at] === 32) at++;
    let hash = 0x811c9dc5;
    for (at++; at < to; at++) {
      const code = bytes[at]!;
      if (code === 34 || code === 44 || code === 125) break;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    return hash;
  }

  #append(block: ReadingBlock, template: LineTemplate): boolean {
    const scan = this.#scan;
    const label = this.#normalizer.labelOf(scan.statusCode, scan.anomalyFlag, scan.anomalyType);
    if (label < 0) return false;
    const row = block.add(template.sensor, scan.time, label);
    const { measured, plan } = template;
    for (let i = 0; i < measured.length; i++) {
      const measure = measured[i]!;
      const value = scan.measures[measure]!;
      if (!Number.isNaN(value)) block.column(plan.slots[measure]!)[row] = value;
    }
    if (scan.extra !== "") block.addExtra(row, `{${scan.extra.slice(1)}}`);
    return true;
  }

  #decodeSlowly(block: ReadingBlock, line: LineSplitter, nowMs: number): void {
    const { bytes, from, to, length } = line;
    const parsed = line.tooLong ? this.#tooLong(length) : this.#parse(bytes.subarray(from, to));
    if (parsed === null) return;
    if ("problem" in parsed) {
      block.addMalformed(nowMs, { ...parsed.problem, ...receivedOf(bytes, from, to, length, this.#maxLineBytes) });
      return;
    }
    this.#normalizer.add(block, parsed.row, nowMs, () => receivedOf(bytes, from, to, length, this.#maxLineBytes));
    this.#learn(block, parsed.row, bytes.subarray(from, to));
  }

  #tooLong(length: number): Parsed {
    return refusal("line_too_long", `the line has ${length} bytes, at most ${this.#maxLineBytes} are read`);
  }

  /** The object that a line is, why it is none, or null for a blank line. */
  #parse(line: Buffer): Parsed | null {
    let text: string;
    try {
      text = this.#utf8.decode(line);
    } catch {
      return refusal("invalid_utf8", "the line is not UTF-8");
    }
    try {
      const row: unknown = JSON.parse(text);
      // An object by this check; what its fields hold is for the normalizer to find out.
      if (typeof row === "object" && row !== null && !Array.isArray(row)) return { row: row as ForeignRow };
      const kind = row === null ? "null" : Array.isArray(row) ? "an array" : `a ${typeof row}`;
      return refusal("not_an_object", `the line is ${kind}, a JSON object was expected`);
    } catch (error) {
      return isBlank(text) ? null : notJson(text, error);
    }
  }

  #learn(block: ReadingBlock, row: ForeignRow, line: Buffer): void {
    const at = block.count - 1;
    const sensor = block.sensor[at]!;
    this.#credit = Math.min(CREDIT.most, this.#credit + CREDIT.miss);
    if (sensor === NO_SENSOR || this.#credit < CREDIT.cost || line.length * 64 > TEMPLATE_BYTES) return;
    this.#credit -= CREDIT.cost;
    const { mapping, timestamps } = this.#normalizer;
    const plan = this.#normalizer.planOfRow(row);
    if (plan === null) return;
    const template = templateOf(Buffer.from(line), sensor, plan, mapping, timestamps);
    if (template === null) return;
    if (this.#templateBytes + template.size > TEMPLATE_BYTES) this.#forget();
    const hash = this.#sensorHash(line, 0, line.length);
    const known = this.#bySensor.get(hash);
    if (known === undefined) this.#bySensor.set(hash, [template]);
    else {
      if (known.length >= PER_SENSOR) this.#templateBytes -= known.pop()!.size;
      known.unshift(template);
    }
    this.#templateBytes += template.size;
    if (this.#last !== null) this.#last.next = template;
    this.#last = template;
  }

  #forget(): void {
    this.#bySensor.clear();
    this.#templateBytes = 0;
    this.#last = null;
  }
}

type Parsed = { readonly row: ForeignRow } | { readonly problem: Problem };

function refusal(reason: MalformedReason, detail: string): Parsed {
  return { problem: { reason, detail } };
}

/** NaN is the one thing that is not JSON and that sensors still write: it gets its own reason. */
function notJson(text: string, error: unknown): Parsed {
  const found = /"((?:[^"\\]|\\.){0,256})"\s*:\s*([+-]?(?:NaN|Infinity))\s*[,}]/.exec(text);
  if (found !== null) return { problem: notFinite(found[1]!, Number(found[2])) };
  if (text.includes("\u0000")) return refusal("not_json", "the line holds a NUL byte");
  if (error instanceof RangeError) return refusal("not_json", "the line is nested too deeply");
  return refusal("not_json", `the line is not JSON, it begins with ${JSON.stringify(shortened(text))}`);
}

function isBlank(text: string): boolean {
  return /^[ \t\r]*$/.test(text);
}
