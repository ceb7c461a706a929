/**
 * The file that this process was started from. Where AGENT_EXIT_WHEN_REPLACED asks for it, the agent ends in order when another
 * binary is there, so that its supervisor starts that one: it must be whole, and start. Also: whether this binary was put back.
 */
import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { codeOf, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";
import { shellWord } from "../core/shell-word.ts";

const LOOK_MS = 1_000;
/** A file that did not start is tried again after this, although nothing of it changed: memory may have been short. */
const AGAIN_MS = 60_000;
const ANSWER_MS = 10_000;

/** What a binary answers to `--version`; or why it does not. */
type VersionAnswer = { readonly version: string } | { readonly refused: string };

type Surroundings = {
  readonly path: string;
  /** A clock that never goes back. */
  readonly running: () => number;
  readonly ask: (path: string) => Promise<VersionAnswer>;
};

export class OwnBinary {
  readonly #log: Log;
  readonly #rolledBackFrom: string | null;
  readonly #at: Surroundings;
  readonly #ended = new AbortController();
  readonly #isWanted: boolean;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Null: it was replaced before this process could look, or cannot be looked at. */
  readonly #own: string | null;
  /** The other file there, as it was at the last look. */
  #other: string | null = null;
  /** An other file that did not start, and when it was tried. */
  #refused: { readonly file: string; readonly atMs: number; readonly why: string } | null = null;
  #isLooking = false;

  constructor(settings: Settings, log: Log, at: Surroundings = surroundings()) {
    this.#log = log;
    this.#rolledBackFrom = settings.rolledBackFrom;
    this.#at = at;
    this.#own = ownIdentity(at.path);
    this.#isWanted = settings.exitWhenReplaced === "on";
  }

  /** Watches from now on, if the setting asks for it. The signal is aborted when another binary took the place of this one. */
  watch(): AbortSignal {
    if (this.#isWanted && this.#timer === undefined) {
      this.#timer = setInterval(() => void this.look(), LOOK_MS);
      this.#timer.unref();
    }
    return this.#ended.signal;
  }

  problems(): Problem[] {
    const problems: Problem[] = [];
    const { path } = this.#at;
    if (this.#rolledBackFrom !== null) {
      const message = `The binary that replaced this one did not come up (${this.#rolledBackFrom}), and this one was put back. It stays until another binary comes`;
      problems.push({ code: "binary_rolled_back", message, try: `ls -l ${shellWord(dirname(path))}` });
    }
    if (this.#refused !== null) {
      const message = this.#unusable(this.#refused.why);
      problems.push({ code: "binary_unusable", message, try: this.#try });
    }
    return problems;
  }

  /** One look; a file must be the same in two of them before it is tried. Never throws. */
  async look(): Promise<void> {
    if (!this.#isWanted || this.#isLooking || this.#ended.signal.aborted) return;
    this.#isLooking = true;
    try {
      await this.#lookOnce();
    } finally {
      this.#isLooking = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #lookOnce(): Promise<void> {
    const { path, running, ask } = this.#at;
    const seen = await fileAt(path);
    if (seen === null) return;
    if (seen.identity === this.#own) {
      this.#other = null;
      this.#refused = null;
      return;
    }
    const isSteady = seen.state === this.#other;
    this.#other = seen.state;
    if (!isSteady) return;
    if (this.#refused?.file === seen.state && running() - this.#refused.atMs < AGAIN_MS) return;
    const answer = await ask(path);
    // It may have been replaced while it was asked.
    if ((await fileAt(path))?.state !== seen.state) return;
    if ("version" in answer) this.#end(answer.version);
    else this.#refuse(seen.state, answer.refused);
  }

  #end(version: string): void {
    const { path } = this.#at;
    this.#refused = null;
    this.close();
    this.#log.info(
      "binary_replaced",
      `"${path}" is another binary now, ${version}: this one ends in order, so that the other can be started`,
    );
    this.#ended.abort();
  }

  #refuse(file: string, why: string): void {
    const isKnown = this.#refused?.file === file;
    this.#refused = { file, atMs: this.#at.running(), why };
    if (!isKnown) this.#log.warn("binary_unusable", this.#unusable(why), { try: this.#try });
  }

  #unusable(why: string): string {
    return `"${this.#at.path}" is another binary that does not start (${why}). The agent continues with the one that it was started from`;
  }

  get #try(): string {
    return `${shellWord(this.#at.path)} --version`;
  }
}

type Started = { readonly argv0: string; readonly execPath: string; readonly cwd: string };
/** What the kernel puts behind the path of a file that is gone. */
const GONE = " (deleted)";

/**
 * The path that was typed, since a link may be switched to another binary; where it was found by PATH, the file itself. Under a
 * loader (`ld.so`) the typed path is the binary, and the file is not.
 */
export function ownPath({ argv0, execPath, cwd }: Started): string {
  const typed = resolve(cwd, argv0);
  if (argv0.includes("/") && ownIdentity(typed) !== null) return typed;
  return execPath.endsWith(GONE) ? execPath.slice(0, -GONE.length) : execPath;
}

function surroundings(): Surroundings {
  const path = ownPath({ argv0: process.argv0, execPath: process.execPath, cwd: process.cwd() });
  return { path, running: () => performance.now(), ask: askVersion };
}

/** A whole file of it answers; one that is cut off crashes, or says that a part is missing. */
async function askVersion(path: string): Promise<VersionAnswer> {
  try {
    const asked = Bun.spawn([path, "--version"], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: ANSWER_MS,
      killSignal: "SIGKILL",
    });
    const text = await new Response(asked.stdout).text();
    await asked.exited;
    if (asked.signalCode !== null) return { refused: `it ended with ${asked.signalCode}` };
    const [line = ""] = text.split("\n");
    if (asked.exitCode !== 0) return { refused: `it ended with exit code ${asked.exitCode}` };
    if (!line.startsWith("agent ")) return { refused: "it is no agent" };
    // Two builds may have one version.
    const commit = /^commit [0-9a-f]{12}/m.exec(text)?.[0];
    return { version: [line.slice(0, 100), ...(commit === undefined ? [] : [commit])].join(" ") };
  } catch (error) {
    return { refused: messageOf(error) };
  }
}

/** `identity`: which file it is. `state`: changes while it is written. Null: there is none, or it cannot be looked at. */
async function fileAt(path: string): Promise<{ readonly identity: string; readonly state: string } | null> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return { identity: `${ino}:${size}`, state: `${ino}:${size}:${mtimeNs}` };
  } catch {
    return null;
  }
}

function ownIdentity(path: string): string | null {
  try {
    const { ino, size } = statSync(path, { bigint: true });
    return `${ino}:${size}`;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return null;
  }
}
