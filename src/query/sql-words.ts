/**
 * What a statement of SQLite names, without understanding it. It may find more than the statement means (a column's name in a text),
 * never less, so the names decide which tables and columns are loaded.
 */
export type SqlWords = {
  /** Names, key words and texts, in lower case. */
  readonly words: ReadonlySet<string>;
  /** The first word: `select`. */
  readonly first: string;
  /** `SELECT *`, `t.*` or NATURAL JOIN: columns are meant that are not named. */
  readonly takesAll: boolean;
  /** Statements in the text. */
  readonly statements: number;
};

// https://sqlite.org/lang_keywords.html: names are in double quotes, brackets or back-ticks; a text may stand for a name.
const TOKEN =
  /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[\p{L}_][\p{L}\p{N}_$]*|\d[\w.]*|./gsu;
const QUOTES = new Set(["'", '"', "`", "["]);
/** Behind these a star means columns; behind anything else it multiplies, or counts. */
const BEFORE_COLUMNS = new Set(["select", "distinct", "all", ",", "."]);

export function sqlWords(sql: string): SqlWords {
  const words = new Set<string>();
  let first = "";
  let takesAll = false;
  let statements = 0;
  let before = ";";
  for (const [token] of sql.matchAll(TOKEN)) {
    if (/^\s/.test(token) || token.startsWith("--") || token.startsWith("/*")) continue;
    const word = (QUOTES.has(token[0]!) ? unquoted(token) : token).toLowerCase();
    words.add(word);
    if (first === "") first = word;
    if (word === "natural" || (token === "*" && BEFORE_COLUMNS.has(before))) takesAll = true;
    if (before === ";" && token !== ";") statements++;
    before = word;
  }
  return { words, first, takesAll, statements };
}

function unquoted(token: string): string {
  const quote = token[0]!;
  return token.slice(1, token.length > 1 && /['"`\]]$/.test(token) ? -1 : undefined).replaceAll(quote + quote, quote);
}
