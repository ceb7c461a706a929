import { expect, test } from "bun:test";
import { nullable } from "./composed-shapes.ts";
import { text } from "./scalar-shapes.ts";
import { list, optional } from "./shape.ts";
import { anyNumber, atLeast, readStored, storedJson, tuple } from "./stored-json.ts";

const NAME = text(/^/, "a text");
const HOLDER = atLeast({ pid: anyNumber, host: nullable(NAME), since: optional(anyNumber) });

test("keys of a newer version are not read; those of this one must be whole", () => {
  expect(storedJson(HOLDER, '{"pid":1,"host":null,"color":"red","__proto__":1}')).toEqual({
    pid: 1,
    host: null,
    since: undefined,
  });
  const broken = ["", "{", "null", "[]", "7", "{}", '{"pid":"1","host":""}', '{"pid":1e999,"host":""}', '{"pid":1}'];
  broken.push('{"pid":1,"host":7}', '{"pid":1,"host":"h","since":null}');
  expect(broken.map((each) => storedJson(HOLDER, each))).toEqual(broken.map(() => null));
});

test("a refusal says whether it was JSON at all, and else the problem and its place", () => {
  expect(readStored(HOLDER, '{"pid":')).toEqual({ refused: "no JSON" });
  const holders = list(HOLDER, { least: 0, most: 3 });
  expect(readStored(holders, '[{"pid":1,"host":"h"},{"pid":[],"host":"h"}]')).toEqual({
    refused: { path: "[1].pid", what: "must be a number, not []", of: "value" },
  });
});

test("a tuple has one value for each shape", () => {
  const pair = tuple(anyNumber, NAME);
  expect(storedJson(pair, '[1,"a"]')).toEqual([1, "a"]);
  for (const broken of ["[1]", '[1,"a",2]', '["a",1]', "{}"])
    expect([broken, storedJson(pair, broken)]).toEqual([broken, null]);
});
