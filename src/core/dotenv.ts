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
