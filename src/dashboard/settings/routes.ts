/** `GET /api/settings`: the settings that are in force in this process. */
import type { Settings } from "../../core/settings/settings.ts";
import { type ShownSetting, shownSettings } from "../../core/settings/shown.ts";
import type { Route } from "../../http/route.ts";
import { jsonReply } from "../json-reply.ts";
import type { DashboardNode } from "../node.ts";
import type { WireSettings } from "../wire.ts";

export function settingsRoutes(node: Pick<DashboardNode, "settings">): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/api/settings",
      access: "read",
      maxBodyBytes: 0,
      answer: () => jsonReply(wireSettings(node.settings)),
    },
  ];
}

export function wireSettings(settings: Settings): WireSettings {
  return shownSettings(settings).map((setting) => ({
    name: setting.name,
    value: setting.value,
    from: fromOf(setting),
    fallback: setting.default,
    about: setting.doc,
    isSecret: setting.secret,
  }));
}

/** `agent demo` has values of its own for what no one has set. */
function fromOf({ value, origin, default: fallback }: ShownSetting): string {
  return origin === "default" && value !== fallback ? "the command" : origin;
}
