/** Every `Try:` line, as the source has it: a command that can be pasted as it is. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMANDS, runCommandLine, type World } from "../cli/frame/commands.ts";
import { notPasteable } from "./pasteable.ts";

const SOURCE = join(import.meta.dir, "..");
type Hint = { readonly at: string; readonly text: string };

const TEXT =
  /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\})*`/g;

/** The place of a value in a template. It becomes a word, or the command of the file. */
const VALUE = /\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\}/g;
/** Where a constant, an item of a list or a help page's example begins. */
const LISTED = /^\s*(?:export )?const \w+(?:: [^=\n]+)? = |\bexample: |[[(] ?"|, "/gm;
/** A text that is a command where it is put into a constant or a table. */
const COMMAND = /^(?:(?:agent|aws|databricks|export) \w|(?:df|dmesg|ls|lsof|ps|sqlite3|ss|timedatectl) )/;
const TYPED = /\b(typed|again)\b/;
/** A flag that a caller hands in. */
const ANY_FLAG = /--\$\{name\}/;
/** Words that may be absent: a choice with an empty text, right behind a word. */
const MAYBE = /(?<=\w)\$\{[^{}`]*""(?:[^{}`]|`[^`]*`)*\}/g;
/** A command line that a caller hands in. */
const HANDED = /\{(line|command)\}/;

/** The texts of the expression that begins at `from`: up to the comma or bracket that ends it, both branches of a choice. */
function textsOf(code: string, from: number): string[] {
  const texts: string[] = [];
  let depth = 0;
  for (let at = from; at < code.length; at++) {
    TEXT.lastIndex = at;
    const text = /["'`]/.test(code[at]!) ? TEXT.exec(code) : null;
    if (text?.index === at) {
      // A text that is compared is none.
      if (depth === 0 && !/[=!]== $/.test(code.slice(from, at))) texts.push(text[0].slice(1, -1));
      at += text[0].length - 1;
    } else if ("([{".includes(code[at]!)) depth++;
    else if (")]}".includes(code[at]!) && depth-- === 0) break;
    else if (",;".includes(code[at]!) && depth === 0) break;
  }
  return texts;
}

