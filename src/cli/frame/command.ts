/** A command: a function of (flags, context) that returns the exit code. Only `main.ts` ends the process. */
import type { SettingSources, Settings } from "../../core/settings/settings.ts";
import { type Args, type Flags, parseFlags, type SettingFlags } from "./flags.ts";
import type { ScreenPort } from "./terminal.ts";

/** 0: done. 1: the work failed. 2: the call was wrong, or a command that looks could not look. */
export type ExitCode = 0 | 1 | 2;

/** All facts about the world that a command gets beside its flags. */
export type Context = {
  /** The command line as it was typed, ready for a shell; other flags can be put behind it. */
  readonly typed: string;
  /** Flags over environment over `.env` over defaults; see core/settings. */
  readonly settings: Settings;
  /** The sources of `settings`; `agent config` judges them again. */
  readonly settingSources?: SettingSources;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Data, to stdout; resolves when the pipe took it. A closed pipe resolves too and aborts `stop`, whose reason is the error (EPIPE). */
  readonly write: (data: string | Uint8Array) => Promise<void>;
  /** Messages, each a line to stderr. */
  readonly say: (line: string) => void;
  /** The width of stdout where it is a terminal; undefined: it is a pipe or a file, where no table is folded. */
  readonly columns?: number | undefined;
  /** Where stdout is a terminal: all of it, to draw on. */
  readonly screen?: ScreenPort | undefined;
  /** stderr is a terminal: colours and progress lines are welcome. */
  readonly terminal: boolean;
  /** Aborted by the first SIGTERM or SIGINT. The second ends the process in main.ts. */
  readonly stop: AbortSignal;
  /**
   * Calls back at each SIGHUP, with what `.env` is by then. A SIGHUP because the terminal is gone aborts `stop` instead. A
   * command that never asks is ended by SIGHUP, and `nohup` works as everywhere. Absent where there are no signals.
   */
  readonly onHangUp?: (listener: (dotenv: Dotenv) => void) => void;
  /** Runs work that cannot look at `stop`: meanwhile a signal ends the process at once, as if no handler were set. */
  readonly endedBySignals?: <T>(work: () => T) => T;
};

/** `.env`: its variables; the lines that are none, or why it cannot be read. */
export type Dotenv = {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly problems: readonly string[];
  /** The line of each variable, from 1 on. */
  readonly lines: Readonly<Record<string, number>>;
};

type About = {
  readonly name: string;
  readonly summary: string;
  /** Whole command lines that work, for `--help`. */
  readonly examples: readonly string[];
  /** The command runs although settings are wrong; a wrong one has its default in `context.settings`. */
  readonly toleratesWrongSettings?: true;
  /** The command looks and answers: an error means that it could not look, exit 2. Exit 1 is an answer. */
  readonly looks?: true;
  /** A supervisor starts the command, perhaps in vain for ever: where settings are wrong, the last line says it all. */
  readonly supervised?: true;
};

/** One file per command, `src/cli/<name>.ts`, exports `command`; heavy packages are imported inside `run`. */
export type Command = About & {
  readonly args: Args;
  /** Reads a command line; throws a UsageError that lists all its problems. `line`: the command as typed. */
  readonly read: (argv: readonly string[], line: string) => Promise<Call>;
};

/** A command with its flags, ready to run. */
export type Call = {
  /** They go into `context.settings`. */
  readonly settings: SettingFlags;
  readonly run: (context: Context) => Promise<ExitCode>;
};

/** A command from its parts: `args` is declared once, and the types of `flags` follow from it. */
export function defineCommand<const A extends Args>(
  parts: About & {
    /** An arg from `settingFlags` is not in `flags`: it goes into `context.settings`. */
    readonly args: A;
    readonly run: (flags: Flags<A>, context: Context) => Promise<ExitCode>;
  },
): Command {
  const { run, ...about } = parts;
  return {
    ...about,
    read: async (argv, line) => {
      const { flags, settings } = await parseFlags(argv, parts.args, line);
      return { settings, run: (context) => run(flags, context) };
    },
  };
}

/** A command that only has commands of its own: `lake ls`. */
export type CommandGroup = {
  readonly name: string;
  readonly summary: string;
  readonly commands: Readonly<Record<string, () => Promise<Command>>>;
};
