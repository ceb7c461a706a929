import { expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import { messageOf, UsageError } from "../../core/errors.ts";
import { parseFlags, settingFlags } from "./flags.ts";

const ARGS: ArgsDef = {
  dir: { type: "positional", required: false, description: "A folder." },
  ...settingFlags("source", "dataDir"),
  rate: { type: "string", description: "Readings a second.", alias: "r", default: "1" },
  json: { type: "boolean", description: "JSON." },
};

const parse = (...argv: string[]) => parseFlags(argv, ARGS, "agent try");

async function problemsOf(...argv: string[]): Promise<string[]> {
  try {
    await parse(...argv);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return messageOf(error).split("\n");
  }
}

test("flags, arguments and defaults come by the names of the table", async () => {
  expect(await parse("here", "--data-dir", "d", "--json", "-r", "-5")).toEqual({
    dir: "here",
    source: undefined,
    "data-dir": "d",
    rate: "-5",
    json: true,
  });
  const parsed = await parse("--no-json");
  expect([parsed["rate"], parsed["json"]]).toEqual(["1", false]);
});

test("a flag that is repeated is an array, in order", async () => {
  expect((await parse("--source", "a:", "--source=b:"))["source"]).toEqual(["a:", "b:"]);
});

test("an unknown flag is refused with the one that was probably meant", async () => {
  // Once: "x" was meant as its value.
  expect(await problemsOf("here", "--sorce", "x")).toEqual([
    'Cannot understand "--sorce": there is no such flag; did you mean --source?',
  ]);
  expect(await problemsOf("--frobnicate")).toEqual(['Cannot understand "--frobnicate": there is no such flag']);
  expect(await problemsOf("-x")).toEqual(['Cannot understand "-x": there is no such flag']);
  expect(await problemsOf("--no-rate")).toHaveLength(1);
  expect(await problemsOf("--constructor")).toHaveLength(1);
});

test("everything that is wrong is told at once", async () => {
  expect(await problemsOf("a", "b", "--source", "--json=yes", "--data-dir=", "--rate", "1", "--rate", "2")).toEqual([
    "Cannot use --source: it needs a value",
    "Cannot use --data-dir: its value is empty",
    'Cannot understand "b": agent try takes 1 argument',
    "Cannot use --rate: it is given more than once",
  ]);
  expect(await problemsOf("--json=yes", "--source")).toEqual([
    "Cannot use --json=yes: the flag takes no value",
    "Cannot use --source: it needs a value",
  ]);
});

test("a missing argument is told by its name", async () => {
  const call = parseFlags([], { id: { type: "positional" } }, "agent why");
  expect(call).rejects.toThrow("Cannot run agent why: ID is missing");
});

test("what stands behind -- is an argument, even where it looks like a flag", async () => {
  expect((await parse("--json", "--", "--odd"))["dir"]).toBe("--odd");
});
