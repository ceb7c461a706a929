/** `agent status`: what a node holds, how far delivery is, and its problems. Reads only; works beside a running agent. */
import { resolve } from "node:path";
import { readStatus } from "../status/status.ts";
import { defineCommand } from "./frame/command.ts";
import { settingFlags } from "./frame/flags.ts";
import { statusText } from "./status-text.ts";

export const command = defineCommand({
  name: "status",
  summary: "Show what the node holds: health, lag by stage, rules, losses, uplink, sources.",
  args: {
    ...settingFlags("dataDir"),
    json: { type: "boolean", description: "One JSON value." },
  },
  examples: ["agent status", "agent status --data-dir /var/lib/agent --json"],
  run: async (flags, context) => {
    const status = readStatus(resolve(context.cwd, context.settings.dataDir), context.settings, Date.now());
    await context.write(
      flags.json ? `${JSON.stringify(status, null, 2)}\n` : statusText(status, Date.now(), context.columns),
    );
    return 0;
  },
});
