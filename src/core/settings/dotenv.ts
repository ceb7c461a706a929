/**
 * `.env`, read by us and not by the engine, so that `agent config show` knows where a value came from, and so that the
 * compiled binary reads exactly one file: that of the working directory.
 */
export type Variables = Readonly<Record<string, string | undefined>>;

/** At most this much of a `.env` is read: a longer one is not a `.env`. */
export const DOTENV_MAX_BYTES = 1024 * 1024;

export function parseDotenv(text: string): Variables {
  // Most starts on a device find no `.env`, and the module costs some ms.
  if (text === "") return {};
  const { parseEnv } = require("node:util") as typeof import("node:util");
  return parseEnv(text);
}

/**
 * Lines without an assignment, which `parseEnv` would skip in silence, as `.env:LINE:COLUMN: …`. A problem never quotes its
 * line: it may be a secret whose `=` was forgotten.
 */
export function dotenvProblems(text: string, file = ".env"): string[] {
  return readLines(text).flatMap((line) =>
    "problem" in line ? [`${file}:${line.number}:${line.column}: ${line.problem}`] : [],
  );
}

/** The line, from 1 on, that gives each variable its value: the last one that assigns it. */
export function dotenvLines(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    readLines(text).flatMap((line) => ("name" in line ? [[line.name, line.number] as const] : [])),
  );
}

type DotenvLine =
  | { readonly number: number; readonly name: string }
  | { readonly number: number; readonly column: number; readonly problem: string };

const NULS = "there are NULs, as a loss of power leaves them; write the line again";

/** The assignments and the problems, in their order. */
function readLines(text: string): DotenvLine[] {
  const read: DotenvLine[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const number = i + 1;
    const lost = line.indexOf("\0");
    if (lost >= 0) {
      read.push({ number, column: lost + 1, problem: NULS });
      continue;
    }
    if (/^\s*(#|$)/.test(line)) continue;
    const found = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(["'`]?)(.*)$/.exec(line);
    if (found === null) {
      const problem = "expected NAME=value, or a comment that begins with #";
      read.push({ number, column: line.search(/\S/) + 1, problem });
      continue;
    }
    const [, name = "", quote = "", rest = ""] = found;
    read.push({ number, name });
    if (quote === "" || rest.includes(quote)) continue;
    // A quoted value may continue over lines; without an end quote it is the text of its line.
    const end = lines.findIndex((later, at) => at > i && later.includes(quote));
    if (end > 0) i = end;
  }
  return read;
}

/**
 * The variables that the AWS SDK must find in the environment: it reads `AWS_PROFILE`, keys and many more by itself. Only
 * those that are absent there, because the environment wins over `.env`.
 */
export function awsVariables(dotenv: Variables, env: Variables): Record<string, string> {
  const missing: Record<string, string> = {};
  for (const [name, value] of Object.entries(dotenv)) {
    if (name.startsWith("AWS_") && value && !env[name]) missing[name] = value;
  }
  return missing;
}
