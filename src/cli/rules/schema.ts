/** `agent rules schema`: the JSON Schema of a rule file, which an editor completes and checks by. */
import { defineCommand } from "../frame/command.ts";

export const command = defineCommand({
  name: "schema",
  summary:
    "Print the JSON Schema of a rule file; an editor completes and checks by it where a file's $schema names it.",
  args: {},
  examples: ["agent rules schema > rule.schema.json"],
  run: async (_flags, context) => {
    const { default: schema } = await import("../../../docs/schema/rule.schema.json", { with: { type: "json" } });
    await context.write(`${JSON.stringify(schema, null, 2)}\n`);
    return 0;
  },
});
