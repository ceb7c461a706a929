/** `agent why`: a reading, the rule set that judged it, and the reason for every rule that it broke. Reads only. */
import { resolve } from "node:path";
import { type Context, defineCommand, type ExitCode } from "./frame/command.ts";
import { type Args, type Flags, settingFlags } from "./frame/flags.ts";

const ARGS = {
  id: {
    type: "positional",
    required: true,
    description: "A reading_id (<epoch>-<seq>), as in every row of the lake; or its seq alone, in this buffer.",
  },
  ...settingFlags("dataDir"),
  json: { type: "boolean", description: "One JSON value: {reading, rules_version, verdict, …}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "why",
  summary: "Explain a verdict: the reading, the rules that judged it, and each one it broke with observed and limit.",
  args: ARGS,
  examples: [
    "agent why 01kbryq3b8h7p2d0m6yfz9w4vt-1042",
    "agent why 1042 --data-dir /var/lib/agent",
    "agent why 1042 --json",
    "agent tail --stage anomalies    # the seqs to ask about",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const { explain, readingAsked } = await import("../verdicts/explain.ts");
  const asked = readingAsked(flags.id);
  const found = explain(asked, resolve(context.cwd, context.settings.dataDir));
  if (flags.json) {
    await context.write(`${JSON.stringify(found.json, null, 2)}\n`);
  } else {
    const { explanationText } = await import("./why-text.ts");
    await context.write(explanationText(found, context.columns));
  }
  return 0;
}
