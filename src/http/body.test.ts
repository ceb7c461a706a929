/** Bodies of requests: whole in any pieces, and never more than the path takes. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../testing/needs.ts";
import { type BodyProgress, bodyReader } from "./body.ts";

const MOST = 1_000;

/** What the reader says at the end, when the bytes come in pieces of these sizes. */
function read(framing: number | "chunked", bytes: Uint8Array, sizes: readonly number[] = [bytes.length]): BodyProgress {
  const reader = bodyReader(framing, MOST);
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    const said = reader.take(bytes.subarray(at, at + size));
    if (said !== null) return said;
    at += size;
  }
  return null;
}

const chunked = (parts: readonly string[]) =>
  Buffer.from(`${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`);

test("a body is the same in any pieces, by its length or in chunks", () => {
  const parts = fc.array(fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 }), { maxLength: 8 });
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(parts, sizes, (texts, pieces) => {
      const whole = texts.join("");
      expect(read("chunked", chunked(texts), pieces)).toEqual(new Uint8Array(Buffer.from(whole)));
      if (whole !== "")
        expect(read(whole.length, Buffer.from(`${whole}and more`), pieces)).toEqual(new Uint8Array(Buffer.from(whole)));
    }),
    { numRuns: cases(300) },
  );
});

test("chunks are refused as soon as they announce more than the path takes", () => {
  expect(read("chunked", Buffer.from(`${MOST.toString(16)}\r\n`))).toBe(null);
  expect(read("chunked", Buffer.from(`${(MOST + 1).toString(16)}\r\n`))).toMatchObject({ status: 413 });
  const halves = "x".repeat(MOST / 2 + 1);
  expect(read("chunked", chunked([halves, halves]))).toMatchObject({ status: 413 });
});

test("what is no chunked body is refused: a bad size, a chunk without its end, endless lines and trailers", () => {
  for (const text of [
    "x\r\n",
    "-1\r\n",
    "\r\n",
    "3\nabc",
    "3\r\nabcd\r\n",
    "ffffffffff\r\n",
    `1;${"x".repeat(300)}`,
    `0\r\n${"a: b\r\n".repeat(20)}`,
  ]) {
    expect([text, read("chunked", Buffer.from(text))]).toEqual([text, expect.objectContaining({ status: 400 })]);
    expect([text, read("chunked", Buffer.from(text), [1])]).toEqual([text, expect.objectContaining({ status: 400 })]);
  }
  expect(read("chunked", Buffer.from("2;name=value\r\nab\r\n0\r\na: b\r\n\r\n"))).toEqual(
    new Uint8Array(Buffer.from("ab")),
  );
});
