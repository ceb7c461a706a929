/** `agent rules`: are the rule files right, and do their own tests pass; its other commands have files of their own. */

import { resolve } from "node:path";
import { counted } from "../../core/readable-numbers.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import type { Rule } from "../../rules/files/rule.ts";
import type { Loaded, RuleProblem, RuleSet, RuleWarning } from "../../rules/rule-set.ts";
import { type CommandGroup, type Context, defineCommand } from "../frame/command.ts";
import type { Args } from "../frame/flags.ts";
import { rulesFolder } from "./folder.ts";
import { BUILT_IN, linesOf, refuse, rulesFrom } from "./given.ts";

const DIR = {
  dir: {
    type: "positional",
    required: false,
    description:
      "The folder of rule files. Default: AGENT_RULES_DIR, else ./rules when it exists, else the rules in the binary.",
  },
} as const satisfies Args;

const check = defineCommand({
  name: "check",
  summary: "Check every rule file and report all problems at once, each with file, line and column.",
  args: { ...DIR, json: { type: "boolean", description: "One JSON value: {ok, version, rules, problems, warnings}." } },
  examples: ["agent rules check", "agent rules check rules/ --json"],
  run: async (flags, context) => {
    const { from, loaded } = await rulesFrom(
      namedFolder(flags.dir, context),
      context.cwd,
      new SensorCatalogue(),
      "check",
    );
    const set = "ok" in loaded ? loaded.ok : null;
    const problems = problemsOf(loaded);
    const warnings = set === null ? [] : await warningsOf(set, context);
    if (flags.json) {
      const rules = set?.names.length ?? 0;
      const shown = { ok: set !== null, version: set?.version ?? null, rules, problems, warnings };
      await context.write(`${JSON.stringify(shown, null, 2)}\n`);
    } else if (set === null) {
      await context.write(await linesOf(problems));
    } else {
      const words = warnings.map((each) => ({ ...each, message: `warning: ${each.message}` }));
      await context.write(await linesOf(words));
      await context.write(
        `The rules in ${from} are fine: ${counted(set.names.length, "rule")}, version ${set.version}.\n`,
      );
    }
    return set === null ? 1 : 0;
  },
});

const test = defineCommand({
  name: "test",
  summary: "Run the rules' own tests.",
  args: { ...DIR, json: { type: "boolean", description: "One JSON value: {ok, passed, failed, problems}." } },
  examples: ["agent rules test", "agent rules test rules/"],
  run: async (flags, context) => {
    const dir = rulesFolder(namedFolder(flags.dir, context), context.cwd, "agent rules test");
    const { failedTests } = await import("../../rules/files/run-tests.ts");
    const rules = await untestedRules(dir, context.cwd);
    if ("refused" in rules) return refuse(rules.refused, flags.json, context);
    const results = rules.ok.map((rule) => ({ rule, failed: failedTests(rule) }));
    const problems = results.flatMap(({ failed }) => failed);
    const all = results.reduce((sum, { rule }) => sum + rule.tests.length, 0);
    const passed = all - problems.length;
    if (flags.json) {
      const shown = { ok: problems.length === 0, passed, failed: problems.length, problems };
      await context.write(`${JSON.stringify(shown, null, 2)}\n`);
    } else {
      for (const { rule, failed } of results) {
        const verdict = rule.tests.length === 0 ? "none" : failed.length === 0 ? "pass" : "FAIL";
        await context.write(`${verdict}  ${rule.name} (${counted(rule.tests.length, "test")})\n`);
        if (failed.length > 0) await context.write(await linesOf(failed));
      }
      const from = dir === null ? ` (the rules in ${BUILT_IN})` : "";
      await context.write(`${passed} passed, ${problems.length} failed${from}\n`);
    }
    return problems.length === 0 ? 0 : 1;
  },
});

export const group: CommandGroup = {
  name: "rules",
  summary: "Check, test, replay and list the rules that readings are judged by.",
  commands: {
    init: async () => (await import("./init.ts")).command,
    check: async () => check,
    test: async () => test,
    backtest: async () => (await import("./backtest.ts")).command,
    schema: async () => (await import("./schema.ts")).command,
    list: async () => (await import("./list.ts")).command,
  },
};

function namedFolder(dir: string | undefined, { settings }: Context): string | null {
  return dir ?? settings.rulesDir;
}

/** What is legal but probably a mistake, with the profiles that a run would know. */
async function warningsOf(set: RuleSet, { settings, cwd }: Context): Promise<readonly RuleWarning[]> {
  const { loadProfile, shippedProfiles } = await import("../../sensor/profile/shipped.ts");
  return set.warnings([loadProfile(settings.profile, cwd), ...shippedProfiles()]);
}

async function untestedRules(dir: string | null, cwd: string): Promise<Loaded<readonly Rule[]>> {
  if (dir === null) return { ok: (await import("../../rules/files/shipped.ts")).shippedRules() };
  return (await import("../../rules/files/load.ts")).readRulesFolder(resolve(cwd, dir), dir);
}

function problemsOf(loaded: Loaded<unknown>): readonly RuleProblem[] {
  return "refused" in loaded ? loaded.refused : [];
}
