/** `agent rules list`: which rules would be in force. */
import { SensorCatalogue } from "../core/sensor.ts";
import type { Command } from "./command.ts";
import { settingFlags } from "./command-flags.ts";
import { counted, refuse, rulesInForce } from "./rules-given.ts";

export const command: Command = {
  name: "list",
  summary: "List the rules that a run would use, and the version of the set.",
  args: {
    ...settingFlags("rulesDir"),
    json: { type: "boolean", description: "One JSON value: {from, version, rules}." },
  },
  examples: ["agent rules list", "agent rules list --rules rules/ --json"],
  run: async (flags, context) => {
    const opened = await rulesInForce(context, new SensorCatalogue());
    if ("refused" in opened) return refuse(opened.refused, flags, context);
    const { from, set } = opened.ok;
    if (flags["json"] === true) {
      await context.write(`${JSON.stringify({ from, version: set.version, rules: set.rules }, null, 2)}\n`);
      return 0;
    }
    const width = Math.max(...set.names.map((name) => name.length));
    for (const { name, severity, kind, measures } of set.rules) {
      const row = [name.padEnd(width), severity.padEnd(8), kind.padEnd(10), measures.join(", ")].join("  ");
      await context.write(`${row.trimEnd()}\n`);
    }
    await context.write(`${counted(set.names.length, "rule")} from ${from}, version ${set.version}\n`);
    return 0;
  },
};
