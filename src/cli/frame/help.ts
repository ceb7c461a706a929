/** `--help`: what a command does, every flag with its default and its environment name, and lines that work. */
import type { Setting } from "../../core/settings/entry.ts";
import { SETTINGS } from "../../core/settings/table.ts";
import type { Command, CommandGroup } from "./command.ts";
import { type Arg, type Args, argumentName, flagName, settingOfFlag } from "./flags.ts";

type Row = readonly [left: string, right: string];

export function renderRootHelp(version: string, commands: readonly Row[]): string {
  return sections([
    `agent ${version}: readings from edge devices into a lakehouse, kept, judged and delivered exactly once`,
    `Usage:\n  agent <command> [flags]`,
    `Commands:\n${columns(commands)}`,
    `Examples:\n${lines(["agent demo", "agent run --source simulator: --store dir:./lake", "cat readings.ndjson | agent run --source stdin: --once", "agent status --json", "agent verify"])}`,
    "agent <command> --help tells more. Every setting: agent config show.",
  ]);
}

export function renderGroupHelp(group: CommandGroup, commands: readonly Command[]): string {
  return sections([
    `agent ${group.name}: ${group.summary}`,
    `Usage:\n  agent ${group.name} <command> [flags]`,
    `Commands:\n${columns(commands.map((command) => [command.name, command.summary]))}`,
    `Examples:\n${lines(commands.flatMap((command) => command.examples))}`,
  ]);
}

/** `line` is the command as typed, without flags: `agent lake ls`. */
export function renderCommandHelp(command: Command, line: string): string {
  const entries = Object.entries(command.args);
  const places = entries.filter(([, arg]) => arg.type === "positional");
  const flags = entries.filter(([, arg]) => arg.type !== "positional");
  const usage = [line, ...places.map(([name, arg]) => placeText(name, arg)), flags.length > 0 ? "[flags]" : ""];
  return sections([
    `${line}: ${command.summary}`,
    `Usage:\n  ${usage.filter((part) => part !== "").join(" ")}`,
    places.length > 0
      ? `Arguments:\n${columns(places.map(([name, arg]) => [argumentName(name, arg), aboutArg(arg)]))}`
      : "",
    `Flags:\n${columns([...flagRows(Object.fromEntries(flags)), ["-h, --help", "This page."]])}`,
    command.examples.length > 0 ? `Examples:\n${lines(command.examples)}` : "",
  ]);
}

function placeText(name: string, arg: Arg): string {
  const optional = arg.required === false || arg.default !== undefined;
  return optional ? `[${argumentName(name, arg)}]` : argumentName(name, arg);
}

function flagRows(flags: Args): Row[] {
  return Object.entries(flags).map(([name, arg]) => {
    const hint = arg.type === "boolean" ? "" : ` ${argumentName(name, arg)}`;
    const setting = settingOfFlag(name);
    const about = setting === undefined ? aboutArg(arg) : aboutSetting(arg, SETTINGS[setting]);
    return [`--${flagName(name)}${hint}`, about];
  });
}

function aboutArg(arg: Arg): string {
  const choices = "options" in arg && arg.options !== undefined ? `One of ${arg.options.join(", ")}.` : "";
  const fallback = arg.default === undefined || arg.default === false ? "" : `[default: ${arg.default}]`;
  return [arg.description ?? "", choices, fallback].filter((part) => part !== "").join(" ");
}

function aboutSetting(arg: Arg, setting: Setting<unknown>): string {
  const fallback = typeof setting.fallback === "string" ? `, default: ${setting.fallback}` : "";
  return `${arg.description ?? setting.doc} [${setting.env}${fallback}]`;
}

function columns(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join("\n");
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `  ${text}`).join("\n");
}

function sections(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}
