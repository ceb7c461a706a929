/** What a command is: a function of (flags, context) that returns the exit code. Only `main.ts` ends the process. */
import type { ArgsDef } from "citty";
import type { SettingSources, Settings } from "../../core/settings/settings.ts";

/** 0: done. 1: the work failed. 2: the call was wrong. */
export type ExitCode = 0 | 1 | 2;

/** Everything that a command knows of the world beside its flags. */
export type Context = {
  /** Flags over environment over `.env` over defaults; see core/settings.ts. */
  readonly settings: Settings;
  /** What `settings` was made from; `agent config` judges it again. */
  readonly settingSources?: SettingSources;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Data, to stdout; resolves when the pipe took it. A closed pipe (EPIPE) resolves too and aborts `stop`. */
  readonly write: (data: string | Uint8Array) => Promise<void>;
  /** Talk, a line to stderr. */
  readonly say: (line: string) => void;
  /** stderr is a terminal: colours and progress lines are welcome. */
  readonly terminal: boolean;
  /** Aborted by the first SIGTERM or SIGINT. The second ends the process in main.ts. */
  readonly stop: AbortSignal;
  /** Runs what cannot look at `stop`: meanwhile a signal ends the process at once, as if nobody listened for it. */
  readonly endedBySignals?: <T>(work: () => T) => T;
};

/** By the names of `args`. A flag that was repeated is an array where it is a setting's, and refused where it is not. */
export type Flags = Readonly<Record<string, unknown>>;

/** One file per command, `src/cli/<name>.ts`, exports `command`; heavy packages are imported inside `run`. */
export type Command = {
  readonly name: string;
  readonly summary: string;
  /** A flag that is named like a setting's flag (`settingFlags`) goes into `context.settings`. */
  readonly args: ArgsDef;
  /** Whole command lines that work, for `--help`. */
  readonly examples: readonly string[];
  /** The command runs although settings are wrong; where one is, `context.settings` has its default. */
  readonly toleratesWrongSettings?: true;
  readonly run: (flags: Flags, context: Context) => Promise<ExitCode>;
};

/** A command that only has commands of its own: `lake ls`. */
export type CommandGroup = {
  readonly name: string;
  readonly summary: string;
  readonly commands: Readonly<Record<string, () => Promise<Command>>>;
};
