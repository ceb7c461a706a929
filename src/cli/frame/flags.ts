/**
 * A command's flags, strictly: the one place that knows citty. citty turns the words of a command line into values and
 * their types, once. It refuses almost nothing (0.2.2 keeps unknown flags, takes the next flag for a value, and forgets all
 * but the last of a repeated flag), so the words are judged before it sees them, and all problems are reported at once.
 */

import type { ArgDef, ParsedArgs } from "citty";
import { UsageError } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { SETTING_NAMES, type SettingName } from "../../core/settings/settings.ts";
import { SETTINGS } from "../../core/settings/table.ts";

/** citty's, without one-letter names. `keepOld` is typed `--keep-old`. */
export type Arg = ArgDef & { readonly alias?: never };
export type Args = Readonly<Record<string, Arg>>;

/** The values by the names in `args`, as citty types them; a boolean flag that is absent is false. */
export type Flags<A extends Args> = {
  readonly [Name in keyof A]: A[Name] extends { readonly type: "boolean" } ? boolean : ParsedArgs<A>[Name];
};

/** By flag name, without dashes: every value of each setting that the command line gave, in order. */
export type SettingFlags = Readonly<Record<string, readonly string[]>>;

/**
 * The `args` of settings that have a flag, for a command's own: name, sentence and hint come from the table. The type hides
 * them, because a command reads `context.settings`, where environment and defaults count too.
 */
export function settingFlags(...names: readonly SettingName[]): Readonly<Record<never, Arg>> {
  const args: Record<string, Arg> = {};
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

/** Throws a UsageError that lists every problem of `argv`; `line` is the command as typed: `agent lake ls`. */
export async function parseFlags<A extends Args>(
  argv: readonly string[],
  args: A,
  line: string,
): Promise<{ readonly flags: Flags<A>; readonly settings: SettingFlags }> {
  const words = wordsOf(argv, args);
  const problems = [...words.flatMap((word) => wordProblem(word, args)), ...countProblems(words, args, line)];
  if (problems.length > 0) throw new UsageError(problems.map(oneLine).join("\n"), { tryHint: `${line} --help` });
  const citty = await import("citty");
  const parsed: Readonly<Record<string, unknown>> = citty.parseArgs<A>([...argv], args);
  const own = Object.entries(args).filter(([name]) => settingOfFlag(name) === undefined);
  const flags = own.map(([name, arg]) => [name, parsed[name] ?? (arg.type === "boolean" ? false : undefined)]);
  const settings = [...valuesOf(words)].filter(([flag]) => settingOfFlag(flag) !== undefined);
  // Of these names and types: citty read the values by the same `args`.
  return { flags: Object.fromEntries(flags) as Flags<A>, settings: Object.fromEntries(settings) };
}

/** The name of a flag as it is typed, without dashes before it: `keep-old` for `keepOld`. */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The name of an argument in the help and in messages: `ID`. */
export function argumentName(name: string, arg: Arg): string {
  return arg.valueHint ?? name.toUpperCase();
}

type Word =
  | { readonly kind: "argument"; readonly text: string }
  | {
      readonly kind: "flag";
      /** With its dashes, without its value. */
      readonly typed: string;
      readonly arg: Arg | undefined;
      readonly value: string | undefined;
      /** `--flag=value`. */
      readonly isInline: boolean;
    };

/** As citty will read them, except for a flag without its value: there the next flag is a word of its own. */
function wordsOf(argv: readonly string[], args: Args): Word[] {
  const known = new Map(flagsIn(args).map(([name, arg]) => [`--${flagName(name)}`, arg]));
  const words: Word[] = [];
  const left = [...argv];
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    if (next === "--") return [...words, ...left.map((text) => ({ kind: "argument" as const, text }))];
    if (!/^-./.test(next)) {
      words.push({ kind: "argument", text: next });
      continue;
    }
    const [, typed = next, inline] = /^(--[^=]+)=(.*)$/s.exec(next) ?? [];
    const arg = known.get(typed) ?? negated(typed, inline, known);
    const takesNext = arg !== undefined && arg.type !== "boolean" && inline === undefined && isValue(left[0]);
    words.push({ kind: "flag", typed, arg, value: takesNext ? left.shift() : inline, isInline: inline !== undefined });
  }
  return words;
}

function negated(typed: string, inline: string | undefined, known: ReadonlyMap<string, Arg>): Arg | undefined {
  const arg = typed.startsWith("--no-") && inline === undefined ? known.get(`--${typed.slice(5)}`) : undefined;
  return arg?.type === "boolean" ? arg : undefined;
}

/** A lone "-" and a negative number are values, other words that begin with "-" are flags. */
function isValue(word: string | undefined): boolean {
  return word !== undefined && !/^-[^\d.]/.test(word);
}

function flagsIn(args: Args): [name: string, arg: Arg][] {
  return Object.entries(args).filter(([, arg]) => arg.type !== "positional");
}

function wordProblem(word: Word, args: Args): string[] {
  if (word.kind === "argument") return [];
  const { typed, arg, value, isInline } = word;
  if (arg === undefined) {
    return [`Cannot understand "${typed}": there is no such flag${didYouMean(typed, typedNames(args))}`];
  }
  if (arg.type === "boolean") return isInline ? [`Cannot use ${typed}=${value}: the flag takes no value`] : [];
  if (value === undefined) return [`Cannot use ${typed}: it needs a value`];
  if (value.trim() === "") return [`Cannot use ${typed}: its value is empty`];
  if (arg.type !== "enum" || arg.options === undefined || arg.options.includes(value)) return [];
  return [`Cannot use ${typed} "${value}": expected ${arg.options.join(", ")}${didYouMean(value, arg.options)}`];
}

function countProblems(words: readonly Word[], args: Args, line: string): string[] {
  const places = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const given = words.flatMap((word) => (word.kind === "argument" ? [word.text] : []));
  // The value of an unknown flag looks like an argument; the flag is reported already.
  const afterUnknown = words.some((word) => word.kind === "flag" && word.arg === undefined && !word.isInline);
  const problems = (afterUnknown ? [] : given.slice(places.length)).map((text) => {
    const takes = places.length === 0 ? "no argument" : `${places.length} argument${places.length === 1 ? "" : "s"}`;
    return `Cannot understand "${text}": ${line} takes ${takes}`;
  });
  for (const [name, arg] of places.slice(given.length)) {
    if (arg.required !== false && arg.default === undefined) {
      problems.push(`Cannot run ${line}: ${argumentName(name, arg)} is missing`);
    }
  }
  for (const [flag, values] of valuesOf(words)) {
    if (values.length > 1 && settingOfFlag(flag) === undefined) {
      problems.push(`Cannot use --${flag}: it is given more than once`);
    }
  }
  return problems;
}

/** By flag name, without dashes. */
function valuesOf(words: readonly Word[]): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  for (const word of words) {
    if (word.kind === "argument" || word.value === undefined) continue;
    const flag = word.typed.slice(2);
    values.set(flag, [...(values.get(flag) ?? []), word.value]);
  }
  return values;
}

function typedNames(args: Args): string[] {
  return [...flagsIn(args).map(([name]) => `--${flagName(name)}`), "--help"];
}
