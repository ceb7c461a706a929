import { expect, test } from "bun:test";
import fc from "fast-check";
import { messageOf, UsageError } from "../../core/errors.ts";
import { cases } from "../../testing/needs.ts";
import { type Args, parseFlags, settingFlags } from "./flags.ts";

const ARGS = {
  dir: { type: "positional", required: false, description: "A folder." },
  ...settingFlags("source", "dataDir"),
  rate: { type: "string", description: "Readings a second.", default: "1" },
  since: { type: "string", description: "A time ago." },
  by: { type: "enum", options: ["sensor", "hour"], description: "A table." },
  keepOld: { type: "boolean", description: "Keep it." },
  json: { type: "boolean", description: "JSON." },
} as const satisfies Args;

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

test("flags, arguments and defaults have the names and types of the table", async () => {
  const { flags } = await parse("here", "--data-dir", "d", "--json", "--rate", "-5", "--by=hour", "--keep-old");
  // The compiler checks the types; the comparison checks the values.
  const dir: string | undefined = flags.dir;
  const rate: string = flags.rate;
  const since: string | undefined = flags.since;
  const by: "sensor" | "hour" | undefined = flags.by;
  const [keepOld, json]: boolean[] = [flags.keepOld, flags.json];
  expect([dir, rate, since, by, keepOld, json]).toEqual(["here", "-5", undefined, "hour", true, true]);
  expect((await parse()).flags).toMatchObject({ dir: undefined, rate: "1", keepOld: false, json: false });
  expect((await parse("--json", "--no-json")).flags.json).toBe(false);
});

test("a setting's flag may be repeated: all values are kept, in order", async () => {
  const { settings } = await parse("--source", "a:", "--rate", "2", "--source=b:", "--data-dir", "d");
  expect(settings).toEqual({ source: ["a:", "b:"], "data-dir": ["d"] });
});

test("an unknown flag is refused with the one that was probably meant", async () => {
  // One problem only: "x" was meant as its value.
  expect(await problemsOf("here", "--sorce", "x")).toEqual([
    'Cannot understand "--sorce": there is no such flag; did you mean --source?',
  ]);
  expect(await problemsOf("--frobnicate")).toEqual(['Cannot understand "--frobnicate": there is no such flag']);
  expect(await problemsOf("--sorce=x")).toEqual([
    'Cannot understand "--sorce": there is no such flag; did you mean --source?',
  ]);
  expect(await problemsOf("-x")).toEqual(['Cannot understand "-x": there is no such flag']);
  expect(await problemsOf("-5")).toEqual(['Cannot understand "-5": there is no such flag']);
  for (const flag of [
    "--no-rate",
    "--no-json=x",
    "--keepOld",
    "--dataDir",
    "--dir",
    "--constructor",
    "--__proto__=1",
  ]) {
    expect([flag, (await problemsOf(flag)).length]).toEqual([flag, 1]);
  }
});

test("all problems are reported at once", async () => {
  expect(
    await problemsOf("a", "b", "--source", "--json=yes", "--data-dir=", "--rate", "1", "--rate", "2", "--by", "hur"),
  ).toEqual([
    "Cannot use --source: it needs a value",
    "Cannot use --json=yes: the flag takes no value",
    "Cannot use --data-dir: its value is empty",
    'Cannot use --by "hur": expected sensor, hour; did you mean hour?',
    'Cannot understand "b": agent try takes 1 argument',
    "Cannot use --rate: it is given more than once",
  ]);
  expect(await problemsOf("--rate", "--", "1")).toEqual(["Cannot use --rate: it needs a value"]);
  expect(await problemsOf("--rate", " ")).toEqual(["Cannot use --rate: its value is empty"]);
});

test("a missing argument is reported by the name that the help gives it", async () => {
  const call = parseFlags([], { question: { type: "positional", valueHint: "NAME|SQL" } }, "agent why");
  expect(call).rejects.toThrow("Cannot run agent why: NAME|SQL is missing");
});

test("a word behind -- is an argument, also if it looks like a flag", async () => {
  expect((await parse("--json", "--", "--odd")).flags.dir).toBe("--odd");
});

test("citty reads a checked command line as it was written", async () => {
  const value = fc.oneof(
    fc.string({ minLength: 1 }).filter((text) => text.trim() !== "" && !/^-[^\d.]/.test(text)),
    fc.constantFrom("-", "-5", "-.5", "=", "a=b", "true", "false"),
  );
  const written = fc.record(
    {
      dir: value.filter((text) => !text.startsWith("-") || text === "-"),
      rate: value,
      since: value,
      by: fc.constantFrom("sensor", "hour"),
      keepOld: fc.boolean(),
      json: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const property = fc.asyncProperty(
    written,
    fc.boolean(),
    fc.infiniteStream(fc.nat()),
    async (values, isInline, order) => {
      const { dir, keepOld, json, ...texts } = values;
      const groups = Object.entries(texts).map(([name, text]) =>
        isInline ? [`--${name}=${text}`] : [`--${name}`, text],
      );
      if (keepOld !== undefined) groups.push([keepOld ? "--keep-old" : "--no-keep-old"]);
      if (json !== undefined) groups.push([json ? "--json" : "--no-json"]);
      if (dir !== undefined) groups.push([dir]);
      const ranked = groups.map((words) => ({ words, rank: order.next().value }));
      const argv = ranked.sort((a, b) => a.rank - b.rank).flatMap(({ words }) => words);
      const { flags } = await parse(...argv);
      const { rate = "1", since, by } = texts;
      expect(flags).toEqual({ dir, rate, since, by, keepOld: keepOld ?? false, json: json ?? false });
    },
  );
  await fc.assert(property, { numRuns: cases(500), seed: 12 });
});
