/** `--help`: a command's summary, every flag with its default and its environment name, and command lines that work. */
import type { Setting } from "../../core/settings/entry.ts";
import { SETTINGS } from "../../core/settings/table.ts";
import type { Command, CommandGroup } from "./command.ts";
import { type Arg, type Args, argumentName, flagName, settingOfFlag } from "./flags.ts";
import { USUAL_COLUMNS, wrapWords } from "./wrap.ts";

/** A term and its meaning: a command and its summary, a flag and its description. */
type Entry = readonly [term: string, meaning: string];

const INDENT = "  ";
/** The meaning of a longer term begins on the next line. */
const TERM_COLUMNS = 24;

const ROOT_EXAMPLES = [
  "agent demo",
  "agent run --source simulator: --store dir:./lake",
  "cat readings.ndjson | agent run --source stdin: --once",
  "agent status --json",
  "agent verify",
];

export function renderRootHelp(version: string, commands: readonly Entry[]): string {
  return sections([
    paragraph(`agent ${version}: sensor readings from edge devices, judged and delivered exactly once to a lakehouse`),
    `Usage:\n${lines(["agent <command> [flags]"])}`,
    `Commands:\n${entriesText(commands)}`,
    `Examples:\n${lines(ROOT_EXAMPLES)}`,
    paragraph("agent <command> --help explains a command. agent config show lists every setting."),
  ]);
}

export function renderGroupHelp(group: CommandGroup, commands: readonly Command[]): string {
  return sections([
    paragraph(`agent ${group.name}: ${group.summary}`),
    `Usage:\n${lines([`agent ${group.name} <command> [flags]`])}`,
    `Commands:\n${entriesText(commands.map((command) => [command.name, command.summary]))}`,
    `Examples:\n${lines(commands.flatMap((command) => command.examples))}`,
  ]);
}

/** `line` is the command as typed, without flags: `agent lake ls`. */
export function renderCommandHelp(command: Command, line: string): string {
  const entries = Object.entries(command.args);
  const places = entries.filter(([, arg]) => arg.type === "positional");
  const flags = entries.filter(([, arg]) => arg.type !== "positional");
  const usage = [line, ...places.map(([name, arg]) => placeText(name, arg)), flags.length > 0 ? "[flags]" : ""];
  const args = places.map(([name, arg]): Entry => [argumentName(name, arg), aboutArg(arg)]);
  return sections([
    paragraph(`${line}: ${command.summary}`),
    `Usage:\n${lines([usage.filter((part) => part !== "").join(" ")])}`,
    args.length > 0 ? `Arguments:\n${entriesText(args)}` : "",
    `Flags:\n${entriesText([...flagEntries(Object.fromEntries(flags)), ["-h, --help", "Show this page."]])}`,
    command.examples.length > 0 ? `Examples:\n${lines(command.examples)}` : "",
  ]);
}

function placeText(name: string, arg: Arg): string {
  const optional = arg.required === false || arg.default !== undefined;
  return optional ? `[${argumentName(name, arg)}]` : argumentName(name, arg);
}

function flagEntries(flags: Args): Entry[] {
  return Object.entries(flags).map(([name, arg]) => {
    const hint = arg.type === "boolean" ? "" : ` ${argumentName(name, arg)}`;
    const setting = settingOfFlag(name);
    const about = setting === undefined ? aboutArg(arg) : aboutSetting(arg, SETTINGS[setting]);
    return [`--${flagName(name)}${hint}`, about];
  });
}

function aboutArg(arg: Arg): string {
  const options = arg.type === "enum" ? (arg.options ?? []) : [];
  const isHinted = options.length === 0 || options.join("|") === arg.valueHint;
  const choices = isHinted ? "" : `One of ${options.join(", ")}.`;
  const fallback = arg.default === undefined || arg.default === false ? "" : `[default: ${arg.default}]`;
  return [arg.description ?? "", choices, fallback].filter((part) => part !== "").join(" ");
}

function aboutSetting(arg: Arg, setting: Setting<unknown>): string {
  const fallback =
    typeof setting.fallback === "string" && setting.fallback !== "" ? `, default: ${setting.fallback}` : "";
  return `${arg.description ?? setting.doc} [${setting.env}${fallback}]`;
}

function entriesText(entries: readonly Entry[]): string {
  const terms = entries.map(([term]) => term.length).filter((length) => length <= TERM_COLUMNS);
  const indent = INDENT.length + Math.max(...terms, 0) + INDENT.length;
  return entries
    .flatMap(([term, meaning]) => {
      const left = `${INDENT}${term}${INDENT}`;
      const [first = "", ...more] = wrapWords(meaning, USUAL_COLUMNS - indent);
      const head = left.length <= indent ? [`${left.padEnd(indent)}${first}`] : [left, `${" ".repeat(indent)}${first}`];
      return [...head, ...more.map((line) => `${" ".repeat(indent)}${line}`)];
    })
    .map((line) => line.trimEnd())
    .join("\n");
}

function paragraph(text: string): string {
  return wrapWords(text, USUAL_COLUMNS - INDENT.length).join(`\n${INDENT}`);
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${INDENT}${text}`).join("\n");
}

function sections(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}
