/**
 * An answer of a service, judged by its shape: the one place where JSON from Databricks or AWS becomes a typed value. Fields
 * that the shape does not name are ignored, because services add fields.
 */
import { AgentError } from "../core/errors.ts";
import { type } from "./shapes/ark.ts";

export type Shape = type.Any;
type ArkError = type.errors[number];

/** Problems that one message names. */
const NAMED = 3;

/** `doing`: the call, as in `read catalog "acme"`. Throws an AgentError that names every field that is missing or wrong. */
export function readAnswer<S extends Shape>(shape: S, body: unknown, doing: string): S["infer"] {
  const answer: unknown = shape(body);
  if (!(answer instanceof type.errors)) return answer;
  throw new AgentError(`Cannot ${doing}: the answer has another form than this agent knows: ${named(answer)}`, {
    tryHint: "agent --version",
  });
}

/** Every field of `body` that is missing or wrong, in one line; null where it fits. */
export function problemsIn(shape: Shape, body: unknown): string | null {
  const answer: unknown = shape(body);
  return answer instanceof type.errors ? named(answer) : null;
}

function named(errors: type.errors): string {
  const problems = errors.map(problemOf);
  const more = problems.length > NAMED ? `; and ${problems.length - NAMED} more` : "";
  return `${problems.slice(0, NAMED).join("; ")}${more}`;
}

/** The answer, or null where it has another form: for what may be something else. */
export function answerOrNull<S extends Shape>(shape: S, body: unknown): S["infer"] | null {
  const answer: unknown = shape(body);
  return answer instanceof type.errors ? null : answer;
}

/** A list that comes in pages. */
export type Pages<Item> = {
  /** The field that holds the things. */
  readonly key: string;
  readonly shape: Shape;
  /** Only for the compiler: what the things are. */
  readonly item?: Item;
};

export function pagesOf<S extends Shape>(key: string, item: S): Pages<S["infer"]> {
  return { key, shape: type.raw({ [`${key}?`]: item.array(), "next_page_token?": "string" }) };
}

export type Page<Item> = { readonly items: readonly Item[]; readonly nextPageToken: string };

/** `nextPageToken`: empty on the last page. */
export function readPage<Item>({ key, shape }: Pages<Item>, body: unknown, doing: string): Page<Item> {
  const page = readAnswer(shape, body, doing) as Readonly<Record<string, unknown>>;
  return {
    items: (page[key] ?? []) as readonly Item[],
    nextPageToken: (page["next_page_token"] ?? "") as string,
  };
}

/** Where it is, what was expected, and its kind. Never the value: it may be a secret. */
function problemOf(error: ArkError): string {
  const where = error.path.length === 0 ? "it" : error.path.stringify();
  const is = error.code === "required" ? "missing" : kindOf(error.data);
  return `${where} must be ${expectedBy(error)}, and is ${is}`;
}

/** arktype's own words for a union repeat the value: those of its branches do not. */
function expectedBy(error: ArkError): string {
  if (!error.hasCode("union")) return error.expected;
  const depth = error.path.length;
  const branches = error.errors.map((one) =>
    one.path.length === depth ? one.expected : `one whose ${one.path.slice(depth).join(".")} is ${expectedBy(one)}`,
  );
  return [...new Set(branches)].join(" or ");
}

function kindOf(data: unknown): string {
  if (data === null) return "null";
  if (Array.isArray(data)) return "a list";
  const kinds: Readonly<Record<string, string>> = { object: "an object", string: "text", undefined: "missing" };
  return kinds[typeof data] ?? `a ${typeof data}`;
}
