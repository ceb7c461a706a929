/** Reads a statement word by word; an unexpected word is a syntax error at its place. */
import { SqlProblem, syntaxError, type Word, wordsOf } from "./words.ts";

/** Words that cannot stand for a name without back-ticks in Databricks's ANSI mode, of those that matter here. */
const RESERVED = new Set([
  "TABLE",
  "SELECT",
  "FROM",
  "CREATE",
  "DROP",
  "ALTER",
  "WHERE",
  "USING",
  "PARTITIONED",
  "CLUSTER",
]);

export class SqlReader {
  readonly #text: string;
  readonly #words: readonly Word[];
  readonly #parameters: ReadonlyMap<string, string | null>;
  #next = 0;

  constructor(text: string, parameters: ReadonlyMap<string, string | null>) {
    this.#text = text;
    this.#words = wordsOf(text);
    this.#parameters = parameters;
  }

  /** Takes these bare words if they all come next, in any case. */
  skip(...expected: readonly string[]): boolean {
    const come = expected.every((one, index) => {
      const word = this.#words[this.#next + index];
      return (word?.kind === "word" || word?.kind === "sign") && word.text.toUpperCase() === one;
    });
    if (come) this.#next += expected.length;
    return come;
  }

  take(...expected: readonly string[]): void {
    for (const one of expected) if (!this.skip(one)) throw this.unexpected();
  }

  unexpected(): Error {
    const word = this.#words[this.#next];
    return syntaxError(this.#text, word?.at ?? this.#text.length, word?.text ?? "");
  }

  /** After a semicolon at most, nothing may follow: one statement a call. */
  end(): void {
    this.skip(";");
    if (this.#next < this.#words.length) throw this.unexpected();
  }

  /** A name, in back-ticks or bare. */
  name(): string {
    const word = this.#words[this.#next];
    const bare = word?.kind === "word" && !RESERVED.has(word.text.toUpperCase());
    if (word === undefined || (word.kind !== "name" && !bare)) throw this.unexpected();
    this.#next++;
    return word.text;
  }

  /** A name of several parts, or `IDENTIFIER(:parameter)`, or `IDENTIFIER('a.b.c')`. */
  names(): readonly string[] {
    if (this.skip("IDENTIFIER", "(")) {
      const inner = new SqlReader(this.value(), new Map());
      this.take(")");
      const names = inner.names();
      inner.end();
      return names;
    }
    const names = [this.name()];
    while (this.skip(".")) names.push(this.name());
    return names;
  }

  /** A string, or a parameter that stands for one. */
  value(): string {
    const word = this.#words[this.#next];
    if (word?.kind === "parameter") {
      const value = this.#parameters.get(word.text);
      if (value === undefined || value === null) {
        throw new SqlProblem("UNBOUND_SQL_PARAMETER", "42P02", `Found the unbound parameter: ${word.text}.`);
      }
      this.#next++;
      return value;
    }
    if (word?.kind !== "text") throw this.unexpected();
    this.#next++;
    return word.text;
  }

  number(): number {
    const word = this.#words[this.#next];
    if (word?.kind !== "number") throw this.unexpected();
    this.#next++;
    return Number(word.text);
  }

  /** A bare word, reserved or not, in upper case. */
  bareWord(): string {
    const word = this.#words[this.#next];
    if (word?.kind !== "word") throw this.unexpected();
    this.#next++;
    return word.text.toUpperCase();
  }

  /** A number or a string, as text. */
  literal(): string {
    return this.#words[this.#next]?.kind === "number" ? String(this.number()) : this.value();
  }

  /** The next bare word, as it was written, or null; it is not taken. */
  peek(): string | null {
    const word = this.#words[this.#next];
    return word?.kind === "word" || word?.kind === "sign" ? word.text.toUpperCase() : null;
  }

  /** An expression in brackets, which is not looked into. */
  skipBrackets(): void {
    this.take("(");
    for (let depth = 1; depth > 0; this.#next++) {
      const word = this.#words[this.#next];
      if (word === undefined) throw this.unexpected();
      if (word.kind === "sign" && word.text === "(") depth++;
      if (word.kind === "sign" && word.text === ")") depth--;
    }
  }

  /** `( item, item, … )`, at least one. */
  list<T>(item: () => T): readonly T[] {
    this.take("(");
    const items = [item()];
    while (this.skip(",")) items.push(item());
    this.take(")");
    return items;
  }
}
