/**
 * A JSON file that a person wrote: taken whole, or refused with every problem at once, each as
 * `file:line:column: path: the problem`.
 */
import { resolve } from "node:path";
import { codeOf, messageOf, UsageError } from "../errors.ts";
import { oneLine } from "../log/log.ts";
import { readJsonFileText } from "./file-text.ts";
import {
  type JsonNode,
  JsonSyntaxError,
  LinePlaces,
  parseLocatedJson,
  plainJson,
  sourceOffsetInText,
} from "./located-json.ts";
import { type JsonProblem, readShape, type Shape } from "./shape.ts";

const FILE_MAX_BYTES = 1024 * 1024;

/** A kind of file: its name for people, a message for a missing one, a command that shows one, and its shape. */
export type JsonFileKind<T> = {
  readonly name: string;
  readonly missing: string;
  readonly tryHint: string;
  readonly shape: Shape<T>;
};

/** The file at `path`, seen from `cwd`. Throws a UsageError that lists every problem, each with its place. */
export function readJsonFile<T>(kind: JsonFileKind<T>, path: string, cwd: string): T {
  const { name, missing, tryHint } = kind;
  let text: string;
  try {
    text = readJsonFileText(resolve(cwd, path), FILE_MAX_BYTES);
  } catch (cause) {
    const reason = codeOf(cause) === "ENOENT" ? missing : messageOf(cause);
    throw new UsageError(`Cannot read ${name} "${path}": ${reason}`, { tryHint, cause });
  }
  return parseJsonFile(kind, text, path);
}

/** The same from a text that is already here; `file` is its name in what is reported. */
export function parseJsonFile<T>({ tryHint, shape }: JsonFileKind<T>, text: string, file: string): T {
  const read = readJsonText(shape, text, file);
  if ("ok" in read) return read.ok;
  throw new UsageError(read.refused.map(problemLine).join("\n"), { tryHint });
}

/** A problem of a file, and its place. Lines and columns count from 1. */
export type FileProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
};

export function problemLine({ file, line, column, message }: FileProblem): string {
  // The name of a file found in a folder may hold anything, also the end of a line.
  return oneLine(`${file}:${line}:${column}: ${message}`);
}

/** `plain`: what `JSON.parse` would give; undefined where the text is not JSON. */
export type ReadText<T> = { readonly plain: unknown; readonly places: JsonPlaces } & (
  | { readonly ok: T }
  | { readonly refused: readonly FileProblem[] }
);

/** The value of a text of JSON, or every problem with its place, in the order of the file. */
export function readJsonText<T>(shape: Shape<T>, text: string, file: string): ReadText<T> {
  const places = new JsonPlaces(file, text);
  let plain: unknown;
  try {
    plain = plainJson(parseLocatedJson(text));
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    return { refused: [{ ...places.at(cause.at), message: cause.message }], plain: undefined, places };
  }
  const read = readShape(shape, plain);
  if ("ok" in read) return { ok: read.ok, plain, places };
  const placed = read.refused.map((problem) => ({ problem, at: places.offsetOf(problem) }));
  const refused = placed
    .toSorted((a, b) => a.at - b.at)
    .map(({ problem: { path, what }, at }) => ({
      ...places.at(at),
      message: `${path === "" ? "the file" : path}: ${what}`,
    }));
  return { refused, plain, places };
}

/** Where everything is in a text of JSON. It keeps the text, and parses it again when a place is first asked for. */
export class JsonPlaces {
  readonly file: string;
  readonly #text: string;
  #lines: LinePlaces | undefined;
  #offsets: ReadonlyMap<string, Offsets> | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
  }

  /** The place of the value at `path`: `measures[2].unit`; with `index`, of that character of a text. */
  of(path: string, index?: number): Omit<FileProblem, "message"> {
    return this.at(this.offsetOf({ path, what: "", of: "value", ...(index !== undefined && { index }) }));
  }

  at(offset: number): Omit<FileProblem, "message"> {
    this.#lines ??= new LinePlaces(this.#text);
    return { file: this.file, ...this.#lines.place(offset) };
  }

  /** A value that is missing is reported where it should be: at the value that lacks it. */
  offsetOf({ path, of, index }: JsonProblem): number {
    this.#offsets ??= offsetsOf(parseLocatedJson(this.#text));
    for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("."), at.lastIndexOf("[")))) {
      const place = this.#offsets.get(at);
      if (place !== undefined && at !== path) return place.value;
      if (place !== undefined) {
        return index === undefined ? place[of] : sourceOffsetInText(this.#text, place.value, index);
      }
      if (at === "") return 0;
    }
  }
}

type Offsets = { readonly key: number; readonly value: number };

/** Where every value is, by its path. Where two have the same (`a.b` is a key as well), the first counts. */
function offsetsOf(root: JsonNode): ReadonlyMap<string, Offsets> {
  const offsets = new Map<string, Offsets>();
  const visit = (node: JsonNode, path: string, key: number): void => {
    if (!offsets.has(path)) offsets.set(path, { key, value: node.at });
    if (node.kind === "object") {
      for (const entry of node.entries) {
        visit(entry.value, path === "" ? entry.key : `${path}.${entry.key}`, entry.keyAt);
      }
    } else if (node.kind === "array") {
      for (const [i, item] of node.items.entries()) visit(item, `${path}[${i}]`, item.at);
    }
  };
  visit(root, "", root.at);
  return offsets;
}
