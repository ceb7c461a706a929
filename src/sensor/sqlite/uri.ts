/**
 * `sqlite:PATH[?table=NAME][&key=COLUMN]`, or `sqlite:PATH?key=COLUMN&query=SELECT …`: what of which file. The query is the last
 * parameter and stands as it is, up to the end.
 */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../../core/errors.ts";
import type { Followed } from "./relation.ts";

const DEFAULT_TABLE = "sensor_readings";
const PARAMETERS = ["table", "key", "query"] as const;
/** A path may hold question marks too. */
const BEGIN = new RegExp(`[?](?=(?:${PARAMETERS.join("|")})=)`);
const QUERY = /(?:^|&)query=(.*)$/s;

/** Throws a UsageError for anything else. */
export function parseSqliteUri(uri: string): { readonly path: string } & Followed {
  const refuse = (why: string): never => {
    throw new UsageError(`Cannot use source "${uri}": ${why}`, {
      tryHint: `agent run --source 'sqlite:field.db?table=${DEFAULT_TABLE}'`,
    });
  };
  if (!uri.startsWith("sqlite:")) refuse("it does not begin with sqlite:");
  const rest = uri.slice("sqlite:".length);
  const known = BEGIN.exec(rest)?.index ?? -1;
  const begin = known < 0 ? rest.lastIndexOf("?") : known;
  const path = begin < 0 ? rest : rest.slice(0, begin);
  if (path === "") refuse("the path of the database is missing");
  const all = begin < 0 ? "" : rest.slice(begin + 1);
  const query = QUERY.exec(all)?.[1]?.trim() ?? null;
  const parameters = new URLSearchParams(all.replace(QUERY, ""));
  for (const name of parameters.keys()) {
    if (!PARAMETERS.some((one) => one === name))
      refuse(`there is no parameter "${name}", only "table", "key" and, at the end, "query"`);
  }
  const key = parameters.get("key");
  if (key === "") refuse("the name of the key is empty");
  if (query === null) {
    const table = parameters.get("table") ?? DEFAULT_TABLE;
    if (table === "") refuse("the name of the table is empty");
    return { path, table, query: null, key };
  }
  if (parameters.has("table")) refuse("it has a table and a query: one of them is followed");
  if (!/^(?:select|with|values)\b/i.test(query)) refuse("the query must begin with SELECT, WITH or VALUES");
  if (key === null)
    refuse("a query needs a key, a column of integers that grow, to say what is new: &key=id before &query=");
  return { path, table: null, query, key };
}

/** A text that is the same for every way to write the same table or query of the same file, through links too. */
export function sameTable(uri: string, cwd: string): string {
  const { path, table, query } = parseSqliteUri(uri);
  const whole = resolve(cwd, path);
  const what = table === null ? { query } : table.toLowerCase();
  try {
    const { dev, ino } = statSync(whole, { bigint: true });
    return JSON.stringify([`${dev}:${ino}`, what]);
  } catch {
    return JSON.stringify([whole, what]);
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
