/** The compiled binary as a test sees it: a process with an environment of its own, what it said, and how it ended. */
import { existsSync } from "node:fs";
import { join } from "node:path";

export const AGENT_BINARY = join(import.meta.dir, "../../dist/agent");

export type AgentEnd = {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** When the process was gone, by `performance.now()`. */
  readonly atMs: number;
};

/** What a process said is kept up to this length, from the start: a test needs the first words more than the last. */
const HEARD_CHARS = 256 * 1024;

/** For what happens in a moment: only a failing test waits this long, on a busy machine too. */
export const ENOUGH_MS = 120_000;

const alive = new Set<AgentProcess>();

export class AgentProcess {
  readonly startedAtMs = performance.now();
  readonly ended: Promise<AgentEnd>;
  end: AgentEnd | null = null;
  /** All of stderr so far. */
  heard = "";
  /** Called when more was heard, and once when the process is gone. */
  onNews: () => void = () => undefined;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;

  /** Nothing of this process's environment gets through but PATH, so that no person's settings change a test. */
  constructor(options: {
    readonly args: readonly string[];
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly program?: string;
  }) {
    const program = options.program ?? AGENT_BINARY;
    if (!existsSync(program)) throw new Error(`Cannot start "${program}": there is no such file. Try: bun run build`);
    this.#child = Bun.spawn([program, ...options.args], {
      cwd: options.cwd,
      env: { PATH: process.env["PATH"] ?? "", ...options.env },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    alive.add(this);
    this.ended = this.#follow();
  }

  get pid(): number {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when `text` was said (true) or the process is gone without it or the time is over (false). */
  async says(text: string, withinMs = ENOUGH_MS): Promise<boolean> {
    const giveUp = performance.now() + withinMs;
    while (!this.heard.includes(text) && this.end === null && performance.now() < giveUp) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, giveUp - performance.now());
        this.onNews = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.onNews = () => undefined;
    return this.heard.includes(text);
  }

  async #follow(): Promise<AgentEnd> {
    const decoder = new TextDecoder();
    const hearing = (async () => {
      for await (const bytes of this.#child.stderr) {
        if (this.heard.length < HEARD_CHARS) this.heard += decoder.decode(bytes, { stream: true });
        this.onNews();
      }
    })();
    await this.#child.exited;
    const atMs = performance.now();
    await hearing;
    alive.delete(this);
    const { exitCode, signalCode } = this.#child;
    const end = { code: exitCode, signal: signalCode === null ? null : String(signalCode), atMs };
    this.end = end;
    this.onNews();
    return end;
  }
}

/** For a test that gives up: nothing that it started stays. */
export function killAllAgents(): void {
  for (const agent of alive) agent.kill("SIGKILL");
}
