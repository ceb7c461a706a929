/** A Spark session with Delta that runs the notebooks, as a test sees it: scripts/spark/session.py in a process of its own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Stage } from "../../core/stage.ts";
import { type S3Server, serverCache } from "../s3-server.ts";

const PROGRAM = join(import.meta.dir, "../../../scripts/spark/session.py");
/** How much of the end of stderr is kept for a failure's message. */
const HEARD_CHARS = 4_000;

export type NotebookSettings = {
  readonly catalog: string;
  readonly schema: string;
  readonly prefix: string;
  readonly store: string;
  readonly reader: "json";
  readonly mode?: "once" | "continuous";
  readonly max_files?: number;
  readonly rebuild?: string;
  readonly stages?: readonly Stage[];
};
export type StageReport = {
  readonly stage: Stage;
  readonly table: string;
  readonly rows: number;
  readonly quarantined: readonly string[];
  readonly foreign: number | null;
  readonly foreign_named: readonly string[];
};
export type TableRow = Readonly<Record<string, unknown>>;

/** What a SQL warehouse is asked, in Spark's words. Parameters are strings or null, cast in the text. */
export type SparkStatement = {
  readonly text: string;
  readonly schema: string;
  readonly parameters: Readonly<Record<string, string | null>>;
};
export type SparkAnswer =
  | {
      /** `type` as the statement API calls it (`LONG`), `text` as SQL does (`BIGINT`). */
      readonly columns: readonly { readonly name: string; readonly type: string; readonly text: string }[];
      readonly rows: readonly (readonly (string | null)[])[];
    }
  | { readonly code: string; readonly state: string; readonly message: string };

/** Where scripts/setup-spark put Python and the jars, or null when it could not. */
export function findSpark(): { readonly python: string; readonly jars: string } | null {
  const python = join(serverCache(), "spark-venv/bin/python");
  const jars = join(serverCache(), "spark-jars");
  return existsSync(python) && existsSync(join(jars, "agent-tests.pins")) ? { python, jars } : null;
}

export type SparkOptions = { readonly length?: "short" | "long"; readonly s3?: S3Server };

export class SparkSession {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #answers: AsyncGenerator<string>;
  #heard = "";
  #last: Promise<unknown> = Promise.resolve();

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "pipe">) {
    this.#child = child;
    this.#answers = linesOf(child.stdout);
    void this.#listen();
  }

  /**
   * On return Spark takes commands. Tables and scratch are in `folder`; a session ends with the process that started it.
   * `long` is for jobs of a minute and more: it starts slower and runs faster. `s3`: the server that `s3a://` is.
   */
  static async open(folder: string, { length = "short", s3 }: SparkOptions = {}): Promise<SparkSession> {
    const spark = findSpark();
    if (spark === null) throw new Error(`Cannot start Spark: not in "${serverCache()}". Try: scripts/setup-spark`);
    const child = Bun.spawn([spark.python, PROGRAM, spark.jars, folder, length], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, TZ: "UTC", PYTHONDONTWRITEBYTECODE: "1", ...s3?.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      // A group of its own: Python and the JVM that it starts die together.
      detached: true,
    });
    const session = new SparkSession(child);
    await session.#answer("the start");
    return session;
  }

  async run(settings: NotebookSettings): Promise<StageReport[]> {
    return (await this.#ask({ run: settings })) as StageReport[];
  }

  /** The whole file as a notebook that a job runs with these parameters: what it hands to `dbutils.notebook.exit`. */
  async notebook(parameters: Readonly<Record<string, string>>): Promise<string> {
    return (await this.#ask({ notebook: parameters })) as string;
  }

  /** What `run` does, in the background, until it is stopped. */
  async start(settings: NotebookSettings): Promise<void> {
    await this.#ask({ start: { ...settings, mode: "continuous" } });
  }

  /** Stops what was started, as a person who watches a demonstration does; throws what it failed with. */
  async stop(): Promise<StageReport[]> {
    return (await this.#ask({ stop: true })) as StageReport[];
  }

  async sql(text: string): Promise<TableRow[]> {
    return (await this.#ask({ sql: text })) as TableRow[];
  }

  async statement(asked: SparkStatement): Promise<SparkAnswer> {
    return (await this.#ask({ statement: asked })) as SparkAnswer;
  }

  /** As a power cut has it: nothing is finished. */
  async kill(): Promise<void> {
    process.kill(-this.#child.pid, "SIGKILL");
    await this.#child.exited;
  }

  async close(): Promise<void> {
    await this.#child.stdin.end();
    await this.#child.exited;
    try {
      // The JVM outlives Python by a moment, and would write into a folder that is being removed.
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
  }

  /** One command at a time: the answers come in the order of the commands. */
  async #ask(command: Readonly<Record<string, unknown>>): Promise<unknown> {
    const answer = this.#last.then(() => this.#send(command));
    this.#last = answer.catch(() => undefined);
    return await answer;
  }

  async #send(command: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    await this.#child.stdin.flush();
    return await this.#answer(JSON.stringify(command));
  }

  async #answer(to: string): Promise<unknown> {
    const line = await this.#answers.next();
    if (line.done === true) throw new Error(`Spark ended without an answer to ${to}\n${this.#heard}`);
    const answer = JSON.parse(line.value) as { ok?: unknown; error?: string };
    if (answer.error !== undefined) throw new Error(`Spark failed at ${to}: ${answer.error}`);
    return answer.ok;
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stderr) {
      this.#heard = (this.#heard + decoder.decode(bytes, { stream: true })).slice(-HEARD_CHARS);
    }
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
