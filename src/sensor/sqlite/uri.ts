/**
 * `sqlite:PATH[?table=NAME][&key=COLUMN]`, or `sqlite:PATH?key=COLUMN&query=SELECT …`: what of which file. The query is the last
 * parameter and stands as it is, up to the end.
 */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { text } from "../../core/settings/kind.ts";
import { MAP_PARAMETER, readSourceUri, refuseUri } from "../uri-parameters.ts";
import type { Followed } from "./relation.ts";

const DEFAULT_TABLE = "sensor_readings";

const FORM = {
  scheme: "sqlite",
  parameters: {
    table: text("the name of a table", "NAME"),
    key: text("the name of a column", "COLUMN"),
    ...MAP_PARAMETER,
    query: text("an SQL text", "SQL", /^[^\0]+$/),
  },
  tryHint: `agent run --source 'sqlite:field.db?table=${DEFAULT_TABLE}'`,
} as const;

/** Throws a UsageError for anything else. */
export function parseSqliteUri(uri: string): { readonly path: string } & Followed {
  const { place: path, given } = readSourceUri(uri, FORM);
  const refuse = (why: string): never => refuseUri(uri, [why], FORM.tryHint);
  if (path === "") refuse("the path of the database is missing");
  const { query = null, key = null } = given;
  if (query === null) {
    return { path, table: given.table ?? DEFAULT_TABLE, query: null, key };
  }
  if (given.table !== undefined) refuse("it has a table and a query: one of them is followed");
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
