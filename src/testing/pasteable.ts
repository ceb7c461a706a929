/**
 * Whether the text of a `Try:` line can be pasted into a shell as it is. It is one command of a program that the message is
 * about, or the assignment of a setting; a command of the agent must exist and have the flags. Explanations are in the line
 * before it.
 */
import type { CommandGroup } from "../cli/frame/command.ts";
import { COMMANDS } from "../cli/frame/commands.ts";
import { SETTINGS } from "../core/settings/table.ts";

const PROGRAMS = ["agent", "aws", "databricks", "export", "df", "ls"];
const ENV_NAMES: ReadonlySet<string> = new Set(
  Object.values(SETTINGS)
    .map(({ env }) => env)
    .concat("AWS_PROFILE"),
);
/** A word of a shell that means itself: bare, in single quotes, in double quotes, or one command that is substituted. */
const WORD = /^(?:[\w@%+=:,./~*-]|'[^']*'|"[^"$`\\]*"|\$\([\w ./-]+\))+$/;
/** Words that join a command with a sentence. */
const PROSE = new Set(["or", "and", "then", "when", "if", "with", "in", "as"]);

/** Why it cannot be pasted, or null. */
export function notPasteable(hint: string): string | null {
  const words = wordsOf(hint);
  const odd = words.find((word) => !WORD.test(word) || /[,;:]$/.test(word) || PROSE.has(word));
  if (odd !== undefined) return `"${odd}" is not a word of a command`;
  const [program = "", ...rest] = words;
  const assigned = program === "export" ? rest : words;
  const [, name] = /^([A-Z][A-Z0-9_]*)=/.exec(assigned[0] ?? "") ?? [];
  if (program === "export" || name !== undefined) {
    if (name === undefined || !ENV_NAMES.has(name)) return `"${assigned[0]}" is not a setting`;
    return assigned.length === 1 ? null : "an assignment is one word";
  }
  if (!PROGRAMS.includes(program)) return `"${program}" is not one of ${PROGRAMS.join(", ")}`;
  return program === "agent" ? wrongCall(rest) : null;
}

/** Split at blanks outside of quotes and of `$(…)`. */
function wordsOf(line: string): string[] {
  return line.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"$]|\$)+/g) ?? [];
}

const loaded = new Map<string, { readonly args: readonly string[]; readonly takesWords: boolean }>();
for (const [name, load] of Object.entries(COMMANDS)) {
  const entry = await load();
  const all = "command" in entry ? [[name, entry.command] as const] : await commandsOf(name, entry.group);
  for (const [line, { args }] of all) {
    loaded.set(line, {
      args: Object.keys(args).map((key) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`),
      takesWords: Object.values(args).some(({ type }) => type === "positional"),
    });
  }
}

async function commandsOf(name: string, group: CommandGroup) {
  return await Promise.all(
    Object.entries(group.commands).map(async ([one, load]) => [`${name} ${one}`, await load()] as const),
  );
}

function wrongCall(words: readonly string[]): string | null {
  if (["--version", "--help"].includes(words[0] ?? "")) return null;
  const length = loaded.has(words.slice(0, 2).join(" ")) ? 2 : 1;
  const command = loaded.get(words.slice(0, length).join(" "));
  if (command === undefined) return `there is no command "agent ${words.slice(0, 2).join(" ")}"`;
  const flags = words.slice(length).filter((word) => word.startsWith("--"));
  const wrong = flags
    .map((flag) => flag.replace(/=.*/s, ""))
    .find((flag) => !command.args.includes(flag) && flag !== "--help");
  return wrong === undefined ? null : `"agent ${words.slice(0, length).join(" ")}" has no flag ${wrong}`;
}
