/**
 * JSON as Databricks speaks it: ids are 64-bit integers (`job_id`, `run_id`, `object_id`), and above 2^53 a JavaScript
 * number is another id. So ids are text here, whatever their size, and go out again as the number that they were.
 */
import { AgentError } from "../core/errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

const NO_OBJECT: JsonObject = {};

/** ES2026, which Bun has and the compiler's library does not know yet. */
type SourceJson = {
  parse(
    text: string,
    revive: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): Json;
  rawJSON(text: string): unknown;
};
const SOURCE_JSON = JSON as unknown as SourceJson;

/**
 * Throws a SyntaxError. Numbers under `id` or `…_id`, and integers that a number cannot hold, come as their digits. A field
 * that is null is left out: services write either.
 */
export function parseJson(text: string): Json {
  return SOURCE_JSON.parse(text, function (key, value, context) {
    if (value === null) return key === "" || Array.isArray(this) ? null : undefined;
    if (typeof value !== "number" || context.source === undefined) return value;
    const isExact = Number.isSafeInteger(value) || !/^-?\d+$/.test(context.source);
    return isExact && !/(^|_)id$/.test(key) ? value : context.source;
  });
}

/** An id in a body: written as the number that Databricks expects. */
export function idNumber(id: string): unknown {
  if (!/^\d{1,19}$/.test(id)) throw new AgentError(`Cannot use the id "${id.slice(0, 40)}": it is not a whole number`);
  return SOURCE_JSON.rawJSON(id);
}

export function asObject(json: unknown): JsonObject {
  return isObject(json) ? json : NO_OBJECT;
}

export function isObject(json: unknown): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Whether all wanted values are there, among the defaults that Databricks adds. */
export function holds(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) && actual.length === wanted.length && wanted.every((one, at) => holds(actual[at], one))
    );
  }
  if (isObject(wanted)) return Object.keys(wanted).every((key) => holds(asObject(actual)[key], wanted[key]));
  return actual === wanted;
}
