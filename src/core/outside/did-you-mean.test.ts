import { expect, test } from "bun:test";
import { didYouMean } from "./did-you-mean.ts";

test("a suggestion needs a name that is near", () => {
  const names = ["run", "status", "verify"];
  expect(["stauts", "rnu", "verfy", "zzz", ""].map((name) => didYouMean(name, names))).toEqual([
    "; did you mean status?",
    "; did you mean run?",
    "; did you mean verify?",
    "",
    "",
  ]);
});
