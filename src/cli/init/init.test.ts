import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dotenvProblems, parseDotenv } from "../../core/settings/dotenv.ts";
import { SETTING_NAMES } from "../../core/settings/settings.ts";
import { SHIPPED_FILES } from "../../rules/files/shipped.ts";
import { runCommandLine, type World } from "../frame/commands.ts";
import { jsonText } from "./json-text.ts";

const HOME = mkdtempSync(join(tmpdir(), "init-cli-"));
afterAll(() => rmSync(HOME, { recursive: true }));
const empty = () => mkdtempSync(join(HOME, "case-"));

async function seen(line: string, cwd: string, env: World["env"] = {}) {
  let stdout = "";
  const said: string[] = [];
  const dotenv = existsSync(join(cwd, ".env")) ? parseDotenv(readFileSync(join(cwd, ".env"), "utf8")) : {};
  const code = await runCommandLine(line.split(" "), {
    env,
    dotenv,
    cwd,
    terminal: false,
    stop: new AbortController().signal,
    write: async (data) => {
      stdout += typeof data === "string" ? data : new TextDecoder().decode(data);
    },
    say: (text) => void said.push(text),
  });
  return { code, stdout, said };
}

const NEXT = `
Next:
  agent config check                                        # settings, profile, map and rules
  agent run --for 10s                                       # ten seconds with simulated sensors, into ./lake
  agent status                                              # how much was taken, and every problem
  agent config check --profile profile.json --map map.json  # after you edited both; then set them in .env
  agent rules test                                          # after you edited rules/
`;

test("agent init writes what a person edits, and says what to do next", async () => {
  const cwd = empty();
  expect(await seen("init", cwd)).toEqual({
    code: 0,
    said: [],
    stdout: `file                   what it is
.env          written  every setting, commented out; only you can read it
profile.json  written  what your sensors measure
map.json      written  how your rows become readings
rules/        written  the 23 rules in the binary, in 9 files
${NEXT}`,
  });
  expect(readdirSync(cwd).toSorted()).toEqual([".env", "map.json", "profile.json", "rules"]);
  if (process.platform !== "win32") expect(statSync(join(cwd, ".env")).mode & 0o777).toBe(0o600);
  const text = readFileSync(join(cwd, ".env"), "utf8");
  expect([parseDotenv(text), dotenvProblems(text), text.match(/^# [A-Z0-9_]+=/gm)?.length]).toEqual([
    {},
    [],
    SETTING_NAMES.length,
  ]);
});

test("what it writes passes every check, as it is and with the profile and the map in force", async () => {
  const cwd = empty();
  await seen("init", cwd);
  const given = "--profile profile.json --map map.json";
  expect((await seen("config check", cwd)).stdout).toMatch(/^The settings are fine: 0 given/);
  expect((await seen(`config check ${given}`, cwd)).stdout).toMatch(/^The settings are fine: 2 given/);
  const checked = await seen("rules check", cwd, { AGENT_PROFILE: "profile.json" });
  expect(checked).toMatchObject({
    code: 0,
    said: [],
    stdout: expect.stringMatching(/^The rules in rules are fine: 23 rules/),
  });
  expect(await seen("rules test", cwd)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\n84 passed, 0 failed\n$/),
  });
});

test("nothing that is there is changed: not by a second time, not a link, not a folder of rules", async () => {
  const cwd = empty();
  writeFileSync(join(cwd, ".env"), "AGENT_LOG=warn\n");
  chmodSync(join(cwd, ".env"), 0o644);
  symlinkSync(join(cwd, "nowhere"), join(cwd, "map.json"));
  mkdirSync(join(cwd, "rules"));
  writeFileSync(join(cwd, "rules", "own.json"), "{}");
  const { code, stdout } = await seen("init", cwd);
  expect([code, stdout]).toEqual([
    0,
    `file                   what it is
.env          kept     it was there, and is as it was
profile.json  written  what your sensors measure
map.json      kept     it was there, and is as it was
rules/        kept     it had rule files, and is as it was
${NEXT}`,
  ]);
  expect(readFileSync(join(cwd, ".env"), "utf8")).toBe("AGENT_LOG=warn\n");
  expect([existsSync(join(cwd, "nowhere")), readdirSync(join(cwd, "rules"))]).toEqual([false, ["own.json"]]);
  writeFileSync(join(cwd, "profile.json"), "mine");
  await seen("init", cwd);
  expect(readFileSync(join(cwd, "profile.json"), "utf8")).toBe("mine");
});

