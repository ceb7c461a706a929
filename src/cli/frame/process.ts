/** The process, as a command needs it: stdout that handles back-pressure and a closed pipe, signals, and `.env`. */
import { fstatSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { AgentError, codeOf, messageOf } from "../../core/errors.ts";
import { readFileText } from "../../core/outside/file-text.ts";
import { profileRegion } from "../../core/settings/aws-profile.ts";
import {
  awsVariables,
  DOTENV_MAX_BYTES,
  dotenvLines,
  dotenvProblems,
  parseDotenv,
} from "../../core/settings/dotenv.ts";
import type { Dotenv } from "./command.ts";
import { type Commands, lastLine, runCommandLine, tellError, type World } from "./commands.ts";
import { giveScreenBack, screenOf } from "./terminal.ts";
import { LEAST_COLUMNS, USUAL_COLUMNS } from "./wrap.ts";

/** Runs the command line and ends the process with its exit code, when stdout and stderr have taken all output. */
export async function start(argv: readonly string[], commands?: Commands): Promise<never> {
  // A mask that takes rights from the owner makes folders that this process itself could not enter.
  process.umask(process.umask() & 0o077);
  haveHome();
  const stop = new AbortController();
  const say = sayer();
  const cwd = process.cwd();
  // The settings see the environment as it came, so that they can distinguish `.env` from it; the AWS SDK sees both.
  const env = { ...process.env };
  const dotenv = readDotenv(join(cwd, ".env"));
  const world: World = {
    env,
    dotenv: dotenv instanceof AgentError ? {} : dotenv.variables,
    dotenvProblems: dotenv instanceof AgentError ? [] : dotenv.problems,
    dotenvLines: dotenv instanceof AgentError ? {} : dotenv.lines,
    profileRegion: () => profileRegion(process.env),
    cwd,
    write: writerOf(process.stdout, stop),
    columns: columnsOf(process.stdout),
    screen: screenOf(env),
    say,
    terminal: process.stderr.isTTY === true,
    stop: stop.signal,
    endedBySignals: stopOnSignals(stop, say),
    onHangUp: hangUps(stop, cwd),
  };
  const failed = (error: unknown): never => {
    giveScreenBack();
    tellError(error, world);
    process.exit(1);
  };
  process.on("uncaughtException", failed);
  process.on("unhandledRejection", failed);
  if (dotenv instanceof AgentError)
    tellError(dotenv, world, argv[0] === "run" ? lastLine([dotenv.message]) : undefined);
  else Object.assign(process.env, awsVariables(dotenv.variables, env));
  const code = dotenv instanceof AgentError ? 2 : await runCommandLine(argv, world, commands);
  await flushed(process.stderr);
  process.exit(code);
}

/**
 * Without HOME, a user whom /etc/passwd does not name (a container FROM scratch, any uid) has no home at all, and asking for it
 * throws, in the AWS SDK too, which would look for `~/.aws`. The root is what containers give such a user.
 */
function haveHome(): void {
  if (process.env["HOME"]) return;
  try {
    homedir();
  } catch {
    process.env["HOME"] = "/";
  }
}

/** SIGQUIT is Ctrl-\ of a terminal, SIGXCPU the first warning of a limit on processor time. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGXCPU"] as const;
/** At a limit on the size of files (SIGXFSZ) the write fails, too: that is trouble of the disk. */
const MEANINGLESS = ["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGXFSZ"] as const;

/**
 * SIGNALS ask a command to stop; the second of them ends the process at once, which loses nothing that was committed. The
 * MEANINGLESS ones mean nothing here: their default would end the process and lose what was read, or let the engine open a port
 * for a debugger. SIGHUP keeps its default until a command asks for it, since a handler would undo `nohup`. A closed pipe is not a signal here (the engine ignores SIGPIPE) but an EPIPE of the write. Answers `endedBySignals`.
 */
function stopOnSignals(stop: AbortController, say: (line: string) => void): <T>(work: () => T) => T {
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      giveScreenBack();
      say(`Stopped at once by a second ${signal}. Everything committed is kept.`);
      process.exit(1);
    }
    stop.abort();
  };
  const known = process.platform === "win32" ? SIGNALS.slice(0, 2) : SIGNALS;
  const listen = () => known.forEach((signal) => void process.on(signal, onSignal));
  listen();
  if (process.platform !== "win32") for (const signal of MEANINGLESS) process.on(signal, () => undefined);
  return (work) => {
    // A listener gets no signal while one call of a library runs; without one the system ends the process.
    for (const signal of known) process.off(signal, onSignal);
    try {
      return work();
    } finally {
      listen();
    }
  };
}

/** The module that asks costs 6 ms of a start; a service has files, pipes and the null device, which are no terminals. */
function isTerminal(stream: number): boolean {
  try {
    const stat = fstatSync(stream);
    if (!stat.isCharacterDevice() || stat.rdev === statSync("/dev/null").rdev) return false;
  } catch {
    // A closed stream, or no such device here: only the question itself can tell.
  }
  const { isatty } = require("node:tty") as typeof import("node:tty");
  return isatty(stream);
}

/**
 * Who closes a terminal sends SIGHUP too, by the system or the shell, and perhaps twice: then the command stops in order. Under
 * `nohup` no terminal is among the streams, and the signal means what it means to a service.
 */
function hangUps(stop: AbortController, cwd: string): NonNullable<World["onHangUp"]> {
  return (listener) => {
    const terminals = [0, 1, 2].filter(isTerminal);
    process.on("SIGHUP", () => {
      if (stop.signal.aborted) return;
      if (!terminals.every(isTerminal)) return stop.abort();
      const dotenv = readDotenv(join(cwd, ".env"));
      listener(dotenv instanceof AgentError ? { variables: {}, problems: [dotenv.message], lines: {} } : dotenv);
    });
  };
}

function readDotenv(path: string): Dotenv | AgentError {
  try {
    const text = readFileText(path, DOTENV_MAX_BYTES);
    return { variables: parseDotenv(text), problems: dotenvProblems(text), lines: dotenvLines(text) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { variables: {}, problems: [], lines: {} };
    return new AgentError(`Cannot read "${path}": ${messageOf(error)}`, { cause: error, tryHint: `ls -l ${path}` });
  }
}

/** Resolves when the pipe took the data. A reader that went away (`| head`) is not an error: it wants no more output. */
function writerOf(stream: NodeJS.WriteStream, stop: AbortController): (data: string | Uint8Array) => Promise<void> {
  let closed = false;
  stream.on("error", (error) => {
    if (codeOf(error) !== "EPIPE") throw error;
    closed = true;
    stop.abort(error);
  });
  return (data) =>
    new Promise((resolve, reject) => {
      if (closed) return resolve();
      stream.write(data, (error) => {
        if (!error) return resolve();
        if (codeOf(error) !== "EPIPE") return reject(error);
        closed = true;
        stop.abort(error);
        resolve();
      });
    });
}

function columnsOf({ isTTY, columns }: NodeJS.WriteStream): number | undefined {
  return isTTY === true ? Math.max(LEAST_COLUMNS, columns || USUAL_COLUMNS) : undefined;
}

/** A message never causes an error: when stderr is gone, the work continues. */
function sayer(): (line: string) => void {
  process.stderr.on("error", () => undefined);
  return (line) => void process.stderr.write(`${line}\n`);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
