/**
 * The URI of a source: `SCHEME:PLACE?NAME=VALUE&NAME=VALUE`. The parameters begin at the first `?` that a name and `=` follow, for a
 * place may hold a `?` of its own. A `%` and two hex digits are that byte; `+` is itself, so that a path may hold it. An SQL text
 * (`query`) is the last parameter, and is as it is, up to the end.
 */
import { UsageError } from "../core/errors.ts";
import { withoutPassword } from "../core/log/redact.ts";
import { didYouMean } from "../core/outside/did-you-mean.ts";
import { type Kind, path, text } from "../core/settings/kind.ts";

/** How the text of one parameter is read. */
export type Parameter<T> = Pick<Kind<T>, "parse"> & {
  /** It may be given several times: `parse` gets all values. */
  readonly isList?: true;
};
export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

/** Absent where the URI does not have it. */
export type GivenParameters<P extends Parameters> = {
  readonly [K in keyof P]?: P[K] extends Parameter<infer T> ? T : never;
};

export type UriForm<P extends Parameters> = {
  /** Without its colon. */
  readonly scheme: string;
  readonly parameters: P;
  /** A command with such a URI. */
  readonly tryHint: string;
  /** A `?` without a name and `=` behind it belongs to the place. */
  readonly isGlob?: boolean;
};

/** Texts that the source judges itself. */
export function textParameters(names: readonly string[]): Readonly<Record<string, Parameter<string>>> {
  return Object.fromEntries(names.map((name) => [name, text("text without a line break", "TEXT")]));
}

/** Every source whose rows go through a map may name its own: it wins over `--map`. */
export const MAP_PARAMETER = { map: path("FILE") } as const satisfies Parameters;

/** Place and parameters of a URI. Throws a UsageError that lists every problem of its parameters. */
export function readSourceUri<P extends Parameters>(
  uri: string,
  form: UriForm<P>,
): { readonly place: string; readonly given: GivenParameters<P> } {
  const head = `${form.scheme}:`;
  const { place, pairs } = split(uri, form.isGlob === true);
  const names = Object.keys(form.parameters);
  const given: Record<string, unknown> = {};
  const lists: Record<string, string[]> = {};
  const problems = uri.startsWith(head) ? [] : [`it does not begin with ${head}`];
  for (const [name, value] of pairs) {
    const parameter = Object.hasOwn(form.parameters, name) ? form.parameters[name] : undefined;
    if (parameter === undefined) {
      const near = didYouMean(name, names);
      problems.push(`there is no parameter "${name}"${near === "" ? `; known: ${names.join(", ")}` : near}`);
      continue;
    }
    const isList = parameter.isList === true;
    if (Object.hasOwn(given, name) && !isList) problems.push(`${name} is given twice`);
    const values = isList ? [...(lists[name] ?? []), value] : [value];
    if (isList) lists[name] = values;
    const parsed = value === "" ? { problem: "expected a value" } : parameter.parse(values);
    if ("problem" in parsed) problems.push(`${name}: ${parsed.problem}`);
    given[name] = "value" in parsed ? parsed.value : null;
  }
  if (problems.length > 0) refuseUri(uri, problems, form.tryHint);
  return { place: place.slice(head.length), given: given as GivenParameters<P> };
}

/** Throws a UsageError with a line for each problem. */
export function refuseUri(uri: string, problems: readonly string[], tryHint: string): never {
  const shown = withoutPassword(uri);
  throw new UsageError(problems.map((problem) => `Cannot use source "${shown}": ${problem}`).join("\n"), { tryHint });
}

/** The `map` parameter of any source's URI, or null. */
export function mapFileOf(uri: string): string | null {
  return split(uri, true).pairs.find(([name]) => name === "map")?.[1] || null;
}

const QUERY = /(?:^|&)query=(.*)$/s;

function split(uri: string, isGlob: boolean): { place: string; pairs: readonly (readonly [string, string])[] } {
  const named = /\?(?=[a-z_][a-z0-9_]*=)/i.exec(uri)?.index ?? -1;
  const at = named < 0 && !isGlob ? uri.lastIndexOf("?") : named;
  if (at < 0) return { place: uri, pairs: [] };
  const all = uri.slice(at + 1);
  const query = QUERY.exec(all);
  const parts = all
    .slice(0, query?.index)
    .split("&")
    .filter((part) => part !== "");
  const pairs = parts.map((part): readonly [string, string] => {
    const equals = part.indexOf("=");
    return equals < 0 ? [part, ""] : [part.slice(0, equals), decoded(part.slice(equals + 1))];
  });
  return { place: uri.slice(0, at), pairs: query === null ? pairs : [...pairs, ["query", (query[1] ?? "").trim()]] };
}

/** A `%` that begins no escape is itself: `LIKE '%a'`. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
