import { expect, test } from "bun:test";
import { UsageError } from "../../core/errors.ts";
import { durationFlag, wholeNumberFlag } from "./flag-values.ts";

/** The value, or the message and the way out. */
function readFrom(read: () => number): unknown[] {
  try {
    return [read()];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return [(error as UsageError).message, (error as UsageError).tryHint];
  }
}

test("a length of time needs a unit; a number without one is refused with its probable meaning", () => {
  const read = (text: string) => readFrom(() => durationFlag("for", text, "agent run"));
  expect([read("3s"), read("1.5m")]).toEqual([[3_000], [90_000]]);
  expect(read("3")).toEqual(['Cannot use --for "3": it has no unit; did you mean 3s?', "agent run --for 3s"]);
  for (const text of ["soon", "0", "0s", "-1s"]) {
    const message = `Cannot use --for "${text}": expected a time above 0, such as 30s or 5m`;
    expect(read(text)).toEqual([message, "agent run --for 30s"]);
  }
});

test("a whole number is within its limits, and written in digits", () => {
  const read = (text: string) => {
    return readFrom(() =>
      wholeNumberFlag("count", text, { least: 1, most: 20, example: "agent lake head --count 10" }),
    );
  };
  expect([read("1"), read("20")]).toEqual([[1], [20]]);
  for (const text of ["0", "21", "-3", "1.5", "1e1", "0x5", "ten", " 5"]) {
    const message = `Cannot use --count "${text}": expected a whole number from 1 to 20`;
    expect(read(text)).toEqual([message, "agent lake head --count 10"]);
  }
});
