/** What came in and was no reading, as it is kept. */
import { isUtf8 } from "node:buffer";
import { MALFORMED_KEPT_BYTES, type Malformed } from "../../core/reading.ts";

export type Received = Pick<Malformed, "received" | "encoding" | "bytes">;

/**
 * What was received, as text where it is UTF-8: all of it up to `wholeBytes`, of more the beginning. A cut in the middle of
 * a character is moved before it. `length` is the true one, where `bytes` holds only the beginning.
 */
export function receivedOf(bytes: Buffer, from: number, to: number, length: number, wholeBytes: number): Received {
  let end = length <= wholeBytes ? to : Math.min(to, from + MALFORMED_KEPT_BYTES);
  if (end - from < length) {
    let start = end;
    while (start > from && end - start < 3 && (bytes[start - 1]! & 0xc0) === 0x80) start--;
    if (start > from && bytes[start - 1]! >= 0xc0 && !isUtf8(bytes.subarray(start - 1, end))) end = start - 1;
  }
  const kept = bytes.subarray(from, end);
  return isUtf8(kept)
    ? { received: kept.toString("utf8"), encoding: "utf8", bytes: length }
    : { received: kept.toString("base64"), encoding: "base64", bytes: length };
}
