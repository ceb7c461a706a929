/** `agent why`: a reading, the rule set that judged it, and the reason for every rule that it broke. Reads only. */
import { resolve } from "node:path";
import type { Command, Context, ExitCode, Flags } from "./frame/command.ts";
import { settingFlags } from "./frame/flags.ts";

export const command: Command = {
  name: "why",
  summary: "Explain a verdict: the reading, the rules that judged it, and each one it broke with observed and limit.",
  args: {
    id: {
      type: "positional",
      description:
        "A reading_id (<epoch>-<seq>), as it stands in every row of the lake; or its seq alone, in this buffer.",
    },
    ...settingFlags("dataDir"),
    json: { type: "boolean", description: "One JSON value: {reading, rules_version, verdict, …}." },
  },
  examples: [
    "agent why 01kbryq3b8h7p2d0m6yfz9w4vt-1042",
    "agent why 1042 --data-dir /var/lib/agent",
    "agent why 1042 --json",
    "agent tail --stage anomalies    # the seqs to ask about",
  ],
  run,
};

async function run(flags: Flags, context: Context): Promise<ExitCode> {
  const { explain, readingAsked } = await import("../verdicts/explain.ts");
  const asked = readingAsked(String(flags["id"]));
  const found = explain(asked, resolve(context.cwd, context.settings.dataDir));
  if (flags["json"] === true) {
    await context.write(`${JSON.stringify(found.json, null, 2)}\n`);
  } else {
    const { explanationText } = await import("./why-text.ts");
    await context.write(explanationText(found));
  }
  return 0;
}
