/** `agent map`: is a map right, and what does it make of lines; no buffer, no store, nothing is written. */
import { UsageError } from "../../core/errors.ts";
import { type CommandGroup, type Context, defineCommand } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";
import { profilesOf } from "./profiles.ts";

const FILE = { type: "positional", required: true, valueHint: "FILE", description: "The map: a JSON file." } as const;

const check = defineCommand({
  name: "check",
  summary: "Check a map and report all its problems at once, each with file, line and column.",
  args: {
    file: FILE,
    ...settingFlags("profile"),
    json: { type: "boolean", description: "One JSON value: {ok, problems}." },
  },
  examples: ["agent map check map.json", "agent map check map.json --profile room.json --json"],
  looks: true,
  run: async (flags, context) => {
    const problems = await problemsOf(flags.file, context);
    const ok = problems.length === 0;
    if (flags.json) await context.write(`${JSON.stringify({ ok, problems }, null, 2)}\n`);
    else if (!ok) await context.write(`${problems.join("\n")}\n`);
    else {
      await context.write(
        `The map ${flags.file} is fine. What it makes of lines: agent map try ${flags.file} < lines\n`,
      );
    }
    return ok ? 0 : 1;
  },
});

const schema = defineCommand({
  name: "schema",
  summary: "Print the JSON Schema of a map; an editor completes and checks by it where a file's $schema names it.",
  args: {},
  examples: ["agent map schema > map.schema.json"],
  run: async (_flags, context) => {
    const { default: text } = await import("../../../docs/schema/map.schema.json", { with: { type: "json" } });
    await context.write(`${JSON.stringify(text, null, 2)}\n`);
    return 0;
  },
});

export const group: CommandGroup = {
  name: "map",
  summary: "Check a map, and show what it makes of sample lines.",
  commands: {
    check: async () => check,
    try: async () => (await import("./try.ts")).command,
    schema: async () => schema,
  },
};

/** Throws a UsageError where there is no such file. */
async function problemsOf(file: string, context: Context): Promise<readonly string[]> {
  const { loadMapping } = await import("../../sensor/map/map-file.ts");
  const profiles = await profilesOf(context);
  try {
    loadMapping(file, profiles, context.cwd);
    return [];
  } catch (error) {
    if (!(error instanceof UsageError) || error.message.startsWith("Cannot read")) throw error;
    return error.message.split("\n");
  }
}
