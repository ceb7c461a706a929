/** SQL as a row of words, so far as needed to say where an error is. */
import type { TextRange } from "./worker-words.ts";

const WORD =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|<>|<=|>=|==|!=|\|\||<<|>>|->>?|[^\s]/g;

/** Words in their order; comments are none. */
export function wordsOf(sql: string): readonly TextRange[] {
  return [...sql.matchAll(WORD)]
    .filter(([word]) => !word.startsWith("--") && !word.startsWith("/*"))
    .map(({ 0: word, index }) => ({ from: index, to: index + word.length }));
}

/**
 * Where the error is that SQLite reports, which says only the word. `prepare`: the message for another text, or null where it has none.
 * A parser reads from left to right: the first such word at which the text up to it fails in the same way is the one.
 */
export function errorAt(sql: string, message: string, prepare: (sql: string) => string | null): TextRange | null {
  const near = /^near "([\s\S]*)": syntax error$/.exec(message)?.[1];
  if (near !== undefined) {
    const same = wordsOf(sql).filter(({ from, to }) => sql.slice(from, to).startsWith(near));
    return same.find(({ to }) => prepare(sql.slice(0, to)) === message) ?? same[0] ?? null;
  }
  if (message === "incomplete input") return { from: sql.trimEnd().length, to: sql.length };
  const name =
    /^(?:no such (?:column|table|function|collation sequence)|ambiguous column name): (.+?)(?: - should .*)?$/.exec(
      message,
    )?.[1];
  const called =
    name ??
    /^(?:wrong number of arguments to|misuse of (?:aggregate|window)) (?:function )?:? ?(\w+)\(\)/.exec(message)?.[1];
  if (called === undefined) return null;
  const last = called.split(".").at(-1)?.toLowerCase() ?? "";
  return wordsOf(sql).find(({ from, to }) => bare(sql.slice(from, to)).toLowerCase() === last) ?? null;
}

/** A name without its quotes. */
function bare(word: string): string {
  return /^["`[]/.test(word) ? word.slice(1, -1) : word;
}

/** From 1. */
export function lineAndColumn(text: string, at: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
