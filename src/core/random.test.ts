import { expect, test } from "bun:test";
import { bell, between, hashAt, hashText, pick, seededRandom, unit } from "./random.ts";

const COUNT = 20_000;

test("the same key and number give the same hash, and others another one", () => {
  expect(hashAt(1, 2)).toBe(hashAt(1, 2));
  const numbers = [-1, 0, 1, 2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 40, 2 ** 53 - 1, -(2 ** 40)];
  const seen = new Set([1, 2, 3].flatMap((key) => numbers.map((n) => hashAt(key, n))));
  expect(seen.size).toBe(3 * numbers.length);
  expect(hashText(1, "ab")).not.toBe(hashText(1, "ba"));
});

test("consecutive numbers fill [0, 1) evenly", () => {
  const buckets = new Array<number>(10).fill(0);
  for (let n = 0; n < COUNT; n++) buckets[Math.floor(unit(hashAt(7, n)) * 10)]! += 1;
  for (const share of buckets) expect(Math.abs(share / COUNT - 0.1)).toBeLessThan(0.01);
});

test("the bell has mean 0 and deviation 1 and never leaves ±3.46", () => {
  let sum = 0;
  let squares = 0;
  for (let n = 0; n < COUNT; n++) {
    const value = bell(hashAt(9, n));
    expect(Math.abs(value)).toBeLessThan(3.46);
    sum += value;
    squares += value * value;
  }
  expect(Math.abs(sum / COUNT)).toBeLessThan(0.03);
  expect(Math.abs(squares / COUNT - 1)).toBeLessThan(0.05);
});

test("an integer between two limits reaches both and never exceeds them", () => {
  const seen = new Set(Array.from({ length: 500 }, (_, n) => between(hashAt(3, n), 4, 6)));
  expect([...seen].sort()).toEqual([4, 5, 6]);
  expect(["a", "b"]).toContain(pick(hashAt(3, 1), ["a", "b"]));
});

test("a seeded sequence repeats itself", () => {
  const [one, two, other] = [seededRandom(5), seededRandom(5), seededRandom(6)];
  const first = [one(), one(), one()];
  expect([two(), two(), two()]).toEqual(first);
  expect([other(), other(), other()]).not.toEqual(first);
});
