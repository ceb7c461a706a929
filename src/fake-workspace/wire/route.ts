/** One call of the API: where it goes, what it may hold, what it does. */

import type { World } from "../world/world.ts";
import { absent, malformed } from "./problem.ts";
import { type Kind, NOTHING, queryOf } from "./shape.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What came over the wire, before it is checked. `body` is undefined where none was sent. */
export type Incoming = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Who calls: a userName, or a service principal's application id. */
  readonly caller: string;
};

export type Call<B, Q> = {
  readonly world: World;
  readonly caller: string;
  /** The parts of the path that the template names, decoded. */
  readonly at: Readonly<Record<string, string>>;
  readonly body: B;
  readonly query: Q;
};

export type Route = {
  readonly method: Method;
  readonly template: string;
  readonly parts: readonly string[];
  readonly run: (world: World, incoming: Incoming, at: Readonly<Record<string, string>>) => Promise<unknown>;
};

type Nothing = Readonly<Record<string, never>>;

/** What the handler returns is the JSON of a 200; what it throws (Problem) is the refusal. */
export function route<B = Nothing, Q = Nothing>(
  method: Method,
  template: string,
  spec: { readonly body?: Kind<B>; readonly query?: Kind<Q> },
  handle: (call: Call<B, Q>) => unknown,
): Route {
  return {
    method,
    template,
    parts: template.split("/"),
    run: async (world, incoming, at) => {
      const body = bodyOf(incoming, spec.body) as B;
      const query = queryOf(spec.query ?? (NOTHING as unknown as Kind<Q>), incoming.query);
      return handle({ world, caller: incoming.caller, at, body, query });
    },
  };
}

/** A POST that wants nothing may still send `{}`: the Go SDK does (`Start` of a warehouse, service/sql/impl.go). */
function bodyOf<B>(incoming: Incoming, kind: Kind<B> | undefined): unknown {
  if (kind !== undefined) {
    if (incoming.body === undefined) throw malformed("Could not parse request object: the body is missing");
    return kind.is(incoming.body, "");
  }
  if (incoming.body === undefined) return {};
  if (incoming.method !== "POST") throw malformed(`A ${incoming.method} here has no body`);
  return NOTHING.is(incoming.body, "");
}

export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { readonly route: Route; readonly at: Readonly<Record<string, string>> } {
  const parts = path.split("/");
  for (const one of routes) {
    const at = one.method === method ? matched(one.parts, parts) : null;
    if (at !== null) return { route: one, at };
  }
  throw absent("ENDPOINT_NOT_FOUND", `No API found for '${method} ${path}'`);
}

function matched(template: readonly string[], parts: readonly string[]): Record<string, string> | null {
  if (template.length !== parts.length) return null;
  const at: Record<string, string> = {};
  for (const [index, wanted] of template.entries()) {
    const part = parts[index]!;
    if (!wanted.startsWith("{")) {
      if (wanted !== part) return null;
    } else if (part === "") {
      return null;
    } else {
      at[wanted.slice(1, -1)] = decodeURIComponent(part);
    }
  }
  return at;
}
