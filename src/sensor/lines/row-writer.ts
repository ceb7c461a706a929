/** The readings of a line that a template matched, as rows of a block. */
import { QUOTE } from "../../core/ascii.ts";
import { BLOCK_TEXT_LENGTH, type ReadingBlock } from "../../core/reading.ts";
import { countFiltered } from "../record/shaper.ts";
import { LEAST_EXTRA_BYTES, type Normalizer } from "../row/normalize.ts";
import { FINER, REPEATED } from "../row/timestamp.ts";
import type { Line } from "./line.ts";
import { type LineScan, textAt } from "./scan.ts";
import type { LineTemplate, Place, TemplateRow } from "./template.ts";

export class RowWriter {
  readonly #normalizer: Normalizer;
  readonly #scan: LineScan;
  #labels = new Int32Array(1);
  #nowMs = 0;

  constructor(normalizer: Normalizer, scan: LineScan) {
    this.#normalizer = normalizer;
    this.#scan = scan;
  }

  /** Appends all readings of the line, which has just matched, or none where only the slow path can decide: then false. */
  append(block: ReadingBlock, line: Line, template: LineTemplate, nowMs: number): boolean {
    this.#nowMs = nowMs;
    const { rows } = template;
    // Only the slow path can decide whether longer text is too long.
    const length = line.to - line.from;
    if (length > LEAST_EXTRA_BYTES - template.extraBytes) return false;
    if (rows.length > 1 && length * rows.length > BLOCK_TEXT_LENGTH) return false;
    if (this.#labels.length < rows.length) this.#labels = new Int32Array(rows.length);
    const labels = this.#labels;
    for (let i = 0; i < rows.length; i++) {
      const label = this.#labelOf(rows[i]!, line, template);
      // Which of two times is meant is asked right after the time was read.
      if (rows.length > 1 && noteOf(rows[i]!, this.#scan) & REPEATED) return false;
      if (label < 0) return false;
      labels[i] = label;
    }
    if (rows.length > 1) block.makeRoom(rows.length);
    for (let i = 0; i < rows.length; i++) this.#write(block, line, template, i);
    if (template.filtered > 0) countFiltered(block, template.filtered);
    return true;
  }

  #labelOf({ time, status, flag, type }: TemplateRow, line: Line, template: LineTemplate): number {
    const { values, ends } = this.#scan;
    const code = status < 0 ? Number.NaN : values[status]!;
    const flagged = flag < 0 ? Number.NaN : values[flag]!;
    return this.#normalizer.labelOf(
      Number.isNaN(code) ? null : code,
      flagged === 0 ? 0 : flagged === 1 ? 1 : null,
      type < 0 ? null : textAt(line.bytes, template.startOf(type, line, this.#scan), ends[type]!),
      time < 0,
    );
  }

  #write(block: ReadingBlock, line: Line, template: LineTemplate, index: number): void {
    const { values } = this.#scan;
    const { sensor, time, measures, slots, extra, fixed } = template.rows[index]!;
    const note = noteOf(template.rows[index]!, this.#scan);
    const ms =
      time < 0 ? this.#nowMs : note & REPEATED ? this.#normalizer.settled(block, sensor, values[time]!) : values[time]!;
    const row = block.add(sensor, ms, this.#labels[index]!);
    for (let i = 0; i < measures.length; i++) {
      const value = values[measures[i]!]!;
      if (!Number.isNaN(value)) block.column(slots[i]!)[row] = value;
    }
    for (const [slot, value] of fixed) if (!Number.isNaN(value)) block.column(slot)[row] = value;
    if (extra.length > 0 || note & FINER) block.addExtra(row, this.#extraOf(template, index, line));
  }

  #extraOf(template: LineTemplate, index: number, line: Line): string {
    const scan = this.#scan;
    const { extra, time, receivedTime } = template.rows[index]!;
    const { bytes } = line;
    let text = "";
    for (const part of extra) {
      text +=
        typeof part === "string"
          ? part
          : bytes.toString("utf8", placeIn(line, scan, part.from), placeIn(line, scan, part.to));
    }
    if (time >= 0 && scan.notes[time]! & FINER) {
      const from = template.startOf(time, line, scan);
      const quotes = bytes[from - 1] === QUOTE ? 1 : 0;
      text += receivedTime + bytes.toString("utf8", from - quotes, scan.ends[time]! + quotes);
    }
    return `${text}}`;
  }
}

function noteOf({ time }: TemplateRow, { notes }: LineScan): number {
  return time < 0 ? 0 : notes[time]!;
}

function placeIn(line: Line, { ends }: LineScan, { gap, after }: Place): number {
  return (gap < 0 ? line.from : ends[gap]!) + after;
}
