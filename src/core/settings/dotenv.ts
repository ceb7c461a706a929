/**
 * `.env`, read by us and not by the engine, so that `agent config show` can tell where a value came from and so that the
 * compiled binary reads exactly one file: that of the working directory.
 */
import { parseEnv } from "node:util";

export type Variables = Readonly<Record<string, string | undefined>>;

/** At most this much of a `.env` is read: a longer one is not a `.env`. */
export const DOTENV_MAX_BYTES = 1024 * 1024;

export function parseDotenv(text: string): Variables {
  return parseEnv(text);
}

/**
 * Lines that are no assignment, which `parseEnv` would pass over in silence, as `.env:LINE:COLUMN: …`. What stands there is
 * not told: it may be a secret whose `=` was forgotten.
 */
export function dotenvProblems(text: string, file = ".env"): string[] {
  const problems: string[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (/^\s*(#|$)/.test(line)) continue;
    const found = /^\s*(?:export\s+)?[A-Za-z_][\w.-]*\s*=\s*(["'`]?)(.*)$/.exec(line);
    if (found === null) {
      const column = line.search(/\S/) + 1;
      problems.push(`${file}:${i + 1}:${column}: expected NAME=value, or a comment that begins with #`);
      continue;
    }
    const [, quote = "", rest = ""] = found;
    if (quote === "" || rest.includes(quote)) continue;
    // A quoted value may go on over lines; where its end never comes, it is as it stands.
    const end = lines.findIndex((later, at) => at > i && later.includes(quote));
    if (end > 0) i = end;
  }
  return problems;
}

/**
 * What the AWS SDK must find in the environment: it reads `AWS_PROFILE`, keys and many more by itself. Only what is
 * absent there, because the environment wins over `.env`.
 */
export function awsVariables(dotenv: Variables, env: Variables): Record<string, string> {
  const missing: Record<string, string> = {};
  for (const [name, value] of Object.entries(dotenv)) {
    if (name.startsWith("AWS_") && value && !env[name]) missing[name] = value;
  }
  return missing;
}
