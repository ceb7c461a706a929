import { expect, test } from "bun:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { testWith } from "../../testing/needs.ts";
import { Gzip } from "./gzip.ts";

const longTest = testWith("time");

/** Text whose compressed size shows the level. */
const text = new TextEncoder().encode(
  Array.from({ length: 500 }, (_, n) => `{"sensor":"s${n % 7}","value":${Math.sin(n)},"at":${n * 997}}\n`).join(""),
);
const sizeAt = (level: 1 | 6) => gzipSync(text, { level }).length;
const BETWEEN = (sizeAt(1) + sizeAt(6)) / 2;
const isHard = (body: Uint8Array) => body.length < BETWEEN;

function gzip(level: ConstructorParameters<typeof Gzip>[0] = "auto") {
  let nowMs = 5_000;
  const own = new Gzip(level, () => nowMs);
  /** The share of members, of 2,000 rows each, that is compressed hard when one comes every `everyMs`. */
  const hardOf = (members: number, everyMs: number) => {
    let hard = 0;
    for (let i = 0; i < members; i++) {
      if (isHard(own.compress(text, 2_000))) hard++;
      nowMs += everyMs;
    }
    return hard / members;
  };
  return { own, hardOf };
}

test("a node that keeps up compresses hard, in bursts too", () => {
  const { hardOf } = gzip();
  // 20,000 readings each half minute, as two rows each.
  for (let minute = 0; minute < 5; minute++) {
    expect(hardOf(20, 0)).toBe(1);
    hardOf(1, 30_000);
  }
  expect(hardOf(100, 500)).toBe(1);
});

longTest("a backlog that comes as fast as the processor allows is compressed fast, except for its first batch", () => {
  const { hardOf } = gzip();
  // 300,000 rows a second.
  expect(hardOf(20, 7)).toBe(1);
  expect(hardOf(1_000, 7)).toBeLessThan(0.02);
});

test("between the two, as many batches are compressed hard as time allows", () => {
  const { hardOf } = gzip();
  hardOf(40, 250);
  expect(hardOf(400, 250)).toBeWithin(0.45, 0.55);
});

test("a fixed level stays the same, however much comes", () => {
  for (const level of [1, 6] as const) {
    const { own } = gzip(level);
    for (let i = 0; i < 50; i++) expect(isHard(own.compress(text, 2_000))).toBe(level === 6);
  }
});

test("compressed text is read back", () => {
  expect(gunzipSync(gzip().own.compress(text, 500)).equals(text)).toBe(true);
});
