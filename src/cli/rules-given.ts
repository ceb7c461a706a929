/** The rules that a command of `agent rules` is about, and how a refused set is told. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { SensorCatalogue } from "../core/sensor.ts";
import type { Loaded, RuleProblem, RuleSet } from "../rules/rule-set.ts";
import type { Context, ExitCode, Flags } from "./command.ts";

export const DEFAULT_DIR = "rules";

/** The folder that was named, else `./rules`, else the rules in the binary: what `agent run` would use. */
export async function rulesInForce(
  { settings, cwd }: Context,
  catalogue: SensorCatalogue,
): Promise<Loaded<{ from: string; set: RuleSet }>> {
  const dir = settings.rulesDir ?? (existsSync(resolve(cwd, DEFAULT_DIR)) ? DEFAULT_DIR : null);
  if (dir === null) {
    const { builtInRules } = await import("../rules/shipped.ts");
    return { ok: { from: "the binary", set: builtInRules(catalogue) } };
  }
  const { loadRules } = await import("../rules/load.ts");
  const loaded = loadRules(resolve(cwd, dir), catalogue, dir);
  return "ok" in loaded ? { ok: { from: dir, set: loaded.ok } } : loaded;
}

/** Tells every problem, and is the exit code. */
export async function refuse(
  problems: readonly RuleProblem[],
  flags: Flags,
  { write }: Pick<Context, "write">,
): Promise<ExitCode> {
  await write(
    flags["json"] === true ? `${JSON.stringify({ ok: false, problems }, null, 2)}\n` : await linesOf(problems),
  );
  return 1;
}

export async function linesOf(problems: readonly RuleProblem[]): Promise<string> {
  const { formatProblem } = await import("../rules/rule-set.ts");
  return problems.map((problem) => `${formatProblem(problem)}\n`).join("");
}

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
