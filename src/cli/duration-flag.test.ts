import { expect, test } from "bun:test";
import { UsageError } from "../core/errors.ts";
import { durationFlag } from "./duration-flag.ts";

function refused(text: unknown): unknown[] {
  try {
    return [durationFlag("for", text, "--for 30s")];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return [(error as UsageError).message, (error as UsageError).tryHint];
  }
}

test("a length of time needs a unit, and a number without one is told what it probably means", () => {
  expect([refused("3s"), refused("1.5m")]).toEqual([[3_000], [90_000]]);
  expect(refused("3")).toEqual(['Cannot use --for "3": it has no unit; did you mean 3s?', "--for 3s"]);
  for (const text of ["soon", "0", "0s", "-1s"])
    expect(refused(text)).toEqual([`Cannot use --for "${text}": it is no length of time`, "--for 30s"]);
});
