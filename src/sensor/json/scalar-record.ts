/** A number, a word or any other text that a sender calls a record: it is the record `{"value": …}`. */
import { isUtf8 } from "node:buffer";
import type { ReadingBlock } from "../../core/reading.ts";
import type { Line } from "../lines/line.ts";
import { receivedOf } from "../lines/received.ts";
import type { Normalizer } from "../row/normalize.ts";

/** What JSON begins with, other than an object or a list. */
const SCALAR = /^(?:-?\d[\d.eE+-]*|true|false|null|".*")$/s;

/** The value of a text, and its JSON to the letter where it is JSON. */
export function scalarOf(text: string): { readonly value: unknown; readonly json: string } {
  if (SCALAR.test(text)) {
    try {
      return { value: JSON.parse(text), json: text };
    } catch {
      // A date, a version, 007: text.
    }
  }
  return { value: text, json: JSON.stringify(text) };
}

/** Appends the row of a line that is neither an object nor a list; none for a blank one. */
export function appendScalar(block: ReadingBlock, line: Line, normalizer: Normalizer, nowMs: number): void {
  const bytes = line.bytes.subarray(line.from, line.to);
  const received = () => receivedOf(line, normalizer.maxLineBytes);
  if (line.tooLong) {
    const detail = `the line has ${line.length} bytes, at most ${normalizer.maxLineBytes} are read`;
    block.addMalformed(nowMs, { reason: "line_too_long", detail, ...received() });
    return;
  }
  if (!isUtf8(bytes)) {
    block.addMalformed(nowMs, { reason: "invalid_utf8", detail: "the text is not UTF-8", ...received() });
    return;
  }
  const text = bytes.toString("utf8").trim();
  if (text === "") return;
  const { value, json } = scalarOf(text);
  normalizer.addRecord(block, { value }, nowMs, { received, textOf: () => json });
}
