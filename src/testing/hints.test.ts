/** Every `Try:` line, as the source has it: a command that can be pasted as it is. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { notPasteable } from "./pasteable.ts";

const SOURCE = join(import.meta.dir, "..");
type Hint = { readonly at: string; readonly text: string };

const TEXT =
  /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\})*`/g;

/** The place of a value in a template. It becomes a word, or the command of the file. */
const VALUE = /\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\}/g;
const TYPED = /\b(typed|again)\b/;
/** A flag that a caller hands in. */
const ANY_FLAG = /--\$\{name\}/;
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

/** The texts behind `tryHint:` and `try:`, constants that are commands, and what is behind `Try:` in a message. */
function hintsIn(path: string): Hint[] {
  const code = readFileSync(join(SOURCE, path), "utf8").replace(/^\s*(?:\/\*\*|\*|\/\/).*$/gm, "");
  const named = [...code.matchAll(/\b(?:tryHint|try):/g)].flatMap(({ index, 0: word }) =>
    textsOf(code, index + word.length),
  );
  const constants = [...code.matchAll(/^(?:export )?const [A-Z_]+ =/gm)].flatMap(({ index, 0: word }) => {
    return textsOf(code, index + word.length).filter((text) => /^(agent|aws|databricks|export) \w/.test(text));
  });
  const said = [...code.matchAll(TEXT)].flatMap(([text]) => text.slice(1, -1).split("Try: ").slice(1));
  const typed = `agent ${path.replace(/^cli\/|\.ts$/g, "").replaceAll("/", " ")}`;
  const filled = (place: string) => (TYPED.test(place) ? typed : HANDED.test(place) ? "agent config show" : "value");
  return [...named, ...constants, ...said]
    .map((text) =>
      text
        .replaceAll(/\\(["'`\\])/g, "$1")
        .replace(ANY_FLAG, "--help")
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
