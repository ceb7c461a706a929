/** What a map may read of a request beside its records: `@path`, `@query.NAME` and `@header.name`. */
import { type ContextName, isContextName, NO_CONTEXT, type RecordContext } from "../context.ts";
import type { Mapping } from "../row/fields.ts";
import { fieldOf, type RequestHead } from "./admission.ts";

/** Never in a reading: they let their holder in. */
const SECRET = new Set(["authorization", "proxy-authorization", "cookie", "idempotency-key"]);
/** Contexts that are remembered: one for each that differs, so that the templates of lines are found again. */
const MOST = 1_000;
/** More of a value is left out. */
const VALUE_CHARS = 1_024;

const NAME = /@(?:path|query\.[^\s"'{}[\],|)]+|header\.[A-Za-z0-9_-]+)/g;

export class RequestContexts {
  readonly #names: readonly string[];
  readonly #known = new Map<string, RecordContext>();

  constructor(mapping: Mapping) {
    this.#names = [...new Set(textsIn(mapping).flatMap((text) => text.match(NAME) ?? []))].sort();
  }

  of({ path, query, headers }: RequestHead): RecordContext {
    if (this.#names.length === 0) return NO_CONTEXT;
    const given = new URLSearchParams(query);
    const values = this.#names.map((name): string | null => {
      if (name === "@path") return path;
      const isQuery = name.startsWith("@query.");
      const field = isQuery ? name.slice("@query.".length) : name.slice("@header.".length).toLowerCase();
      if (!isQuery && SECRET.has(field)) return null;
      return (isQuery ? given.get(field) : fieldOf(headers, field))?.slice(0, VALUE_CHARS).toWellFormed() ?? null;
    });
    const key = JSON.stringify(values);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST) this.#known.clear();
    const context: Record<ContextName, string> = {};
    for (const [i, name] of this.#names.entries()) {
      const value = values[i] ?? null;
      if (value !== null && isContextName(name)) context[name] = value;
    }
    this.#known.set(key, context);
    return context;
  }
}

/** Every text in a value made of objects, lists, sets and maps: names are in paths, patterns and expressions. */
function textsIn(value: unknown, seen = new Set<object>()): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  const parts = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  return parts.flatMap((part) => textsIn(part, seen));
}
