/**
 * A command's flags, strictly. citty ignores what it does not know and keeps the last of a repeated flag; here an unknown
 * flag, a missing value and one argument too many are refused, all at once, and a repeated flag is an array.
 */
import { parseArgs } from "node:util";
import type { ArgDef, ArgsDef } from "citty";
import { UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { SETTING_NAMES, type SettingName } from "../../core/settings/settings.ts";
import { SETTINGS } from "../../core/settings/table.ts";
import type { Flags } from "./command.ts";

/** The `args` of settings that have a flag, for a command's own: name, sentence and hint come from the table. */
export function settingFlags(...names: readonly SettingName[]): ArgsDef {
  const args: ArgsDef = {};
  for (const name of names) {
    const { flag, doc, kind } = SETTINGS[name];
    if (flag === null) throw new Error(`${name} has no flag`);
    args[flag] = { type: "string", description: doc, valueHint: kind.hint };
  }
  return args;
}

/** The setting that a flag gives, or undefined. */
export function settingOfFlag(flag: string): SettingName | undefined {
  return SETTING_NAMES.find((name) => SETTINGS[name].flag === flag);
}

type Token = ReturnType<typeof tokensOf>[number];

/** Throws a UsageError that says everything that is wrong with `argv`; `line` is the command as typed: `agent lake ls`. */
export async function parseFlags(argv: readonly string[], args: ArgsDef, line: string): Promise<Flags> {
  const tokens = tokensOf(argv, args);
  const problems = [...tokens.flatMap((token) => tokenProblem(token, args)), ...countProblems(tokens, args, line)];
  if (problems.length > 0) throw new UsageError(problems.join("\n"), { tryHint: `${line} --help` });
  const citty = await import("citty");
  const parsed: Record<string, unknown> = citty.parseArgs([...argv], args);
  const flags: Record<string, unknown> = {};
  for (const name of Object.keys(args)) flags[name] = parsed[name];
  for (const [name, values] of repeated(tokens)) flags[name] = values;
  return flags;
}

function tokensOf(argv: readonly string[], args: ArgsDef) {
  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple: true }> = {};
  for (const [name, arg] of Object.entries(args)) {
    if (arg.type === "positional") continue;
    const short = shortOf(arg);
    const type = arg.type === "boolean" ? "boolean" : "string";
    options[name] = { type, multiple: true, ...(short === undefined ? {} : { short }) };
  }
  return parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** The one-letter name of a flag, or undefined. */
export function shortOf(arg: ArgDef): string | undefined {
  const aliases = "alias" in arg ? [arg.alias ?? []].flat() : [];
  return aliases.find((alias) => alias.length === 1);
}

function tokenProblem(token: Token, args: ArgsDef): string[] {
  if (token.kind !== "option") return [];
  const { name, rawName, value, inlineValue } = token;
  const negated = args[name.replace(/^no-/, "")];
  if (rawName.startsWith("--no-") && negated?.type === "boolean" && value === undefined) return [];
  const arg = args[name];
  if (arg === undefined || arg.type === "positional") {
    return [`Cannot understand "${rawName}": there is no such flag${didYouMean(rawName, flagNames(args))}`];
  }
  if (arg.type === "boolean") {
    return inlineValue ? [`Cannot use ${rawName}=${value}: the flag takes no value`] : [];
  }
  // A flag that swallowed the next flag; a lone "-" and a negative number are values.
  if (value === undefined || (!inlineValue && /^-[^\d.]/.test(value))) {
    return [`Cannot use ${rawName}: it needs a value`];
  }
  return value.trim() === "" ? [`Cannot use ${rawName}: its value is empty`] : [];
}

function countProblems(tokens: readonly Token[], args: ArgsDef, line: string): string[] {
  const places = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const given = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []));
  // The value of a flag that is not known looks like an argument; the flag was told already.
  const afterUnknown = tokens.some(
    (token) => token.kind === "option" && token.value === undefined && !args[token.name],
  );
  const problems = (afterUnknown ? [] : given.slice(places.length)).map((value) => {
    const takes = places.length === 0 ? "no argument" : `${places.length} argument${places.length === 1 ? "" : "s"}`;
    return `Cannot understand "${value}": ${line} takes ${takes}`;
  });
  for (const [name, arg] of places.slice(given.length)) {
    if (arg.required !== false && arg.default === undefined) {
      problems.push(`Cannot run ${line}: ${name.toUpperCase()} is missing`);
    }
  }
  for (const [name] of repeated(tokens)) {
    if (settingOfFlag(name) === undefined) problems.push(`Cannot use --${name}: it is given more than once`);
  }
  return problems;
}

function repeated(tokens: readonly Token[]): [name: string, values: readonly string[]][] {
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "option" && token.value !== undefined) {
      values.set(token.name, [...(values.get(token.name) ?? []), token.value]);
    }
  }
  return [...values].filter(([, all]) => all.length > 1);
}

export function flagNames(args: ArgsDef): string[] {
  const flags = Object.entries(args).filter(([, arg]) => arg.type !== "positional");
  return [...flags.map(([name]) => `--${name}`), "--help"];
}
