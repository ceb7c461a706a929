import { expect, test } from "bun:test";
import { VERSION } from "../../core/version.ts";
import { COMMANDS, runCommandLine, type World } from "./commands.ts";

/** Runs a command line in a world of its own and returns all that a user would see. */
async function seen(argv: readonly string[], env: Record<string, string> = {}, dotenv: Record<string, string> = {}) {
  let stdout = "";
  const stderr: string[] = [];
  const world: World = {
    env,
    dotenv,
    cwd: "/nowhere",
    write: async (data) => {
      stdout += typeof data === "string" ? data : new TextDecoder().decode(data);
    },
    say: (line) => void stderr.push(line),
    terminal: false,
    stop: new AbortController().signal,
  };
  const code = await runCommandLine(argv, world);
  return { code, stdout, stderr };
}

test("without a command, agent lists its commands, with lines to copy", async () => {
  const { code, stdout } = await seen([]);
  expect(code).toBe(0);
  expect(stdout).toContain("config check|show");
  expect(stdout).toContain("Examples:\n  agent demo\n");
  expect((await seen(["--help"])).stdout).toBe(stdout);
});

test("agent --version says the version in its first line; from the source it knows no commit and no target", async () => {
  const stdout = `agent ${VERSION}\ncommit unknown\ntarget source\nbun ${Bun.version}\n`;
  expect(await seen(["--version"])).toEqual({ code: 0, stdout, stderr: [] });
  expect(JSON.parse((await seen(["--version", "--json"])).stdout)).toEqual({
    version: VERSION,
    commit: null,
    changed: false,
    committed_at: null,
    target: "source",
    bun: Bun.version,
  });
});

test("an unknown command is refused with the one that was probably meant", async () => {
  expect(await seen(["confgi"])).toEqual({
    code: 2,
    stdout: "",
    stderr: ['Cannot understand "confgi": there is no such command; did you mean config?', "Try: agent --help"],
  });
  expect((await seen(["config", "shwo"])).stderr).toEqual([
    'Cannot understand "shwo": there is no such command; did you mean show?',
    "Try: agent config --help",
  ]);
  expect((await seen(["constructor"])).code).toBe(2);
});

test("an unknown flag is refused before anything runs", async () => {
  expect(await seen(["config", "show", "--jsn"])).toEqual({
    code: 2,
    stdout: "",
    stderr: ['Cannot understand "--jsn": there is no such flag; did you mean --json?', "Try: agent config show --help"],
  });
});

test("a value, a flag and a command with the end of a line in them are shown in one line each", async () => {
  const evil = "x\n2026-11-30T00:00:00.000Z ERROR forged: y";
  const shown = "x\\n2026-11-30T00:00:00.000Z ERROR forged: y";
  for (const argv of [[evil], ["config", "show", `--${evil}`], ["config", "check", "--data-dir", evil]]) {
    const { code, stdout, stderr } = await seen(argv);
    expect(code).not.toBe(0);
    const lines = [...stdout.split("\n"), ...stderr];
    expect(lines.filter((line) => line.startsWith("2026"))).toEqual([]);
    expect(lines.join("\n")).toContain(shown);
  }
});

test("every command's help has its summary, its flags with environment name and default, and examples that name it", async () => {
  for (const [name, load] of Object.entries(COMMANDS)) {
    const entry = await load();
    const lines = "command" in entry ? [[name]] : Object.keys(entry.group.commands).map((sub) => [name, sub]);
    for (const line of lines) {
      const { code, stdout } = await seen([...line, "--help"]);
      expect([line, code]).toEqual([line, 0]);
      expect(stdout).toStartWith(`agent ${line.join(" ")}: `);
      expect(stdout).toContain("-h, --help");
      expect(stdout).toMatch(new RegExp(`Examples:\n(.*\n)*.*agent ${line.join(" ")}`));
      expect((await seen(["help", ...line])).stdout).toBe(stdout);
    }
  }
  const { stdout } = await seen(["config", "show", "--help"]);
  expect(stdout.replace(/\s+/g, " ")).toContain("[AGENT_STORE, default: dir:./lake]");
});

