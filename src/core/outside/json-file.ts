/**
 * A JSON file that a person wrote, a mapping or a profile: taken whole, or refused with every problem at once, each as
 * `file:line:column: path: what is wrong`.
 */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { codeOf, messageOf, UsageError } from "../errors.ts";
import { type JsonNode, JsonSyntaxError, LinePlaces, parseLocatedJson, plainJson } from "./located-json.ts";

const FILE_MAX_BYTES = 1024 * 1024;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `path`: `measures[2].unit`, empty for the whole file. `of` says whether the value is wrong, or that the key is there. */
export type JsonProblem = { readonly path: string; readonly what: string; readonly of: "key" | "value" };

/** What a kind of file is to people: its name, why it may not be there, and what one looks like. */
export type JsonFileKind = { readonly name: string; readonly missing: string; readonly tryHint: string };

/** The text of the file at `path`, seen from `cwd`. Throws a UsageError. */
export function readJsonFile(kind: JsonFileKind, path: string, cwd: string): string {
  const { name, missing, tryHint } = kind;
  const at = resolve(cwd, path);
  try {
    if (statSync(at).size > FILE_MAX_BYTES) throw new Error(`it is larger than ${FILE_MAX_BYTES} bytes`);
    const bytes = readFileSync(at);
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new Error("it is not UTF-8");
    }
  } catch (cause) {
    const reason = codeOf(cause) === "ENOENT" ? missing : messageOf(cause);
    throw new UsageError(`Cannot read ${name} "${path}": ${reason}`, { tryHint, cause });
  }
}

/** What `read` makes of the JSON in `text`. Throws a UsageError with a line for each problem that it found. */
export function parseJsonFile<T>(
  kind: JsonFileKind,
  text: string,
  file: string,
  read: (value: unknown, problems: JsonProblem[]) => T,
): T {
  const places = new LinePlaces(text);
  const line = (offset: number, message: string): string => {
    const { line, column } = places.place(offset);
    return `${file}:${line}:${column}: ${message}`;
  };
  const { tryHint } = kind;
  let root: JsonNode;
  try {
    root = parseLocatedJson(text);
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    throw new UsageError(line(cause.at, cause.message), { tryHint, cause });
  }
  const problems: JsonProblem[] = [];
  const made = read(plainJson(root), problems);
  if (problems.length === 0) return made;
  const found = new Map<string, Found>();
  findPaths(root, "", root.at, found);
  const lines = problems.map((problem) => {
    const { path, what } = problem;
    return line(offsetOf(problem, found), `${path === "" ? "the file" : path}: ${what}`);
  });
  throw new UsageError(lines.join("\n"), { tryHint });
}

type Found = { readonly key: number; readonly value: number };

/** Where every value is, by its path. Where two have the same (`a.b` is a key as well), the first counts. */
function findPaths(node: JsonNode, path: string, key: number, found: Map<string, Found>): void {
  if (!found.has(path)) found.set(path, { key, value: node.at });
  if (node.kind === "object") {
    for (const entry of node.entries) {
      findPaths(entry.value, path === "" ? entry.key : `${path}.${entry.key}`, entry.keyAt, found);
    }
  } else if (node.kind === "array") {
    node.items.forEach((item, i) => {
      findPaths(item, `${path}[${i}]`, item.at, found);
    });
  }
}

/** What is not there is told where it should be: at the value that lacks it. */
function offsetOf({ path, of }: JsonProblem, found: ReadonlyMap<string, Found>): number {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("."), at.lastIndexOf("[")))) {
    const place = found.get(at);
    if (place !== undefined) return at === path ? place[of] : place.value;
    if (at === "") return 0;
  }
}
