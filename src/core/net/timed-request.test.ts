import { expect, test } from "bun:test";
import { AgentError } from "../errors.ts";
import { askWithin, NoAnswerError, secondsText } from "./timed-request.ts";

/** A server that never answers: the request fails when it is aborted. */
const never = (signal: AbortSignal) =>
  new Promise<never>((_, fail) => {
    if (signal.aborted) fail(new Error("aborted"));
    signal.addEventListener("abort", () => fail(new Error("aborted")));
  });
const outcomeOf = (answer: Promise<unknown>) => answer.catch((error: unknown) => error);

test("an answer in time is the answer", async () => {
  expect(await askWithin({ limitMs: 1_000 }, async () => 7)).toBe(7);
});

test("no answer within the limit is a NoAnswerError that says the limit", async () => {
  const error = await outcomeOf(askWithin({ limitMs: 1 }, never));
  expect(error).toBeInstanceOf(NoAnswerError);
  expect(String(error)).toContain("no answer within 0.0 s");
  expect([secondsText(300), secondsText(1_400), secondsText(60_000)]).toEqual(["0.3", "1", "60"]);
});

test("a stop ends the request at once, also one that came before it, and leaves no listener behind", async () => {
  const stop = new AbortController();
  const waiting = outcomeOf(askWithin({ limitMs: 60_000, stop: stop.signal }, never));
  stop.abort();
  expect(await waiting).toMatchObject({ name: "NoAnswerError", message: "aborted" });
  expect(await outcomeOf(askWithin({ limitMs: 60_000, stop: stop.signal }, never))).toBeInstanceOf(NoAnswerError);
});

test("an error of fetch is named with its code, and an AgentError passes", async () => {
  const refused = Object.assign(new Error("Unable to connect"), { code: "ECONNREFUSED" });
  const fail = (error: Error) => outcomeOf(askWithin({ limitMs: 1_000 }, () => Promise.reject(error)));
  expect(await fail(refused)).toMatchObject({ name: "NoAnswerError", message: "ECONNREFUSED: Unable to connect" });
  const tooLong = new AgentError("too long");
  expect(await fail(tooLong)).toBe(tooLong);
});
