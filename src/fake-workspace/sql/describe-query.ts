/** `DESCRIBE QUERY SELECT …`: analysed, not run. The names of its columns and of the tables it reads; types are not worked out. */
import { outputColumns } from "./output-columns.ts";
import { SqlProblem, type Word, wordsOf } from "./words.ts";

export type QueryShape = { readonly columns: readonly string[]; readonly tables: readonly (readonly string[])[] };

const STATEMENT = /^(?:\s+|--[^\n]*(?:\n|$))*DESC(?:RIBE)?\s+QUERY\b([\s\S]*)$/i;

/** Null where the statement is another one. Throws SqlProblem where the query cannot be read. */
export function describedQuery(text: string): QueryShape | null {
  const query = STATEMENT.exec(text)?.[1];
  if (query === undefined) return null;
  try {
    return { columns: outputColumns(query), tables: tablesOf(wordsOf(query)) };
  } catch (error) {
    if (error instanceof SqlProblem) throw error;
    throw new SqlProblem("PARSE_SYNTAX_ERROR", "42601", `This fake cannot describe the query: ${error}.`);
  }
}

/** What follows FROM (not that of IS DISTINCT FROM) and JOIN, and is neither a query nor named by WITH. */
function tablesOf(words: readonly Word[]): string[][] {
  const is = (at: number, text: string) => words[at]?.kind !== "text" && words[at]?.text.toUpperCase() === text;
  const named = words.flatMap(({ text }, at) => (is(at + 1, "AS") && is(at + 2, "(") ? [text.toLowerCase()] : []));
  const tables = words.flatMap((word, at) => {
    const isBehind = (is(at, "FROM") && !is(at - 1, "DISTINCT")) || is(at, "JOIN");
    if (word.kind !== "word" || !isBehind || is(at + 1, "(")) return [];
    const parts: string[] = [];
    for (let next = at + 1; words[next] !== undefined; next += 2) {
      parts.push(words[next]!.text);
      if (!is(next + 1, ".")) break;
    }
    return [parts];
  });
  return tables.filter((parts) => parts.length > 1 || !named.includes(parts[0]?.toLowerCase() ?? ""));
}
