/** The rules that a command of `agent rules` is about, and the report of a refused set. */
import { resolve } from "node:path";
import type { SensorCatalogue } from "../../core/sensor.ts";
import { DEFAULT_RULES_DIR, hasRuleFiles } from "../../rules/files/folder-names.ts";
import type { Loaded, RuleProblem, RuleSet } from "../../rules/rule-set.ts";
import type { Context, ExitCode } from "../frame/command.ts";
import { rulesFolder } from "./folder.ts";

export const BUILT_IN = "the binary";

/** The folder that was named, else `./rules`, else the rules in the binary: what `agent run` would use. */
export async function rulesInForce(
  { settings, cwd }: Context,
  catalogue: SensorCatalogue,
  command: string,
): Promise<Loaded<{ from: string; set: RuleSet }>> {
  // A run takes the folder ./rules, where no setting names one, from its first rule file on.
  const isEmpty = settings.rulesDir === null && !hasRuleFiles(resolve(cwd, DEFAULT_RULES_DIR));
  const { from, loaded } = isEmpty
    ? { from: BUILT_IN, loaded: await builtIn(catalogue) }
    : await rulesFrom(settings.rulesDir, cwd, catalogue, `${command} --rules`);
  return "ok" in loaded ? { ok: { from, set: loaded.ok } } : loaded;
}

async function builtIn(catalogue: SensorCatalogue): Promise<Loaded<RuleSet>> {
  const { builtInRules } = await import("../../rules/files/shipped.ts");
  return { ok: builtInRules(catalogue) };
}

/** Throws a UsageError for a folder that cannot be read; `command` is what to try with another. */
export async function rulesFrom(
  named: string | null,
  cwd: string,
  catalogue: SensorCatalogue,
  command: string,
): Promise<{ from: string; loaded: Loaded<RuleSet> }> {
  const dir = rulesFolder(named, cwd, `agent rules ${command}`);
  if (dir === null) return { from: BUILT_IN, loaded: await builtIn(catalogue) };
  const { loadRules } = await import("../../rules/files/load.ts");
  return { from: dir, loaded: loadRules(resolve(cwd, dir), catalogue, dir) };
}

/** Reports every problem, and returns the exit code. */
export async function refuse(
  problems: readonly RuleProblem[],
  isJson: boolean,
  { write }: Pick<Context, "write">,
): Promise<ExitCode> {
  await write(isJson ? `${JSON.stringify({ ok: false, problems }, null, 2)}\n` : await linesOf(problems));
  return 1;
}

export async function linesOf(problems: readonly RuleProblem[]): Promise<string> {
  const { formatProblem } = await import("../../rules/rule-set.ts");
  return problems.map((problem) => `${formatProblem(problem)}\n`).join("");
}
