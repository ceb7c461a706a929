/** The table of commands, each loaded only when it is called, and the way from a command line to one of them. */

import { AgentError, messageOf, UsageError } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { redactor } from "../../core/log/redact.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import {
  checkSettings,
  resolveSettings,
  type SettingSources,
  type Settings,
  SettingsError,
  secretsOf,
} from "../../core/settings/settings.ts";
import { shellWord } from "../../core/shell-word.ts";
import { VERSION, versionJson, versionText } from "../../core/version.ts";
import type { Command, CommandGroup, Context, ExitCode } from "./command.ts";
import { renderCommandHelp, renderGroupHelp, renderRootHelp } from "./help.ts";

type Entry = () => Promise<{ readonly command: Command } | { readonly group: CommandGroup }>;

export type Commands = Readonly<Record<string, Entry>>;

export const COMMANDS: Commands = {
  init: () => import("../init/init.ts"),
  run: () => import("../run.ts"),
  demo: () => import("../demo.ts"),
  simulate: () => import("../simulate.ts"),
  status: () => import("../status.ts"),
  top: () => import("../top/top.ts"),
  tail: () => import("../tail/tail.ts"),
  why: () => import("../why.ts"),
  rules: () => import("../rules/rules.ts"),
  map: () => import("../map/map.ts"),
  verify: () => import("../verify/verify.ts"),
  buffer: () => import("../buffer/buffer.ts"),
  lake: () => import("../lake/lake.ts"),
  query: () => import("../query.ts"),
  provision: () => import("../provision/provision.ts"),
  service: () => import("../systemd/group.ts"),
  bacalhau: () => import("../bacalhau/bacalhau.ts"),
  config: () => import("../config.ts"),
};

/** The world as main.ts found it: all that a command needs beside its command line. */
export type World = Omit<Context, "settings" | "settingSources" | "typed"> & {
  readonly dotenv: Readonly<Record<string, string | undefined>>;
  readonly dotenvProblems?: readonly string[];
  readonly dotenvLines?: Readonly<Record<string, number>>;
  readonly profileRegion?: NonNullable<SettingSources["profileRegion"]>;
};

/** Runs one command line (without the program's name). Never throws: an error becomes a message on stderr and an exit code. */
export async function runCommandLine(
  argv: readonly string[],
  world: World,
  commands: Commands = COMMANDS,
): Promise<ExitCode> {
  try {
    return await dispatch(argv, world, commands);
  } catch (error) {
    tellError(error, world);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** What a supervisor keeps of an agent that did not start: the first problem and its place. */
export function lastLine([first = "", ...more]: readonly string[]): string {
  const others = more.length === 0 ? "" : ` (and ${more.length} more, above)`;
  return `agent run ended before it began (exit code 2), and does so until this is corrected: ${first}${others}`;
}

/**
 * `Cannot …` and, if there is a command to try, `Try: …`, without secrets, then `last`. A bug shows its stack with
 * AGENT_LOG=debug.
 */
export function tellError(
  error: unknown,
  world: Pick<World, "say" | "terminal" | "env" | "dotenv">,
  last?: string,
): void {
  const clean = redactor(secretsOf(checkSettings({ env: world.env, dotenv: world.dotenv }).settings));
  const colours = world.terminal && !world.env["NO_COLOR"];
  const red = (text: string) => (colours ? `\u001b[31m${text}\u001b[39m` : text);
  const known = error instanceof AgentError;
  const message = known ? error.message : `Cannot continue: ${messageOf(error)}`;
  for (const line of message.split("\n")) world.say(red(oneLine(clean(line))));
  if (known && error.advice !== undefined) world.say(oneLine(clean(error.advice)));
  if (known && error.tryHint !== undefined) world.say(`Try: ${oneLine(clean(error.tryHint))}`);
  const debug = world.env["AGENT_LOG"] === "debug" || world.dotenv["AGENT_LOG"] === "debug";
  if (debug && error instanceof Error) {
    for (const line of (error.stack ?? "").split("\n").slice(1)) world.say(oneLine(clean(line)));
  }
  if (last !== undefined) world.say(red(oneLine(clean(last))));
}

async function dispatch(argv: readonly string[], world: World, commands: Commands): Promise<ExitCode> {
  const words = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
  const [name, ...rest] = words;
  if (name === undefined || isHelp(name)) return help(world, await rootHelp(commands));
  if (name === "--version" || name === "-v" || name === "version") {
    return help(world, rest.includes("--json") ? versionJson() : versionText());
  }
  const entry = await (Object.hasOwn(commands, name)
    ? commands[name]!
    : unknown(name, Object.keys(commands), "agent"))();
  if ("command" in entry) return runCommand(entry.command, rest, `agent ${name}`, world);
  return runGroup(entry.group, rest, world);
}

async function runGroup(group: CommandGroup, argv: readonly string[], world: World): Promise<ExitCode> {
  const [name, ...rest] = argv;
  if (name === undefined || isHelp(name)) {
    const commands = await Promise.all(Object.values(group.commands).map((load) => load()));
    return help(world, renderGroupHelp(group, commands));
  }
  const line = `agent ${group.name}`;
  const found = Object.hasOwn(group.commands, name)
    ? group.commands[name]!
    : unknown(name, Object.keys(group.commands), line);
  return runCommand(await found(), rest, `${line} ${name}`, world);
}

async function runCommand(command: Command, argv: readonly string[], line: string, world: World): Promise<ExitCode> {
  const end = argv.indexOf("--");
  if ((end < 0 ? argv : argv.slice(0, end)).some(isHelp)) return help(world, renderCommandHelp(command, line));
  const call = await command.read(argv, line);
  const { dotenv, dotenvProblems = [], dotenvLines = {}, profileRegion, ...rest } = world;
  const given: SettingSources = { flags: call.settings, env: world.env, dotenv, dotenvProblems, dotenvLines };
  const settingSources = profileRegion === undefined ? given : { ...given, profileRegion };
  const typed = [line, ...argv.map(shellWord)].join(" ");
  try {
    const settings: Settings =
      command.toleratesWrongSettings === true
        ? checkSettings(settingSources).settings
        : resolveSettings(settingSources);
    return await call.run({ ...rest, typed, settings, settingSources });
  } catch (error) {
    const lasting = command.supervised === true ? lastingProblems(error, argv.length > 0) : [];
    if (command.looks !== true && lasting.length === 0) throw error;
    tellError(error, world, lasting.length === 0 ? undefined : lastLine(lasting));
    return 2;
  }
}

/** The problems that every start has until a file is corrected: none where this call was wrong by itself. */
function lastingProblems(error: unknown, hasFlags: boolean): readonly string[] {
  if (error instanceof SettingsError) return error.lasting;
  return error instanceof UsageError && !hasFlags ? [error.message.replaceAll("\n", " ")] : [];
}

function unknown(name: string, names: readonly string[], line: string): never {
  const what = name.startsWith("-") ? "flag" : "command";
  throw new UsageError(`Cannot understand "${oneLine(name)}": there is no such ${what}${didYouMean(name, names)}`, {
    tryHint: `${line} --help`,
  });
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

async function help(world: World, text: string): Promise<ExitCode> {
  await world.write(text);
  return 0;
}

async function rootHelp(commands: Commands): Promise<string> {
  const entries = await Promise.all(Object.values(commands).map((load) => load()));
  const rows = entries.map((entry): [string, string] => {
    if ("command" in entry) return [entry.command.name, entry.command.summary];
    return [`${entry.group.name} ${Object.keys(entry.group.commands).join("|")}`, entry.group.summary];
  });
  return renderRootHelp(VERSION, rows);
}
