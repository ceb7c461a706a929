/** The writer of the source database, as a process of its own that gets its limit on stdin, and is sometimes killed. */
import { join } from "node:path";

const PROGRAM = join(import.meta.dir, "source-writer.ts");

export class WriterProcess {
  kills = 0;
  readonly #path: string;
  readonly #seed: number;
  #allowed = 0;
  #child: Bun.Subprocess<"pipe", "ignore", "inherit">;

  constructor(path: string, seed: number) {
    this.#path = path;
    this.#seed = seed;
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
    if (code !== 0) throw new Error(`Cannot continue: the writer of the source database ended with ${code}`);
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #start() {
    return Bun.spawn([process.execPath, PROGRAM, this.#path, String(this.#seed)], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "inherit",
    });
  }
}
