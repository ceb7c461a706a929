/** The writer of the source, as a process of its own that gets its limit on stdin, and is sometimes killed. */
import { join } from "node:path";

export class WriterProcess {
  kills = 0;
  readonly #path: string;
  readonly #seed: number;
  readonly #program: string;
  #allowed = 0;
  #child: Bun.Subprocess<"pipe", "ignore", "inherit">;

  constructor(path: string, seed: number, program: "source-writer.ts" | "file-writer.ts" = "source-writer.ts") {
    this.#path = path;
    this.#seed = seed;
    this.#program = join(import.meta.dir, program);
    this.#child = this.#start();
  }

  allow(rows: number): void {
    this.#allowed = Math.max(this.#allowed, Math.floor(rows));
    this.#child.stdin.write(`${this.#allowed}\n`);
    void this.#child.stdin.flush();
  }

  /** In the middle of a transaction or not; another process continues. */
  async killAndRestart(): Promise<void> {
    this.kills++;
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#child = this.#start();
    this.allow(this.#allowed);
  }

  /** All rows that were allowed are written. */
  async finish(): Promise<void> {
    this.#child.stdin.end();
    const code = await this.#child.exited;
    if (code !== 0) throw new Error(`Cannot continue: the writer of the source ended with ${code}`);
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #start() {
    return Bun.spawn([process.execPath, this.#program, this.#path, String(this.#seed)], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "inherit",
    });
  }
}
