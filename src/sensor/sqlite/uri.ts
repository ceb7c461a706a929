/** `sqlite:PATH[?table=NAME]`: which table of which file. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../../core/errors.ts";

const DEFAULT_TABLE = "sensor_readings";

/** Throws a UsageError for anything else. */
export function parseSqliteUri(uri: string): { readonly path: string; readonly table: string } {
  const refuse = (why: string): never => {
    throw new UsageError(`Cannot use source "${uri}": ${why}`, {
      tryHint: `agent run --source 'sqlite:field.db?table=${DEFAULT_TABLE}'`,
    });
  };
  if (!uri.startsWith("sqlite:")) refuse("it does not begin with sqlite:");
  const query = uri.lastIndexOf("?");
  const path = uri.slice("sqlite:".length, query < 0 ? undefined : query);
  if (path === "") refuse("the path of the database is missing");
  const parameters = new URLSearchParams(query < 0 ? "" : uri.slice(query + 1));
  for (const name of parameters.keys()) if (name !== "table") refuse(`there is no parameter "${name}", only "table"`);
  const table = parameters.get("table") ?? DEFAULT_TABLE;
  if (table === "") refuse("the name of the table is empty");
  return { path, table };
}

/** A text that is the same for every way to write the same table of the same file, through links too. */
export function sameTable(uri: string, cwd: string): string {
  const { path, table } = parseSqliteUri(uri);
  const whole = resolve(cwd, path);
  try {
    const { dev, ino } = statSync(whole, { bigint: true });
    return JSON.stringify([`${dev}:${ino}`, table.toLowerCase()]);
  } catch {
    return JSON.stringify([whole, table.toLowerCase()]);
  }
}

/** Whether `other`, which may be the URI of anything, is another spelling of the table of `uri`. */
export function isSameTable(uri: string, other: string, cwd: string): boolean {
  try {
    return other.startsWith("sqlite:") && sameTable(other, cwd) === sameTable(uri, cwd);
  } catch {
    return false;
  }
}
