import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommandLine, type World } from "./frame/commands.ts";

const HOME = mkdtempSync(join(tmpdir(), "config-cli-"));
afterAll(() => rmSync(HOME, { recursive: true }));

/** Runs a command line in a folder that holds these files. */
async function seen(line: string, files: Readonly<Record<string, string>> = {}, more: Partial<World> = {}) {
  const cwd = mkdtempSync(join(HOME, "case-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(cwd, name, ".."), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  let stdout = "";
  const said: string[] = [];
  const world: World = {
    env: {},
    dotenv: {},
    cwd,
    terminal: false,
    stop: new AbortController().signal,
    write: async (data) => {
      stdout += typeof data === "string" ? data : new TextDecoder().decode(data);
    },
    say: (text) => void said.push(text),
    ...more,
  };
  const code = await runCommandLine(line.split(" "), world);
  return { code, lines: stdout.split("\n").filter((text) => text !== ""), said, cwd };
}

const profile = '{"name": "room",\n "measures": [{"name": "co2", "unit": 5, "plausible": [350, 5000]}]}';
const map = '{"fields": {"c": "co2"},\n "drp": []}';

test("config check reads the files that the settings name, and reports all their problems at once", async () => {
  const files = { "p.json": profile, "m.json": map, "r/a.json": "{", data: "", "lake/x": "" };
  const line =
    "config check --profile p.json --map m.json --rules r --data-dir data/in --store dir:lake/x --source stdin:x";
  const { code, lines, said, cwd } = await seen(line, files);
  expect([code, said]).toEqual([1, []]);
  expect(lines).toEqual([
    "p.json:2:39: measures[0].unit: must be a text of at most 32 characters, empty where there is no unit, not 5",
    "m.json:2:2: drp: is not known here; did you mean drop?",
    'Cannot use source "stdin:x": stdin: has no path; only parameters follow, behind a ?',
    "r/a.json:1:2: expected a key in double quotes, not the end of the file",
    `Cannot write to data dir "data/in": "${cwd}/data" is a file, not a folder`,
    `Cannot deliver to store "dir:lake/x": "${cwd}/lake/x" is a file, not a folder`,
  ]);
});

test("a missing file or folder is a problem, except where a run makes it by itself", async () => {
  const { code, lines } = await seen(
    "config check --profile nix --map nix.json --rules nix --data-dir a/b --store dir:c/d",
  );
  expect([code, lines]).toEqual([
    1,
    [
      'Cannot read profile "nix": it is neither a shipped profile (environmental, wind-turbine) nor a file',
      'Cannot read map "nix.json": there is no such file',
      'Cannot read the rules folder "nix": there is no such folder',
    ],
  ]);
  const good = { "p.json": profile.replace("5,", '"ppm",'), "m.json": map.replace("drp", "drop") };
  expect((await seen("config check --profile p.json --map m.json", good)).lines).toEqual([
    expect.stringMatching(/^The settings are fine: 2 given/),
  ]);
});

test("a simulator fills buckets only when it is named", async () => {
  const refused =
    'Cannot run without a source into "s3:": the simulator, the default, fills buckets only when it is named';
  const hint = "Try: agent run --source sqlite:field.db --store s3:";
  expect((await seen("config check --store s3:")).lines).toEqual([refused]);
  const { code, said } = await seen("run --store s3:");
  expect([code, said]).toEqual([2, [refused, hint]]);
  expect((await seen("config check --store s3: --source simulator:")).code).toBe(0);
  expect((await seen("config check --store dir:lake")).code).toBe(0);
});

test("an empty ./rules is not a problem, since a run waits there for the first rule file; an empty folder that was named is", async () => {
  expect((await seen("config check", { "rules/notes.txt": "" })).code).toBe(0);
  const named = await seen("config check --rules rules", { "rules/notes.txt": "" });
  expect([named.code, named.lines]).toEqual([1, [expect.stringContaining("there is no *.json file in it")]]);
});

test("run reports the same of a profile, a mapping and its sources, all at once, and exits 2", async () => {
  const line = "run --profile p.json --map m.json --source sqlite:b.db --source sqlite:./b.db --once";
  const { code, said } = await seen(line, { "p.json": profile, "m.json": map });
  expect([code, said]).toEqual([
    2,
    [
      "p.json:2:39: measures[0].unit: must be a text of at most 32 characters, empty where there is no unit, not 5",
      "m.json:2:2: drp: is not known here; did you mean drop?",
      'Cannot open source "sqlite:./b.db": it is the same table as "sqlite:b.db"',
      "Try: agent config check",
    ],
  ]);
  const other = await seen("config check --source sqlite:b.db --source sqlite:b.db?table=other");
  expect(other.code).toBe(0);
});

test("config check reads the map of every source that names one, and reports its problems once", async () => {
  const files = { "m.json": map, "ok.json": "{}" };
  const check = "config check --source stdin:?map=m.json --source sqlite:b.db?map=";
  for (const other of ["m.json", "ok.json"]) {
    const { code, lines } = await seen(`${check}${other}`, files);
    expect([code, lines]).toEqual([
      1,
      [expect.stringMatching(/^m\.json:1:18: fields\.c: "co2" is neither/), expect.stringMatching(/^m\.json:2:2: drp/)],
    ]);
  }
  expect((await seen(`${check}ok.json`, { "m.json": "{}", "ok.json": "{}" })).code).toBe(0);
});

test("a line of .env without an assignment is a problem of every command that has settings", async () => {
  const more = { dotenvProblems: [".env:3:1: expected NAME=value, or a comment that begins with #"] };
  const checked = await seen("config check", {}, more);
  expect([checked.code, checked.lines]).toEqual([1, more.dotenvProblems]);
  const run = await seen("run --once", {}, more);
  expect([run.code, run.said[0]]).toEqual([2, more.dotenvProblems[0]!]);
});

test("a name in the environment that only looks like a setting is a warning, no more", async () => {
  const more = { env: { AGENT_STOER: "s3:", HOME: "/" } };
  const { code, said } = await seen("config check", {}, more);
  const warning = "AGENT_STOER in the environment is not a setting and is ignored; did you mean AGENT_STORE?";
  expect([code, said]).toEqual([0, [warning]]);
  const { lines } = await seen("config check --json", {}, more);
  expect(JSON.parse(lines.join(""))).toEqual({ ok: true, problems: [], warnings: [warning] });
});
