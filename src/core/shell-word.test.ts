import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../testing/needs.ts";
import { shellWord } from "./shell-word.ts";

test("a plain word stays as it is, any other is quoted", () => {
  expect(["s3:", "--since", "./lake"].map(shellWord)).toEqual(["s3:", "--since", "./lake"]);
  expect(["a b", "it's", ""].map(shellWord)).toEqual(["'a b'", "'it'\\''s'", "''"]);
});

test("a shell reads it back as the same text", () => {
  const texts = fc.sample(
    fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")),
    { numRuns: cases(50), seed: 5 },
  );
  const script = texts.map((text) => `printf '%s\\0' ${shellWord(text)}`).join("\n");
  const { stdout } = Bun.spawnSync(["/bin/sh", "-c", script]);
  expect(stdout.toString().split("\0").slice(0, -1)).toEqual(texts);
});
