/** What was received and is not a reading, as it is kept. */
import { isUtf8 } from "node:buffer";
import { MALFORMED_KEPT_BYTES, type Malformed } from "../../core/reading.ts";

export type Received = Pick<Malformed, "received" | "encoding" | "bytes">;

/** A line, or its beginning: `bytes[from, to)`. `length` is the length of the whole line. */
export type ReceivedLine = {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
  readonly length: number;
};

/**
 * The line as text where it is UTF-8, else as Base64: all of it up to `wholeBytes`, of a longer one the beginning. It is
 * never cut within a character.
 */
export function receivedOf({ bytes, from, to, length }: ReceivedLine, wholeBytes: number): Received {
  let end = length <= wholeBytes ? to : Math.min(to, from + MALFORMED_KEPT_BYTES);
  if (end - from < length) end = characterEnd(bytes, from, end);
  const kept = bytes.subarray(from, end);
  return isUtf8(kept)
    ? { received: kept.toString("utf8"), encoding: "utf8", bytes: length }
    : { received: kept.toString("base64"), encoding: "base64", bytes: length };
}

/** `end`, or the start of the character that a cut at `end` would split. */
function characterEnd(bytes: Buffer, from: number, end: number): number {
  let start = end;
  while (start > from && end - start < 3 && isContinuation(bytes[start - 1] ?? 0)) start--;
  const lead = start > from ? (bytes[start - 1] ?? 0) : 0;
  return lead >= FIRST_LEAD_BYTE && !isUtf8(bytes.subarray(start - 1, end)) ? start - 1 : end;
}

const FIRST_LEAD_BYTE = 0xc0;

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
