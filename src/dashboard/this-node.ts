/** Which node answers. An address may lead to another one than a moment ago, as after a change of a tunnel. */
import type { Route } from "../http/route.ts";
import { jsonReply, problemReply } from "./json-reply.ts";
import type { DashboardNode } from "./node.ts";
import { NODE_HEADER, type WireNode } from "./wire.ts";

type Named = Pick<DashboardNode, "opened" | "settings">;

/** `/api/node`: open, as `/healthz`, which says it too. The page asks it before it sends its token. */
export function nodeRoute(node: Named): Route {
  const answer = () => jsonReply({ node: nodeIdOf(node) } satisfies WireNode);
  return { method: "GET", path: "/api/node", access: "open", maxBodyBytes: 0, answer };
}

/** What writes, and is meant for another node, is refused before anything is done. Scripts need not name a node. */
export function forThisNode(node: Named, routes: readonly Route[]): readonly Route[] {
  return routes.map((route) => {
    if (route.method === "GET") return route;
    return {
      ...route,
      answer: (request) => {
        const meant = request.headers.get(NODE_HEADER);
        const here = nodeIdOf(node);
        if (meant === undefined || meant === here) return route.answer(request);
        const why = here === null ? "this one does not know its name yet" : `this is "${here}"`;
        return problemReply(412, `Cannot do this: it is meant for node "${meant.slice(0, 100)}", and ${why}`);
      },
    };
  });
}

/** Null: it was never set, and there is no buffer yet that has one. */
function nodeIdOf({ opened, settings }: Named): string | null {
  return opened()?.parts.buffer.nodeId ?? settings.nodeId;
}