/** The texts behind `tryHint:` and `try:`, commands in constants and tables, and what is behind `Try:` in a message. */
function hintsIn(path: string): Hint[] {
  const code = readFileSync(join(SOURCE, path), "utf8").replace(/^\s*(?:\/\*\*|\*|\/\/).*$/gm, "");
  const named = [...code.matchAll(/\b(?:tryHint|try):/g)].flatMap(({ index, 0: word }) =>
    textsOf(code, index + word.length),
  );
  const listed = [...code.matchAll(LISTED)].flatMap(({ index, 0: word }) => {
    const texts = textsOf(code, index + word.replace(/"$/, "").length);
    return texts.filter((text) => COMMAND.test(text) && !text.endsWith("\\n"));
  });
  const said = [...code.matchAll(TEXT)].flatMap(([text]) => text.slice(1, -1).split("Try: ").slice(1));
  const typed = `agent ${path.replace(/^cli\/|\.ts$/g, "").replaceAll("/", " ")}`;
  const filled = (place: string, at: number, text: string) => {
    if (TYPED.test(place)) return typed;
    if (HANDED.test(place)) return "agent config show";
    // Behind a letter it is a word of its own, or nothing: `agent rules check${folder}`.
    return /[a-z]/.test(text[at - 1] ?? "") ? " value" : "value";
  };
  return [...named, ...listed, ...said]
    .map((text) =>
      text
        .replaceAll(/\\(["'`\\])/g, "$1")
        .replace(ANY_FLAG, "--help")
        .replaceAll(MAYBE, "")
        .replaceAll(VALUE, filled),
    )
    .filter((text) => text !== "value" && text !== "")
    .map((text) => ({ at: path, text }));
}

test("what can be pasted, and what cannot", () => {
  const good = [
    "agent provision apply --force",
    "agent --version",
    'agent query "SELECT * FROM a.b.c"',
    "aws iam delete-access-key --user-name a --access-key-id AKIA",
    'databricks api patch /api/2.1/x --json \'{"owner":"me"}\'',
    "export AGENT_EDGE_NODES='*'",
    "export AGENT_AWS_ACCOUNT_ID=$(aws sts get-caller-identity --query Account --output text)",
    "AWS_REGION=us-west-2",
    "S3_BUCKET_PREFIX=acme AWS_REGION=us-west-2 agent run --store s3:",
    "python3 to-ndjson.py < data.csv | agent run --source stdin: --once",
    'ls -ld lake && sudo chown -R "$(id -un)" lake',
  ];
  expect(good.map(notPasteable)).toEqual(good.map(() => null));
  const bad = [
    "the same command again",
    "agent provision apply --forc",
    "agent provison apply",
    "agent provision apply --yes, when all of it may go",
    "databricks configure, or DATABRICKS_HOST and DATABRICKS_TOKEN",
    "agent config show   # is it right?",
    "DATABRICKS_HOST=https://dbc-….cloud.databricks.com",
    "S3_PREFIX=acme",
    "look at it in the workspace",
    "unset DATABRICKS_TOKEN to use the other",
    "agent provision export terraform|pulumi",
    "agent status | less",
    "agent status: shows it",
    "AGENT_STORE=s3: AWS_REGION=us-west-2",
    "",
  ];
  expect(bad.filter((hint) => notPasteable(hint) === null)).toEqual([]);
});

test("every Try: line is a command that can be pasted as it is", () => {
  const paths = [...new Bun.Glob("**/*.ts").scanSync({ cwd: SOURCE })].filter((path) => !path.startsWith("testing/"));
  const hints = [...new Set(paths)]
    .filter((path) => !/\.(test|suite)\.ts$/.test(path))
    .sort()
    .flatMap(hintsIn);
  expect(hints.length).toBeGreaterThan(100);
  const wrong = hints.flatMap(({ at, text }) => {
    const why = notPasteable(text);
    return why === null ? [] : [`${at}: ${text}: ${why}`];
  });
  expect(wrong).toEqual([]);
});

/** Calls that are wrong in a value, by the way of saying so that they meet. */
const WRONG_VALUES = [
  ["run --for x", "run --source nix:", "run --source sqlite:none.db --once", "run --store x:", "run --store s3:x"],
  [
    "run --store dir:",
    "run --map none.json",
    "run --profile nix",
    "run --rules none",
    "run --once --source stdin:?a=1",
  ],
  ["demo --for 10", "simulate --rate x", "simulate --out nix", "simulate --out mqtt://h", "simulate --start x"],
  ["simulate --count x", "lake head --count x", "lake head --stage x", "verify --settle x", "verify --settle 90"],
  ["tail --lines x", "tail --stage x", "status", "tail", "why x", "verify", "rules backtest --since x"],
  ["rules backtest --until x", "rules backtest --since 1h --until 2h", "rules backtest --rules none"],
  ["rules check none", "rules test none", "rules check package.json", "rules list --rules none", "query --limit x q"],
  ["query throughput --local --since x", "query throughputt --local", "provision export x", "provision plan --only x"],
  ["no-such-command", "lake no-such-command", "--no-such-flag"],
].flat();

test("what is said of a wrong call ends in a command that can be pasted", async () => {
  const dir = mkdtempSync(join(tmpdir(), "hints-"));
  writeFileSync(join(dir, "package.json"), "{}");
  const pages: string[] = [];
  for (const [name, load] of Object.entries(COMMANDS)) {
    const entry = await load();
    pages.push(...("group" in entry ? Object.keys(entry.group.commands).map((sub) => `${name} ${sub}`) : [name]));
  }
  const calls = [...WRONG_VALUES, ...pages.flatMap((page) => [`${page} --no-such-flag`, `${page} one too many words`])];
  const wrong: string[] = [];
  let hints = 0;
  for (const call of calls) {
    const said: string[] = [];
    const world: World = {
      env: {},
      dotenv: {},
      cwd: dir,
      write: async () => {},
      say: (line) => void said.push(line),
      terminal: false,
      stop: AbortSignal.abort(),
    };
    const code = await runCommandLine(call.split(" "), world);
    const tries = said.filter((line) => line.startsWith("Try: ")).map((line) => line.slice("Try: ".length));
    hints += tries.length;
    if (code !== 0 && tries.length === 0) wrong.push(`agent ${call}: no Try: line in ${JSON.stringify(said)}`);
    for (const hint of tries) {
      const why = notPasteable(hint);
      if (why !== null) wrong.push(`agent ${call}: ${hint}: ${why}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(hints).toBeGreaterThan(80);
});
