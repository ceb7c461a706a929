/** What can be said of a CSV file, in a source's URI (`?format=csv&delimiter=;`) or in a map (`"csv": { "delimiter": ";" }`). */
import { number, oneOf, text } from "../../core/outside/scalar-shapes.ts";
import { list, type Shape } from "../../core/outside/shape.ts";

/** The most columns of a file; one with more is not read. */
export const COLUMNS_MOST = 4_096;
/** The most lines before the header. */
const SKIP_MOST = 10_000;

export const DELIMITERS: Readonly<Record<string, string>> = {
  ",": ",",
  ";": ";",
  "\t": "\t",
  "\\t": "\t",
  tab: "\t",
  "|": "|",
};

export type CsvOptions = {
  /** A key of DELIMITERS, or `auto`: found by the header and the first row. */
  readonly delimiter: string;
  /** The decimal mark of numbers; null: as the map says. */
  readonly decimal: "." | "," | null;
  /** What a cell with a delimiter in it is within; `none`: quotes are characters like others. */
  readonly quote: '"' | "'" | "none";
  /** What a line begins with that is not a row; null: `#`, where the first line begins with it. */
  readonly comment: string | null;
  /** Lines before the header, not counting blank ones and comments. */
  readonly skip: number;
  /** `auto`: the first line, or the last comment before the rows. `none`: the first line is a row, and `columns` are the names. */
  readonly header: "auto" | "line" | "none";
  readonly columns: readonly string[];
  readonly encoding: "utf-8" | "latin1";
};

export const CSV_DEFAULTS: CsvOptions = {
  delimiter: "auto",
  decimal: null,
  quote: '"',
  comment: null,
  skip: 0,
  header: "auto",
  columns: [],
  encoding: "utf-8",
};

const DELIMITER = "one of , ; | tab auto";

/** The shape of each, in a map; in a URI they are text. */
export const CSV_SHAPES = {
  delimiter: text(/^(?:[,;|\t]|\\t|tab|auto)$/, DELIMITER),
  decimal: oneOf([".", ","]),
  quote: oneOf(['"', "'", "none"]),
  comment: text(/^\S{1,8}$/, "the 1 to 8 characters that a comment begins with, such as #"),
  skip: number({ min: 0, max: SKIP_MOST, whole: true }),
  header: oneOf(["auto", "line", "none"]),
  columns: list(text(/\S/, "the name of a column"), { least: 1, most: COLUMNS_MOST }),
  encoding: oneOf(["utf-8", "latin1"]),
} as const satisfies { [K in keyof CsvOptions]: Shape<NonNullable<CsvOptions[K]>> };

/** Some of them, as a map or a URI gives them. */
export type GivenCsv = { readonly [K in keyof CsvOptions]?: CsvOptions[K] | undefined };

/** Why they cannot be together, or null. */
export function csvContradiction({ header, columns, decimal, delimiter }: GivenCsv): string | null {
  if (header === "none" && columns === undefined) return 'header "none" needs the names of the columns: columns';
  if (header === "line" && columns !== undefined)
    return 'columns are for a file without a header: with header "line" its first line has the names';
  return decimal === "," && delimiter === "," ? "the decimal mark and the delimiter cannot both be a comma" : null;
}

/** `given` wins over `map`, key by key. */
export function csvOptions(map: GivenCsv, given: GivenCsv): CsvOptions {
  const of = <K extends keyof CsvOptions>(key: K): CsvOptions[K] => given[key] ?? map[key] ?? CSV_DEFAULTS[key];
  return {
    delimiter: of("delimiter"),
    decimal: of("decimal"),
    quote: of("quote"),
    comment: of("comment"),
    skip: of("skip"),
    header: of("columns").length > 0 ? "none" : of("header"),
    columns: of("columns"),
    encoding: of("encoding"),
  };
}
