/** `agent rules`: are the rule files right, do their own tests pass, and which rules would be in force. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ArgsDef } from "citty";
import { SensorCatalogue } from "../core/sensor.ts";
import type { Loaded, RuleProblem, RuleSet } from "../rules/rule-set.ts";
import type { Command, CommandGroup, Context, ExitCode, Flags } from "./command.ts";
import { settingFlags } from "./command-flags.ts";

const DEFAULT_DIR = "rules";
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

const list: Command = {
  name: "list",
  summary: "List the rules that a run would use, and the version of the set.",
  args: {
    ...settingFlags("rulesDir"),
    json: { type: "boolean", description: "One JSON value: {from, version, rules}." },
  },
  examples: ["agent rules list", "agent rules list --rules rules/ --json"],
  run: async (flags, context) => {
    const opened = await rulesInForce(context);
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

export const group: CommandGroup = {
  name: "rules",
  summary: "Check, test and list the rules that readings are judged by.",
  commands: { check: async () => check, test: async () => test, list: async () => list },
};

function folderOf(flags: Flags, { settings }: Context): string {
  const given = flags["dir"];
  return typeof given === "string" ? given : (settings.rulesDir ?? DEFAULT_DIR);
}

async function rulesInForce({ settings, cwd }: Context): Promise<Loaded<{ from: string; set: RuleSet }>> {
  const catalogue = new SensorCatalogue();
  const dir = settings.rulesDir ?? (existsSync(resolve(cwd, DEFAULT_DIR)) ? DEFAULT_DIR : null);
  if (dir === null) {
    const { builtInRules } = await import("../rules/shipped.ts");
    return { ok: { from: "the binary", set: builtInRules(catalogue) } };
  }
  const { loadRules } = await import("../rules/load.ts");
  const loaded = loadRules(resolve(cwd, dir), catalogue, dir);
  return "ok" in loaded ? { ok: { from: dir, set: loaded.ok } } : loaded;
}

async function refuse(problems: readonly RuleProblem[], flags: Flags, { write }: Context): Promise<ExitCode> {
  await write(
    flags["json"] === true ? `${JSON.stringify({ ok: false, problems }, null, 2)}\n` : await linesOf(problems),
  );
  return 1;
}

function problemsOf(loaded: Loaded<unknown>): readonly RuleProblem[] {
  return "refused" in loaded ? loaded.refused : [];
}

async function linesOf(problems: readonly RuleProblem[]): Promise<string> {
  const { formatProblem } = await import("../rules/rule-set.ts");
  return problems.map((problem) => `${formatProblem(problem)}\n`).join("");
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
