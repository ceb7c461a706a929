/**
 * Whether the text of a `Try:` line can be pasted into a shell as it is. It is a command of a known program, or several that
 * are joined by `|` or `&&`, or the assignment of a setting. A command of the agent must exist and have the flags.
 * Explanations are in the line before it.
 */
import type { CommandGroup } from "../cli/frame/command.ts";
import { COMMANDS } from "../cli/frame/commands.ts";
import { SETTINGS } from "../core/settings/table.ts";

const PROGRAMS: ReadonlySet<string> = new Set([
  ...["agent", "aws", "databricks", "export"],
  ...[
    "cd",
    "curl",
    "df",
    "dmesg",
    "findmnt",
    "grep",
    "head",
    "journalctl",
    "ls",
    "lsof",
    "od",
    "ps",
    "ss",
    "sudo",
    "tail",
    "timedatectl",
  ],
  ...["bun", "mosquitto_pub", "mosquitto_sub", "python3", "sqlite3"],
]);
const ENV_NAMES: ReadonlySet<string> = new Set(
  Object.values(SETTINGS)
    .map(({ env }) => env)
    .concat("AWS_PROFILE"),
);
/** A word that means itself to a shell: bare, in quotes, or the output of one command. */
const WORD = /^(?:[\w@%+=:,./~*-]|'[^']*'|"[^"$`\\]*"|"?\$\([\w ./-]+\)"?)+$/;
/** Words that join a command with a sentence, and the signs of one at the end of a word; `s3:` is a word. */
const PROSE = /^(?:or|and|then|when|if|with|in|as)$|[,;]$|(?<!^[a-z0-9]+):$/;

/** Why it cannot be pasted, or null. */
export function notPasteable(line: string): string | null {
  const commands: string[][] = [[]];
  for (const word of wordsOf(line)) {
    if (word === "|" || word === "&&") commands.push([]);
    else commands.at(-1)!.push(word);
  }
  return commands.map(wrongCommand).find((why) => why !== null) ?? null;
}

function wrongCommand(words: readonly string[]): string | null {
  const odd = words.find((word) => (!WORD.test(word) && word !== "<" && word !== ">") || PROSE.test(word));
  if (odd !== undefined) return `"${odd}" is not a word of a command`;
  const assigned = words.findIndex((word) => !/^[A-Z][A-Z0-9_]*=/.test(word));
  const [program, ...rest] = words.slice(assigned < 0 ? words.length : assigned);
  const settings = program === "export" ? rest : words.slice(0, words.length - rest.length - (program ? 1 : 0));
  const unknown = settings.map((word) => word.split("=")[0]!).find((name) => !ENV_NAMES.has(name));
  if (unknown !== undefined) return `"${unknown}" is not a setting`;
  if (program === undefined || program === "export") return settings.length === 1 ? null : "an assignment is one word";
  if (!PROGRAMS.has(program)) return `"${program}" is not a known program`;
  return program === "agent" ? wrongCall(rest) : null;
}

/** Split at blanks outside of quotes and of `$(…)`. */
function wordsOf(line: string): string[] {
  return line.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"$]|\$)+/g) ?? [];
}

/** The flags of each command, by its words: `lake ls`. */
const FLAGS = new Map<string, readonly string[]>();
for (const [name, load] of Object.entries(COMMANDS)) {
  const entry = await load();
  const all = "command" in entry ? [[name, entry.command] as const] : await commandsOf(name, entry.group);
  for (const [line, { args }] of all) {
    FLAGS.set(
      line,
      Object.keys(args).map((key) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`),
    );
  }
}

async function commandsOf(name: string, group: CommandGroup) {
  return await Promise.all(
    Object.entries(group.commands).map(async ([one, load]) => [`${name} ${one}`, await load()] as const),
  );
}

function wrongCall(words: readonly string[]): string | null {
  if (["--version", "--help"].includes(words[0] ?? "")) return null;
  if (Object.hasOwn(COMMANDS, words[0] ?? "") && words.slice(1).join(" ") === "--help") return null;
  const name = [2, 1].map((length) => words.slice(0, length).join(" ")).find((line) => FLAGS.has(line));
  if (name === undefined) return `there is no command "agent ${words.slice(0, 2).join(" ")}"`;
  const flags = words.filter((word) => word.startsWith("--")).map((flag) => flag.replace(/=.*/s, ""));
  const wrong = flags.find((flag) => FLAGS.get(name)?.includes(flag) !== true && flag !== "--help");
  return wrong === undefined ? null : `"agent ${name}" has no flag ${wrong}`;
}
