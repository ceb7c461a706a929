/**
 * arktype, for the shapes of answers. It interprets them instead of compiling each with `new Function`: a command judges a
 * hundred small answers, and that saves half of the start. Never imported by `agent run`: tidy.test.ts proves it.
 */
import "./jitless.ts";
import { type } from "arktype";

export { type };

export const Text = type("string > 0").describe("text that is not empty");
/** A 64-bit integer: json.ts keeps its digits. */
export const Id = type(/^\d{1,19}$/).describe("a whole number");
