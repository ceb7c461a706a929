/** `agent bacalhau init`: the job specs in the binary as files, to submit or to edit. */
import { join, resolve } from "node:path";
import { shellWord } from "../../core/shell-word.ts";
import { defineCommand } from "../frame/command.ts";
import { textTable } from "../frame/table.ts";
import { writeNew } from "../init/new-file.ts";

export const command = defineCommand({
  name: "init",
  summary: "Write the job specs in the binary to files: agent, fetch, rules, status, verify.",
  args: {
    dir: {
      type: "positional",
      required: false,
      description: "The folder to write to. Default: ./jobs. Files that are there stay as they are.",
    },
    json: { type: "boolean", description: "One JSON value: {dir, files: [{file, outcome, about}]}." },
  },
  examples: ["agent bacalhau init", "agent bacalhau init fleet-jobs"],
  run: async (flags, context) => {
    const dir = flags.dir ?? "jobs";
    const { SPECS } = await import("./specs.ts");
    const files = Object.entries(SPECS).map(([file, text]) => {
      const outcome = writeNew({ path: resolve(context.cwd, dir, file), shownAs: join(dir, file), text });
      return { file, outcome, about: aboutOf(text) };
    });
    if (flags.json) {
      await context.write(`${JSON.stringify({ dir, files }, null, 2)}\n`);
      return 0;
    }
    const rows = files.map(({ file, outcome, about }) => [join(dir, file), outcome, about]);
    await context.write(textTable({ head: ["file", "", "what it does"], rows, columns: context.columns }));
    await context.write(`\nEach has its usage in its head.\nNext:\n  head -12 ${shellWord(join(dir, "fetch.yaml"))}\n`);
    return 0;
  },
});

/** The first sentence of a spec. */
function aboutOf(text: string): string {
  const [line = ""] = text.split("\n", 1);
  return line.replace(/^# /, "").replace(/\.(?: .*)?$/, "");
}
