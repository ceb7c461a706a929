/** `agent rules init`: the rules in the binary as files, to keep or to edit. */
import { resolve } from "node:path";
import { shellWord } from "../../core/shell-word.ts";
import { DEFAULT_RULES_DIR } from "../../rules/files/folder-names.ts";
import { defineCommand } from "../frame/command.ts";

export const command = defineCommand({
  name: "init",
  summary: "Write the rules in the binary to files, to keep or to edit; files that are there stay as they are.",
  args: {
    dir: {
      type: "positional",
      required: false,
      description:
        "The folder to write to. Default: AGENT_RULES_DIR, else ./rules. Its files replace all rules in the binary: delete those that you do not want.",
    },
    json: {
      type: "boolean",
      description: "One JSON value: {ok, dir, files: [{file, outcome, rules, profiles}], problems}.",
    },
  },
  examples: ["agent rules init", "agent rules init new-rules && agent rules backtest --rules new-rules"],
  run: async (flags, context) => {
    const dir = flags.dir ?? context.settings.rulesDir ?? DEFAULT_RULES_DIR;
    const path = resolve(context.cwd, dir);
    const [{ writeShippedRules }, { readRulesFolder }, { textTable }, { counted }, { linesOf }] = await Promise.all([
      import("../init/shipped-rules.ts"),
      import("../../rules/files/load.ts"),
      import("../frame/table.ts"),
      import("../../core/readable-numbers.ts"),
      import("./given.ts"),
    ]);
    const files = writeShippedRules(path, dir);
    // With files that were there the whole may be refused: two rules of one name, or one that was wrong before.
    const loaded = readRulesFolder(path, dir);
    const problems = "refused" in loaded ? loaded.refused : [];
    const ok = problems.length === 0;
    if (flags.json) {
      await context.write(`${JSON.stringify({ ok, dir, files, problems }, null, 2)}\n`);
      return ok ? 0 : 1;
    }
    const rows = files.map(({ file, outcome, rules, profiles }) => [file, outcome, String(rules), profiles.join(", ")]);
    const head = ["file", "", "rules", "for readings of profile"];
    await context.write(textTable({ head, rows, right: [2], columns: context.columns }));
    const written = files.filter(({ outcome }) => outcome === "written").length;
    const then = written > 0 ? " An agent that runs with this folder takes them within a second." : "";
    await context.write(`\n${counted(written, "file")} written, ${files.length - written} kept.${then}\n`);
    await context.write(await linesOf(problems));
    const named = dir === DEFAULT_RULES_DIR ? "" : ` ${shellWord(dir)}`;
    const next = [`agent rules check${named}`, `agent rules test${named}`];
    if (named !== "") next.push(`agent run --rules${named}`);
    await context.write(`Next:\n${next.map((line) => `  ${line}\n`).join("")}`);
    return ok ? 0 : 1;
  },
});
