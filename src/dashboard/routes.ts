/** All that the page asks for. Each room adds its routes here. */
import type { Route } from "../http/route.ts";
import { deliveryRoutes } from "./delivery/routes.ts";
import { editorParts } from "./editor/parts.ts";
import { ruleRoutes } from "./editor/routes.ts";
import { liveRoutes } from "./live/live-routes.ts";
import type { DashboardNode } from "./node.ts";
import { pageRoutes } from "./page-routes.ts";
import { settingsRoutes } from "./settings/routes.ts";
import { snapshotRoutes } from "./snapshot/routes.ts";
import { forThisNode, nodeRoute } from "./this-node.ts";

export async function dashboardRoutes(node: DashboardNode): Promise<readonly Route[]> {
  return forThisNode(node, [
    ...(await pageRoutes(node)),
    nodeRoute(node),
    ...liveRoutes(node),
    ...deliveryRoutes(node),
    ...settingsRoutes(node),
    ...ruleRoutes(editorParts(node)),
    ...snapshotRoutes({ dataDir: node.dataDir, nowMs: node.now }),
  ]);
}