test("with a folder the next step is to go there; --json says the same to a script; it works with wrong settings too", async () => {
  const cwd = empty();
  const { code, stdout } = await seen("init a/b --json", cwd, { AGENT_PUTS: "none" });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    dir: "a/b",
    files: [
      { file: "a/b/.env", outcome: "written", about: "every setting, commented out; only you can read it" },
      { file: "a/b/profile.json", outcome: "written", about: "what your sensors measure" },
      { file: "a/b/map.json", outcome: "written", about: "how your rows become readings" },
      { file: "a/b/rules/", outcome: "written", about: "the 23 rules in the binary, in 9 files" },
    ],
    next: [
      "cd a/b",
      "agent config check",
      "agent run --for 10s",
      "agent status",
      "agent config check --profile profile.json --map map.json",
      "agent rules test",
    ],
  });
});

test("a file in the place of the folder is a wrong call, and says so", async () => {
  const cwd = empty();
  writeFileSync(join(cwd, "taken"), "");
  for (const line of ["init taken", "rules init taken", "rules init taken/below"]) {
    const { code, stdout, said } = await seen(line, cwd);
    expect([line, code, stdout, said[0]]).toEqual([
      line,
      2,
      "",
      expect.stringMatching(/^Cannot write to "taken.*": it is a file, not a folder$/),
    ]);
  }
});

const RULES_TABLE = (
  outcome: string,
) => `file                         ${"".padEnd(outcome.length)}  rules  for readings of profile
rules/humidity-range.json    ${outcome}      1  environmental
rules/missing-measure.json   ${outcome}      1  environmental, wind-turbine
rules/pressure-range.json    ${outcome}      1  environmental
rules/sensor-flag.json       ${outcome}      1  environmental, wind-turbine
rules/stuck.json             ${outcome}      5  environmental, wind-turbine
rules/temperature-range.json ${outcome}      1  environmental, wind-turbine
rules/vibration-range.json   ${outcome}      1  environmental
rules/voltage-range.json     ${outcome}      1  environmental
rules/wind-turbine.json      ${outcome}     11  wind-turbine
`;
/** The columns of a table are as wide as what is in them; only the words are compared. */
const words = (text: string) =>
  text
    .replace(/ {2,}/g, "  ")
    .replace(/ (written|kept) /g, "  $1 ")
    .replace(/ {2,}/g, "  ");

test("agent rules init writes the shipped rules as the same set, says for which profile each is, and what to do next", async () => {
  const cwd = empty();
  const { code, stdout } = await seen("rules init", cwd);
  expect([code, words(stdout)]).toEqual([
    0,
    words(`${RULES_TABLE("written")}
9 files written, 0 kept. An agent that runs with this folder takes them within a second.
Next:
  agent rules check
  agent rules test
`),
  ]);
  expect(readdirSync(join(cwd, "rules")).toSorted()).toEqual(Object.keys(SHIPPED_FILES));
  const inFolder = await seen("rules check --json", cwd);
  const inBinary = await seen("rules check --json", empty());
  expect(JSON.parse(inFolder.stdout)).toEqual(JSON.parse(inBinary.stdout));
});

test("agent rules init keeps existing files and reports where the whole is refused", async () => {
  const cwd = empty();
  mkdirSync(join(cwd, "new"));
  writeFileSync(
    join(cwd, "new", "stuck.json"),
    '{"name":"my-stuck","when":{"stuck":{"measure":"temperature","for":"1h"}}}',
  );
  const kept = await seen("rules init new", cwd);
  expect([kept.code, kept.stdout.split("\n").slice(-6)]).toEqual([
    0,
    [
      "8 files written, 1 kept. An agent that runs with this folder takes them within a second.",
      "Next:",
      "  agent rules check new",
      "  agent rules test new",
      "  agent run --rules new",
      "",
    ],
  ]);
  expect(readFileSync(join(cwd, "new", "stuck.json"), "utf8")).toContain("my-stuck");
  writeFileSync(join(cwd, "new", "zz.json"), '{"name":"my-stuck","when":{"gap":{"longer_than":"1h"}}}');
  const refused = await seen("rules init new --json", cwd);
  const report = JSON.parse(refused.stdout) as {
    ok: boolean;
    files: { outcome: string }[];
    problems: { file: string }[];
  };
  expect([refused.code, report.ok, report.problems.map(({ file }) => file)]).toEqual([1, false, ["new/zz.json"]]);
  expect(new Set(report.files.map(({ outcome }) => outcome))).toEqual(new Set(["kept"]));
});

test("JSON is laid out as a person would, and reads back as it was", () => {
  for (const value of [...Object.values(SHIPPED_FILES), [], {}, { a: [] }, { long: ["x".repeat(200)] }, "text", null]) {
    expect(JSON.parse(jsonText(value))).toEqual(value as never);
  }
  expect(jsonText({ a: [1, 2], b: { c: "d" } })).toBe('{ "a": [1, 2], "b": { "c": "d" } }\n');
  expect(jsonText({ a: "x".repeat(120), b: [{ c: 1 }] })).toBe(
    `{\n  "a": "${"x".repeat(120)}",\n  "b": [{ "c": 1 }]\n}\n`,
  );
});
