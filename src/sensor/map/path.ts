/**
 * Names in a map: a field (`Temperature`), a path into objects and arrays (`AM2301.Temperature`, `values[0].v`), or what is
 * known beside the record (`@topic`, `@topic[1]`, `@query.id`). A literal dot or bracket is written `\.` or `\[`; but a record
 * that has the whole name as it is written, at its top level, is read by that, so that the names of columns need no escapes.
 */
import { type ContextName, isContextName } from "../context.ts";

export type Segment = string | number;

export type Path = {
  /** As the map has it: the value's name from here on, in messages and in `extra` too. */
  readonly text: string;
  /** A name in an object, or a position in an array. */
  readonly segments: readonly Segment[];
  /** What is known beside the record, and of it, where a number follows, the part between two slashes. */
  readonly context: { readonly name: ContextName; readonly part: number | null } | null;
};

/** Every text is a path: one that cannot be divided is the name of one field. */
export function pathOf(text: string): Path {
  const segments = segmentsOf(text);
  return { text, segments, context: contextOf(text, segments) };
}

/** Whether it is the name of one field of a flat row, as it is written. */
export function isPlain({ text, segments, context }: Path): boolean {
  return context === null && segments.length === 1 && segments[0] === text;
}

/** `"a.b[0]"`: `["a", "b", 0]`. */
function segmentsOf(text: string): readonly Segment[] {
  const segments: Segment[] = [];
  let name = "";
  let isOpen = true;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    const index = char === "[" ? /^\[(\d{1,9})\](?=[.[]|$)/.exec(text.slice(at)) : null;
    if (char === "\\" && /[\\.[]/.test(text.charAt(at + 1))) {
      name += text.charAt(++at);
    } else if (index !== null && (name !== "" || !isOpen || at === 0)) {
      if (name !== "") segments.push(name);
      segments.push(Number(index[1]));
      name = "";
      isOpen = false;
      at += index[0].length - 1;
    } else if (char === ".") {
      if (name !== "") segments.push(name);
      else if (isOpen) return [text];
      name = "";
      isOpen = true;
    } else {
      name += char;
      isOpen = true;
    }
  }
  if (name !== "") segments.push(name);
  else if (isOpen) return [text];
  return segments;
}

function contextOf(text: string, segments: readonly Segment[]): Path["context"] {
  const [first, second] = segments;
  if (isContextName(text)) return { name: lowerCaseHeader(text), part: null };
  if (segments.length === 2 && typeof first === "string" && typeof second === "number" && isContextName(first)) {
    return { name: first, part: second };
  }
  return null;
}

/** Names of headers have no case. */
function lowerCaseHeader(name: ContextName): ContextName {
  return name.startsWith("@header.") ? `@header.${name.slice("@header.".length).toLowerCase()}` : name;
}

/** Undefined where there is no such value. */
export function valueAt(value: unknown, segments: readonly Segment[]): unknown {
  let at = value;
  for (let i = 0; i < segments.length && at !== undefined; i++) at = memberOf(at, segments[i] ?? "");
  return at;
}

/** A name of an object, or a position of an array; undefined where there is no such member. */
export function memberOf(value: unknown, segment: Segment): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value) !== (typeof segment === "number") || !Object.hasOwn(value, segment)) return undefined;
  return (value as Readonly<Record<Segment, unknown>>)[segment];
}

/** What of a value was read, by its names and positions; true: all of it. */
export type ReadParts = Map<Segment, ReadParts | true>;

export function markRead(parts: ReadParts, segments: readonly Segment[]): void {
  let at = parts;
  for (const [i, segment] of segments.entries()) {
    const below = at.get(segment);
    if (below === true) return;
    if (i === segments.length - 1) at.set(segment, true);
    else if (below !== undefined) at = below;
    else {
      const made: ReadParts = new Map();
      at.set(segment, made);
      at = made;
    }
  }
}

/** Whether nothing of the value is left beside what was read. */
export function isAllRead(value: unknown, parts: ReadParts | true): boolean {
  if (parts === true) return true;
  if (typeof value !== "object" || value === null) return false;
  const names: readonly Segment[] = Array.isArray(value) ? value.keys().toArray() : Object.keys(value);
  return names.every((name) => {
    const below = parts.get(name);
    return below !== undefined && isAllRead((value as Readonly<Record<Segment, unknown>>)[name], below);
  });
}