/** The command line of every help page: of the agent, of each group and of each command. */
async function helpPages(): Promise<readonly (readonly string[])[]> {
  const pages: string[][] = [[]];
  for (const [name, load] of Object.entries(COMMANDS)) {
    const entry = await load();
    pages.push([name], ...("group" in entry ? Object.keys(entry.group.commands).map((sub) => [name, sub]) : []));
  }
  return pages;
}

test("no help page has an empty list, an empty default or a value that was never set", async () => {
  const empty =
    /\bOne of ?[.,]|\bor ?[.,]|\(\s*\)|\[\s*\]|\[,|default: ?\]|, ?[.,]|\s\.(?=\s|$)|\bundefined\b|\bNaN\b|\[object/;
  expect(
    ["How many. One of .", "Where. [default: ]", "Where. [, default: 1]"].filter((text) => !empty.test(text)),
  ).toEqual([]);
  const pages = await helpPages();
  expect(pages.length).toBeGreaterThan(30);
  for (const page of pages) {
    const { stdout } = await seen([...page, "--help"]);
    const [explained = "", ...examples] = stdout.replace(/\s+/g, " ").split(" Examples: ");
    expect([page, examples.length, empty.exec(explained)?.input ?? null]).toEqual([page, 1, null]);
  }
});

test("no line of any help page is wider than 80 columns, and an example is one line that can be pasted", async () => {
  for (const page of await helpPages()) {
    const { stdout } = await seen([...page, "--help"]);
    expect([page, stdout.split("\n").filter((line) => line.length > 80)]).toEqual([page, []]);
    const [, examples = ""] = stdout.split("Examples:\n");
    const lines = examples.split("\n\n", 1).join("").trimEnd().split("\n");
    expect([page, lines.filter((line) => !/\bagent /.test(line))]).toEqual([page, []]);
  }
});

test("config show prints each value and where it came from, and hides secrets", async () => {
  const env = { AGENT_PUTS: "7", DATABRICKS_TOKEN: "dapi-hidden", AGENT_SOURCE: "mqtt://me:hidden@h/t" };
  const { code, stdout } = await seen(["config", "show", "--json", "--store", "s3:"], env, { AGENT_KEEP: "1h" });
  const rows = JSON.parse(stdout) as { name: string; value: string | null; origin: string }[];
  const row = (name: string) => rows.filter((one) => one.name === name).map((one) => [one.value, one.origin])[0];
  expect(code).toBe(0);
  expect(row("AGENT_PUTS")).toEqual(["7", "environment"]);
  expect(row("AGENT_STORE")).toEqual(["s3:", "flag"]);
  expect(row("AGENT_KEEP")).toEqual(["1h", ".env"]);
  expect(row("AGENT_NODE_ID")).toEqual([null, "default"]);
  expect(row("AGENT_MAP")).toEqual([null, "default"]);
  expect(row("DATABRICKS_TOKEN")).toEqual(["set", "environment"]);
  expect(stdout).not.toContain("hidden");
  expect((await seen(["config", "show"], env)).stdout).not.toContain("hidden");
});

test("config check reports all problems at once and exits 1, and prints one line when all is fine", async () => {
  const bad = await seen(["config", "check", "--store", "x:"], { AGENT_PUTS: "0" });
  expect([bad.code, bad.stdout.trim().split("\n").length]).toEqual([1, 2]);
  const json = await seen(["config", "check", "--json"], { AGENT_PUTS: "0" });
  expect(JSON.parse(json.stdout)).toEqual({
    ok: false,
    problems: ['Cannot use AGENT_PUTS "0" (environment): expected a whole number from 1 to 32'],
    warnings: [],
  });
  const fine = await seen(["config", "check"], { AGENT_PUTS: "3" });
  expect([fine.code, fine.stdout]).toEqual([
    0,
    expect.stringMatching(/^The settings are fine: 1 given, \d+ by default\.\n$/),
  ]);
});
