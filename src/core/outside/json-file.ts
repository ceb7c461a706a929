/**
 * A JSON file that a person wrote: taken whole, or refused with every problem at once, each as
 * `file:line:column: path: what is wrong`.
 */
import { resolve } from "node:path";
import { codeOf, messageOf, UsageError } from "../errors.ts";
import { readFileText } from "./file-text.ts";
import { type JsonNode, JsonSyntaxError, LinePlaces, parseLocatedJson, plainJson } from "./located-json.ts";
import type { JsonProblem, Shape } from "./shape.ts";

const FILE_MAX_BYTES = 1024 * 1024;

/** A kind of file: what people call it, what to say where there is none, a command that shows one, and what it must hold. */
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
    text = readFileText(resolve(cwd, path), FILE_MAX_BYTES);
  } catch (cause) {
    const reason = codeOf(cause) === "ENOENT" ? missing : messageOf(cause);
    throw new UsageError(`Cannot read ${name} "${path}": ${reason}`, { tryHint, cause });
  }
  return parseJsonFile(kind, text, path);
}

/** The same from a text that is already here; `file` is its name in what is reported. */
export function parseJsonFile<T>(kind: JsonFileKind<T>, text: string, file: string): T {
  const places = new LinePlaces(text);
  const line = (offset: number, message: string): string => {
    const { line, column } = places.place(offset);
    return `${file}:${line}:${column}: ${message}`;
  };
  const { tryHint, shape } = kind;
  let root: JsonNode;
  try {
    root = parseLocatedJson(text);
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    throw new UsageError(line(cause.at, cause.message), { tryHint, cause });
  }
  const problems: JsonProblem[] = [];
  const value = shape.read(plainJson(root), "", problems);
  if (problems.length === 0 && value !== undefined) return value;
  const offsets = offsetsOf(root);
  const lines = problems
    .map((problem) => ({ ...problem, at: offsetOf(problem, offsets) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, path, what }) => line(at, `${path === "" ? "the file" : path}: ${what}`));
  throw new UsageError(lines.join("\n"), { tryHint });
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

/** A value that is missing is reported where it should be: at the value that lacks it. */
function offsetOf({ path, of }: JsonProblem, offsets: ReadonlyMap<string, Offsets>): number {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("."), at.lastIndexOf("[")))) {
    const place = offsets.get(at);
    if (place !== undefined) return at === path ? place[of] : place.value;
    if (at === "") return 0;
  }
}
