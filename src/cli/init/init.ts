/** `agent init`: a folder to start an agent in, with everything that a person edits. */
import { join, resolve } from "node:path";
import { shellWord } from "../../core/shell-word.ts";
import { DEFAULT_RULES_DIR } from "../../rules/files/folder-names.ts";
import { defineCommand } from "../frame/command.ts";
import type { NewFile } from "./new-file.ts";

export const command = defineCommand({
  name: "init",
  summary: "Write .env, a profile, a map and the rules as files to edit; nothing that is there is changed.",
  args: {
    dir: {
      type: "positional",
      required: false,
      default: ".",
      description:
        "The folder that the agent will be started in; made where it is missing. All settings are written commented out, and the rules are those of the binary, so an agent does there what it would do without the files.",
    },
    json: { type: "boolean", description: "One JSON value: {dir, files: [{file, outcome, about}], next}." },
  },
  examples: ["agent init", "agent init /srv/agent && cd /srv/agent && agent config check"],
  toleratesWrongSettings: true,
  run: async ({ dir, json }, context) => {
    const root = resolve(context.cwd, dir);
    const [{ writeNew }, starters, { jsonText }, rules, { textTable }] = await Promise.all([
      import("./new-file.ts"),
      import("./starters.ts"),
      import("./json-text.ts"),
      import("./rules-folder.ts"),
      import("../frame/table.ts"),
    ]);
    const at = (name: string, text: string, secret = false): NewFile => {
      return { path: join(root, name), shownAs: join(dir, name), text, secret };
    };
    const files = [
      { file: at(".env", starters.envFile(), true), about: "every setting, commented out; only you can read it" },
      { file: at("profile.json", jsonText(starters.PROFILE_START)), about: "what your sensors measure" },
      { file: at("map.json", jsonText(starters.MAP_START)), about: "how your rows become readings" },
    ].map(({ file, about }) => {
      const outcome = writeNew(file);
      return { file: file.shownAs, outcome, about: outcome === "kept" ? "it was there, and is as it was" : about };
    });
    const all = [...files, rules.startRules(join(root, DEFAULT_RULES_DIR), join(dir, DEFAULT_RULES_DIR))];
    const next = nextSteps(dir);
    if (json) {
      const commands = next.map(([line]) => line);
      await context.write(`${JSON.stringify({ dir, files: all, next: commands }, null, 2)}\n`);
      return 0;
    }
    const rows = all.map(({ file, outcome, about }) => [file, outcome, about]);
    await context.write(textTable({ head: ["file", "", "what it is"], rows, columns: context.columns }));
    const width = Math.max(...next.map(([line]) => line.length));
    const lines = next.map(([line, why]) => `  ${line.padEnd(width)}  # ${why}\n`);
    await context.write(`\nNext:\n${lines.join("")}`);
    return 0;
  },
});

/** Command lines that can be pasted one after the other, each with its purpose. */
function nextSteps(dir: string): readonly (readonly [line: string, why: string])[] {
  const enter: readonly (readonly [string, string])[] =
    dir === "." ? [] : [[`cd ${shellWord(dir)}`, "the agent reads .env where it is started"]];
  return [
    ...enter,
    ["agent config check", "settings, profile, map and rules"],
    ["agent run --for 10s", "ten seconds with simulated sensors, into ./lake"],
    ["agent status", "how much was taken, and every problem"],
    ["agent config check --profile profile.json --map map.json", "after you edited both; then set them in .env"],
    ["agent rules test", "after you edited rules/"],
  ];
}
