import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { AgentError } from "../core/errors.ts";
import { gunzipLines, gunzipRows } from "./read-object.ts";

const NAME = "raw/date=2026-11-23/hour=08/n/e.json.gz";
const failure = (body: Uint8Array): unknown => {
  try {
    return [...gunzipRows(body, NAME)];
  } catch (error) {
    return error;
  }
};

test("all members of a body are read, empty ones included", () => {
  const members = ['{"a":1}\n{"a":2}\n', "", '{"a":3}\n'].map((text) => gzipSync(text));
  expect([...gunzipRows(Buffer.concat(members), NAME)]).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
});

test("many large members are read to the last row", () => {
  const rows = Array.from({ length: 50 }, (_, m) => Array.from({ length: 1_000 }, (_, i) => `{"m":${m},"i":${i}}`));
  const body = Buffer.concat(rows.map((lines) => gzipSync(`${lines.join("\n")}\n`)));
  expect([...gunzipLines(body, NAME)]).toEqual(rows.flat());
});

test("a row may go over the border of two members", () => {
  const body = Buffer.concat([gzipSync('{"te'), gzipSync('xt":"é"}')]);
  expect([...gunzipRows(body, NAME)]).toEqual([{ text: "é" }]);
});

test("an empty object has no rows, and a last line needs no end", () => {
  expect([...gunzipLines(gzipSync(""), NAME)]).toEqual([]);
  expect([...gunzipLines(gzipSync("\n\na\n\nb"), NAME)]).toEqual(["a", "b"]);
});

describe("a corrupt body names its object", () => {
  const whole = gzipSync('{"a":1}\n'.repeat(1_000));
  const flipped = Uint8Array.from(whole);
  flipped[Math.floor(whole.length / 2)]! ^= 1;
  const bodies: Record<string, Uint8Array> = {
    "not gzip": new TextEncoder().encode("<html>"),
    "nothing at all": new Uint8Array(0),
    truncated: whole.subarray(0, whole.length - 9),
    "truncated in its second member": Buffer.concat([whole, whole.subarray(0, 20)]),
    "a flipped bit": flipped,
    "not JSON": gzipSync("nope\n"),
    "not an object": gzipSync("[1]\n"),
    "not UTF-8": gzipSync(Uint8Array.of(0x22, 0xff, 0x22)),
  };
  for (const [what, body] of Object.entries(bodies)) {
    test(what, () => {
      const error = failure(body);
      expect(error).toBeInstanceOf(AgentError);
      expect((error as AgentError).message).toStartWith(`Cannot read "${NAME}": `);
    });
  }
});
