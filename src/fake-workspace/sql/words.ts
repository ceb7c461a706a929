/** The text of a statement as words: names, strings, numbers and signs; comments are left out. */

export type Word = {
  /** word: a bare one, as it was written. name: was in back-ticks. text: was in quotes. parameter: `:name`. */
  readonly kind: "word" | "name" | "text" | "number" | "sign" | "parameter";
  readonly text: string;
  /** Where it begins, for messages. */
  readonly at: number;
};

/** A statement that cannot be understood or carried out. `code` is Databricks's error class, `state` its SQLSTATE. */
export class SqlProblem extends Error {
  readonly code: string;
  readonly state: string;

  constructor(code: string, state: string, message: string) {
    super(`[${code}] ${message} SQLSTATE: ${state}`);
    this.code = code;
    this.state = state;
  }
}

export function syntaxError(text: string, at: number, near: string): SqlProblem {
  const before = text.slice(0, at).split("\n");
  const place = `(line ${before.length}, pos ${before.at(-1)!.length})`;
  return new SqlProblem(
    "PARSE_SYNTAX_ERROR",
    "42601",
    `Syntax error at or near ${near === "" ? "end of input" : `'${near}'`} ${place}.`,
  );
}

const WORDS =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|(?<name>`(?:[^`]|``)*`)|(?<text>'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*")|(?<number>\d+(?:\.\d+)?)|(?<parameter>:[A-Za-z_]\w*)|(?<word>[A-Za-z_]\w*)|(?<sign><=|>=|<>|!=|[(),.;=*<>+\-/:])/y;

export function wordsOf(text: string): readonly Word[] {
  const words: Word[] = [];
  WORDS.lastIndex = 0;
  while (WORDS.lastIndex < text.length) {
    const at = WORDS.lastIndex;
    const found = WORDS.exec(text);
    if (found === null) throw syntaxError(text, at, text[at]!);
    for (const kind of ["name", "text", "number", "parameter", "word", "sign"] as const) {
      const one = found.groups?.[kind];
      if (one !== undefined) words.push({ kind, text: meaningOf(kind, one), at });
    }
  }
  return words;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0" };

function meaningOf(kind: Word["kind"], written: string): string {
  if (kind === "name") return written.slice(1, -1).replaceAll("``", "`");
  if (kind === "parameter") return written.slice(1);
  if (kind !== "text") return written;
  return written.slice(1, -1).replace(/\\([\s\S])/g, (_all, one: string) => ESCAPES[one] ?? one);
}
