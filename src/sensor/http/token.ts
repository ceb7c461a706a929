/** The token that senders must have. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf, UsageError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";

/** Short ones can be guessed over a network. */
const LEAST_CHARACTERS = 16;

export type TokenSettings = { readonly httpToken: string | null; readonly httpTokenFile: string | null };

/** Null where none is set. Throws a UsageError where the file cannot be read, or the token is too short. */
export function httpToken({ httpToken, httpTokenFile }: TokenSettings, cwd: string): string | null {
  if (httpToken !== null && httpTokenFile !== null) {
    throw new UsageError("Cannot choose a token: AGENT_HTTP_TOKEN and AGENT_HTTP_TOKEN_FILE are both set", {
      tryHint: "agent config show",
    });
  }
  const token = httpToken ?? (httpTokenFile === null ? null : firstLineOf(httpTokenFile, cwd));
  if (token === null || token.length >= LEAST_CHARACTERS) return token;
  const name = httpToken === null ? "AGENT_HTTP_TOKEN_FILE" : "AGENT_HTTP_TOKEN";
  throw new UsageError(
    `Cannot use the token of ${name}: it has less than ${LEAST_CHARACTERS} characters; openssl rand -hex 32 makes one`,
    {
      tryHint: "agent config show",
    },
  );
}

function firstLineOf(path: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, path), "utf8").split(/\r?\n/, 1)[0]?.trim() ?? "";
  } catch (error) {
    throw new UsageError(`Cannot read AGENT_HTTP_TOKEN_FILE "${path}": ${messageOf(error)}`, {
      tryHint: `ls -l ${shellWord(path)}`,
    });
  }
}
