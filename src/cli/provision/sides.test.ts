import { expect, test } from "bun:test";
import { AgentError, TransientError, UsageError } from "../../core/errors.ts";
import { withWayOut } from "./sides.ts";

const typed = "agent provision apply --only aws";
const thrown = (error: unknown) =>
  withWayOut({ typed }, () => Promise.reject(error)).catch((caught: unknown) => caught as AgentError);

test("an error that names no command gets the command as it was typed, and keeps message and advice", async () => {
  const advice = "Set the clock of this machine";
  expect(await thrown(new TransientError("Cannot read a: no answer", { advice }))).toMatchObject({
    message: "Cannot read a: no answer",
    advice,
    tryHint: typed,
  });
});

test("a command of its own, a wrong call and a bug stay as they are", async () => {
  for (const error of [
    new AgentError("Cannot read a: no", { tryHint: "agent config show" }),
    new UsageError("Cannot read a: no such flag"),
    new TypeError("a bug"),
  ]) {
    expect(await thrown(error)).toBe(error as AgentError);
  }
});
