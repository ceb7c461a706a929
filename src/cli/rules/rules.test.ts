import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommandLine, type World } from "../frame/commands.ts";
import { group } from "./rules.ts";

const HOME = mkdtempSync(join(tmpdir(), "rules-cli-"));
afterAll(() => rmSync(HOME, { recursive: true }));

/** Runs `agent rules …` in a folder that has the given rule files, or no folder of rules at all. */
async function seen(argv: readonly string[], files?: Readonly<Record<string, string>>) {
  const cwd = mkdtempSync(join(HOME, "case-"));
  if (files !== undefined) mkdirSync(join(cwd, "rules"));
  for (const [name, text] of Object.entries(files ?? {})) writeFileSync(join(cwd, "rules", name), text);
  let stdout = "";
  const said: string[] = [];
  const world: World = {
    env: {},
    dotenv: {},
    cwd,
    write: async (text) => {
      stdout += typeof text === "string" ? text : new TextDecoder().decode(text);
    },
    say: (line) => void said.push(line),
    terminal: false,
    stop: new AbortController().signal,
  };
  const code = await runCommandLine(["rules", ...argv], world, { rules: async () => ({ group }) });
  return said.length === 0 ? { code, stdout } : { code, stdout, said };
}

const good =
  '{"name":"damp","when":{"range":{"measure":"humidity","max":95}},"tests":[{"reading":{"humidity":96},"breaks":true}]}';
const bad = '{"name":"cold",\n"when":{"range":{"measure":"temperature","minimum":-20}}}';
const failing = good.replace("96", "94").replace("damp", "wet");

test("rules check says that a folder is fine, with its version", async () => {
  const { code, stdout } = await seen(["check"], { "a.json": good });
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^The rules in rules are fine: 1 rule, version [0-9a-f]{12}\.\n$/),
  ]);
});

test("rules check warns of a rule that is legal but probably a mistake, with its place, and accepts it", async () => {
  const odd =
    '[{"name":"a","when":{"range":{"measure":"humidty","max":95}}},\n{"name":"b","when":{"range":{"measure":"humidity","max":950}}}]';
  const { code, stdout } = await seen(["check"], { "a.json": odd });
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(
      /^rules\/a\.json:1:\d+: warning: no profile has a measure "humidty"; did you mean humidity\?\nrules\/a\.json:2:\d+: warning: "max" 950 can hardly ever be broken: .*\nThe rules in rules are fine: 2 rules/,
    ),
  ]);
  const json = JSON.parse((await seen(["check", "--json"], { "a.json": odd })).stdout) as { warnings: unknown[] };
  expect(json.warnings.length).toBe(2);
});

test("rules check reports every problem as file:line:column, and exits 1", async () => {
  const files = { "a.json": "{", "b.json": bad, "c.json": good };
  expect(await seen(["check", "rules"], files)).toEqual({
    code: 1,
    stdout: [
      "rules/a.json:1:2: expected a key in double quotes, not the end of the file\n",
      'rules/b.json:2:17: when.range: needs "min", "max" or both\n',
      "rules/b.json:2:42: when.range.minimum: is not known here; known are measure, min, max, overrides, deadband\n",
    ].join(""),
  });
  const { code, stdout } = await seen(["check", "--json"], { "a.json": "{" });
  expect([code, JSON.parse(stdout)]).toEqual([
    1,
    {
      ok: false,
      version: null,
      rules: 0,
      warnings: [],
      problems: [
        {
          file: "rules/a.json",
          line: 1,
          column: 2,
          message: "expected a key in double quotes, not the end of the file",
        },
      ],
    },
  ]);
});

test("a folder that cannot be read is a wrong call, reported on stderr, for every command", async () => {
  for (const [argv, line] of [
    [["check"], "agent rules check"],
    [["check", "--json"], "agent rules check"],
    [["test"], "agent rules test"],
    [["list", "--rules"], "agent rules list --rules"],
  ] as const) {
    const [missing, file] = [await seen([...argv, "nope"]), await seen([...argv, "rules/a.json"], { "a.json": good })];
    expect([argv, missing]).toEqual([
      argv,
      {
        code: 2,
        stdout: "",
        said: ['Cannot read the rules folder "nope": there is no such folder', `Try: ${line.replace(" --rules", "")}`],
      },
    ]);
    expect([argv, file]).toEqual([
      argv,
      {
        code: 2,
        stdout: "",
        said: ['Cannot read the rules folder "rules/a.json": it is a file, not a folder', `Try: ${line} rules`],
      },
    ]);
  }
});

test("without a folder rules check and rules test use the rules in the binary, and say so", async () => {
  expect((await seen(["check"])).stdout).toMatch(/^The rules in the binary are fine: \d+ rules, version \w{12}\.\n$/);
  const { code, stdout } = await seen(["test"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/\n\d+ passed, 0 failed \(the rules in the binary\)\n$/)]);
  expect((await seen(["check"], {})).stdout).toStartWith("rules:1:1: Cannot read rules folder: there is no *.json");
});

test("rules test runs the rules' own tests and shows those that fail", async () => {
  expect(await seen(["test"], { "a.json": good, "b.json": '{"name":"x","when":{"expression":"a > 1.0"}}' })).toEqual({
    code: 0,
    stdout: "pass  damp (1 test)\nnone  x (0 tests)\n1 passed, 0 failed\n",
  });
  expect(await seen(["test"], { "a.json": good, "b.json": failing })).toEqual({
    code: 1,
    stdout: [
      "pass  damp (1 test)\n",
      "FAIL  wet (1 test)\n",
      'rules/b.json:1:109: test of "wet" failed: expected breaks true, but within its limits\n',
      "1 passed, 1 failed\n",
    ].join(""),
  });
});

test("rules schema prints the JSON Schema that the shipped files name", async () => {
  const { code, stdout } = await seen(["schema"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(await Bun.file("docs/schema/rule.schema.json").json());
});

test("rules list shows the rules of ./rules, or those of the binary where there is no folder", async () => {
  expect((await seen(["list"], { "a.json": good })).stdout).toMatch(
    /^damp {2}warning {3}range {7}humidity\n1 rule from rules, version [0-9a-f]{12}\n$/,
  );
  const { code, stdout } = await seen(["list", "--json"]);
  expect([code, JSON.parse(stdout)]).toMatchObject([
    0,
    { from: "the binary", version: expect.stringMatching(/^\w{12}$/) },
  ]);
  expect((await seen(["list"], { "a.json": bad })).code).toBe(1);
  // What a run would use: it waits there for the first rule file.
  expect((await seen(["list"], {})).stdout).toContain("23 rules from the binary");
});
