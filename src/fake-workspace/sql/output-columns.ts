/**
 * The names of the columns that a query answers with, read from its text: what follows AS, or the last part of a
 * column's name, in the first SELECT that is in no parentheses (that of a UNION names the columns).
 */

type Word = { readonly text: string; readonly depth: number };

/** Throws where a column has no name that could be read, such as `*` or an expression without AS. */
export function outputColumns(sql: string): readonly string[] {
  const words = wordsOf(sql);
  const top = (text: string, after: number) =>
    words.findIndex((word, at) => at > after && word.depth === 0 && word.text.toUpperCase() === text);
  const select = top("SELECT", -1);
  if (select < 0) throw new Error("there is no SELECT");
  const from = top("FROM", select);
  const list = words.slice(select + 1, from < 0 ? words.length : from);
  const columns: Word[][] = [[]];
  for (const word of list) {
    if (word.depth === 0 && word.text === ",") columns.push([]);
    else columns.at(-1)!.push(word);
  }
  return columns.map(nameOf);
}

function nameOf(column: readonly Word[]): string {
  const [last, before] = [column.at(-1), column.at(-2)];
  const named = before?.text.toUpperCase() === "AS" || column.every(({ text }) => text === "." || isName(text));
  if (last === undefined || !named || !isName(last.text)) {
    throw new Error(`column "${column.map(({ text }) => text).join(" ")}" has no name`);
  }
  return last.text.replace(/^`|`$/g, "");
}

const isName = (text: string) => /^(`[^`]+`|[A-Za-z_]\w*)$/.test(text);

/** Names, numbers, signs and texts, each with how many parentheses it is in. Comments are left out. */
function wordsOf(sql: string): readonly Word[] {
  let depth = 0;
  const words: Word[] = [];
  for (const [text] of sql.matchAll(/--[^\n]*|'(?:[^'\\]|\\.|'')*'|`[^`]+`|[A-Za-z_]\w*|\d[\w.]*|[^\s]/g)) {
    if (text.startsWith("--")) continue;
    if (text === ")") depth -= 1;
    words.push({ text, depth });
    if (text === "(") depth += 1;
  }
  if (depth !== 0) throw new Error("the parentheses do not match");
  return words;
}
