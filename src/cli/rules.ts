/** `agent rules`: are the rule files right, and do their own tests pass; its other commands have files of their own. */
import { resolve } from "node:path";
import type { ArgsDef } from "citty";
import { SensorCatalogue } from "../core/sensor.ts";
import type { Loaded, RuleProblem } from "../rules/rule-set.ts";
import type { Command, CommandGroup, Context, Flags } from "./command.ts";
import { counted, DEFAULT_DIR, linesOf, refuse } from "./rules-given.ts";

const DIR: ArgsDef = {
  dir: {
    type: "positional",
    required: false,
    description: "The folder of rule files. Default: AGENT_RULES_DIR, else ./rules.",
  },
};

const check: Command = {
  name: "check",
  summary: "Check every rule file and tell all problems at once, each with file, line and column.",
  args: { ...DIR, json: { type: "boolean", description: "One JSON value: {ok, version, rules, problems}." } },
  examples: ["agent rules check", "agent rules check rules/ --json"],
  run: async (flags, context) => {
    const dir = folderOf(flags, context);
    const { loadRules } = await import("../rules/load.ts");
    const loaded = loadRules(resolve(context.cwd, dir), new SensorCatalogue(), dir);
    const set = "ok" in loaded ? loaded.ok : null;
    const problems = problemsOf(loaded);
    if (flags["json"] === true) {
      const shown = { ok: set !== null, version: set?.version ?? null, rules: set?.names.length ?? 0, problems };
      await context.write(`${JSON.stringify(shown, null, 2)}\n`);
    } else if (set === null) {
      await context.write(await linesOf(problems));
    } else {
      await context.write(
        `The rules in ${dir} are fine: ${counted(set.names.length, "rule")}, version ${set.version}.\n`,
      );
    }
    return set === null ? 1 : 0;
  },
};

const test: Command = {
  name: "test",
  summary: "Run the rules' own tests.",
  args: { ...DIR, json: { type: "boolean", description: "One JSON value: {ok, passed, failed, problems}." } },
  examples: ["agent rules test", "agent rules test rules/"],
  run: async (flags, context) => {
    const dir = folderOf(flags, context);
    const { readRulesFolder } = await import("../rules/load.ts");
    const { failedTests } = await import("../rules/rule-test.ts");
    const rules = readRulesFolder(resolve(context.cwd, dir), dir);
    if ("refused" in rules) return refuse(rules.refused, flags, context);
    const results = rules.ok.map((rule) => ({ rule, failed: failedTests(rule) }));
    const problems = results.flatMap(({ failed }) => failed);
    const all = results.reduce((sum, { rule }) => sum + rule.tests.length, 0);
    const passed = all - problems.length;
    if (flags["json"] === true) {
      const shown = { ok: problems.length === 0, passed, failed: problems.length, problems };
      await context.write(`${JSON.stringify(shown, null, 2)}\n`);
    } else {
      for (const { rule, failed } of results) {
        const verdict = rule.tests.length === 0 ? "none" : failed.length === 0 ? "pass" : "FAIL";
        await context.write(`${verdict}  ${rule.name} (${counted(rule.tests.length, "test")})\n`);
        if (failed.length > 0) await context.write(await linesOf(failed));
      }
      await context.write(`${passed} passed, ${problems.length} failed\n`);
    }
    return problems.length === 0 ? 0 : 1;
  },
};

export const group: CommandGroup = {
  name: "rules",
  summary: "Check, test, replay and list the rules that readings are judged by.",
  commands: {
    check: async () => check,
    test: async () => test,
    backtest: async () => (await import("./backtest.ts")).command,
    list: async () => (await import("./rules-list.ts")).command,
  },
};

function folderOf(flags: Flags, { settings }: Context): string {
  const given = flags["dir"];
  return typeof given === "string" ? given : (settings.rulesDir ?? DEFAULT_DIR);
}

function problemsOf(loaded: Loaded<unknown>): readonly RuleProblem[] {
  return "refused" in loaded ? loaded.refused : [];
}
