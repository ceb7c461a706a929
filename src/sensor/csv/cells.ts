/** From the text of a row to its cells, by Papa Parse (docs/decisions.md: why that one). The fast path reads rows as this does. */
import { Parser } from "papaparse";

/** `open`: a cell in quotes has no end yet. `bad`: a sentence why the quotes make no sense. */
export type RowCells =
  | { readonly kind: "cells"; readonly cells: readonly string[] }
  | { readonly kind: "open" }
  | { readonly kind: "bad"; readonly why: string };

type Parsed = { readonly data: readonly string[][]; readonly errors: readonly { readonly code: string }[] };

export class CellReader {
  readonly delimiter: string;
  readonly #parser: { parse(input: string, baseIndex: number, ignoreLastRow: boolean): Parsed };
  readonly #quote: string;
  /** Blanks between a delimiter and a quote: `a, "b, c"`. */
  readonly #beforeQuote: RegExp;
  readonly #apart: RegExp;
  readonly #blanks: RegExp;

  /** `delimiter`: the character itself. */
  constructor(delimiter: string, quote: string) {
    this.delimiter = delimiter;
    this.#quote = quote;
    const config = { delimiter, newline: "\n" as const, fastMode: false };
    this.#parser =
      quote === "none" ? new Parser({ ...config, fastMode: true }) : new Parser({ ...config, quoteChar: quote });
    const sign = delimiter === "|" ? "\\|" : delimiter;
    const blank = delimiter === "\t" ? " " : "[ \\t]";
    this.#beforeQuote = new RegExp(`(^|${sign})${blank}+(?=${quote})`, "g");
    this.#apart = new RegExp(`^${quote}`);
    this.#blanks = new RegExp(`^${blank}+|${blank}+$`, "g");
  }

  /** Blanks around a cell do not belong to it. */
  read(text: string): RowCells {
    const hasQuotes = this.#quote !== "none" && text.includes(this.#quote);
    if (!hasQuotes) return { kind: "cells", cells: text.split(this.delimiter).map((cell) => this.#trimmed(cell)) };
    const found = this.#parse(text);
    const isApart = found.kind === "cells" && found.cells.some((cell) => this.#apart.test(cell));
    return isApart ? this.#parse(text.replace(this.#beforeQuote, "$1")) : found;
  }

  #parse(text: string): RowCells {
    const { data, errors } = this.#parser.parse(text, 0, false);
    if (errors.some(({ code }) => code === "InvalidQuotes"))
      return { kind: "bad", why: "there is text behind the closing quote of a cell" };
    if (errors.some(({ code }) => code === "MissingQuotes")) return { kind: "open" };
    const [cells] = data;
    if (cells === undefined || data.length > 1) return { kind: "bad", why: "there is a newline outside of quotes" };
    return { kind: "cells", cells: cells.map((cell) => this.#trimmed(cell)) };
  }

  #trimmed(cell: string): string {
    return cell.replace(this.#blanks, "");
  }
}

/** How often the delimiter occurs outside of quotes. */
function count(text: string, delimiter: string, quote: string): number {
  const bare = quote === "none" ? text : text.replace(new RegExp(`${quote}[^${quote}]*${quote}`, "g"), "");
  return bare.split(delimiter).length - 1;
}

/** In this order: a decimal comma, and a comma within a name, are more frequent than another sign in a file with commas. */
const CANDIDATES = ["\t", ";", "|", ","] as const;

/** The delimiter that the header and the first row have equally often; else the one that the header has most often. */
export function sniffDelimiter(header: string, row: string | null, quote: string): string {
  const counts = CANDIDATES.map((delimiter) => [delimiter, count(header, delimiter, quote)] as const);
  const both = counts.find(([delimiter, many]) => many > 0 && row !== null && count(row, delimiter, quote) === many);
  const most = counts.reduce((best, each) => (each[1] > best[1] ? each : best));
  return both?.[0] ?? (most[1] > 0 ? most[0] : ",");
}
