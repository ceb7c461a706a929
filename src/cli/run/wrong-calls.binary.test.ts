/** The compiled binary: a run that can never begin is rare, and what a supervisor keeps of it says why, and where. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-wrong-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(folder, "case-"));

binaryTest("a wrong setting of .env ends a run, and the last line says in which line of the file it is", () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, ".env"), "# ours\nAGENT_KEEP=soon\nAGENT_STORRE=dir:x\n");
  const done = Bun.spawnSync([AGENT_BINARY, "run", "--once"], { cwd, env: {} });
  const lines = done.stderr.toString().trimEnd().split("\n");
  expect([done.exitCode, lines.at(-2)]).toEqual([2, "Try: agent config show"]);
  expect(lines.at(-1)).toMatch(
    /^agent run ended before it began .*: Cannot use AGENT_KEEP "soon" \(\.env:2\): .* \(and 1 more, above\)$/,
  );
  expect(readdirSync(cwd)).toEqual([".env"]);
});

binaryTest(
  "a file that .env names and that cannot be used is in the last line, too; one of a flag is not repeated",
  () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, ".env"), "AGENT_MAP=nowhere.json\n");
    const linesOf = (...args: readonly string[]) =>
      Bun.spawnSync([AGENT_BINARY, "run", ...args], { cwd, env: {} })
        .stderr.toString()
        .trimEnd()
        .split("\n");
    expect(linesOf().at(-1)).toMatch(
      /^agent run ended before it began .*: Cannot read map "nowhere\.json": there is no such file$/,
    );
    expect(linesOf("--map", "other.json").at(-1)).toStartWith("Try: ");
  },
);

binaryTest("a folder as standard input is a wrong call, which changes nothing", () => {
  const cwd = newFolder();
  const done = Bun.spawnSync([AGENT_BINARY, "run", "--source", "stdin:"], { cwd, stdin: openSync(cwd, "r"), env: {} });
  const said = /^Cannot read "stdin:": the standard input is a folder, .*\nTry: agent run --source stdin: /;
  expect([done.exitCode, done.stderr.toString()]).toEqual([2, expect.stringMatching(said)]);
  expect(readdirSync(cwd)).toEqual([]);
});

binaryTest("a standard input that cannot be read to its end is no success", () => {
  const cwd = newFolder();
  const stdin = openSync(join(cwd, "written-only"), "w");
  const args = ["run", "--source", "stdin:", "--once"];
  const done = Bun.spawnSync([AGENT_BINARY, ...args], { cwd, stdin, env: {} });
  expect([done.exitCode, done.stderr.toString()]).toEqual([1, expect.stringContaining("source_ended: ")]);
  expect(done.stderr.toString()).toContain("Everything that could be read was delivered");
});
