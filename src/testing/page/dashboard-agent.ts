/** The compiled binary that serves its page, in a folder of its own, which stays the same over restarts. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AgentProcess, ENOUGH_MS } from "../agent-process.ts";

export type DashboardOptions = {
  /** Of `agent run`, beside `--dashboard`. Without `--source`: 4 sensors, each 10 readings a second. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files by path in the folder of the agent, as `rules/a.json`. Text, or a value that is written as JSON. */
  readonly files?: Readonly<Record<string, unknown>>;
};

const SOURCE = ["--source", "simulator:?sensors=4&rate=10&anomaly=0.05&seed=7"];
/** Small batches, so that a test sees in seconds what otherwise takes minutes. */
const ENV = { AGENT_NODE_ID: "node-1", AGENT_COMMIT_MS: "100ms", AGENT_BATCH_MS: "500ms" };

export class DashboardAgent {
  readonly folder = mkdtempSync(join(tmpdir(), "agent-page-"));
  readonly #options: DashboardOptions;
  #port = 0;
  #process: AgentProcess | null = null;

  private constructor(options: DashboardOptions) {
    this.#options = options;
    for (const [path, what] of Object.entries(options.files ?? {})) this.write(path, what);
  }

  static async start(options: DashboardOptions = {}): Promise<DashboardAgent> {
    const agent = new DashboardAgent(options);
    await agent.begin();
    return agent;
  }

  /** Starts the agent, on the port that it had before; returns when it listens. */
  async begin(): Promise<void> {
    const { args = [], env = {} } = this.#options;
    const source = args.includes("--source") ? [] : SOURCE;
    const all = ["run", "--dashboard", `127.0.0.1:${this.#port}`, ...source, ...args];
    this.#process = new AgentProcess({ args: all, cwd: this.folder, env: Object.assign({}, ENV, env) });
    if (!(await this.#process.says("listening: "))) throw new Error(`The agent does not listen: ${this.heard}`);
    this.#port = Number(/listening: .*127\.0\.0\.1:(\d+)\//.exec(this.heard)?.[1] ?? "0");
    if (this.#port === 0) throw new Error(`The agent does not say its port: ${this.heard}`);
  }

  /** `http://127.0.0.1:PORT/` */
  get address(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** The address with the token, for what writes. */
  async addressWithToken(): Promise<string> {
    const path = join(this.folder, "agent-data/dashboard.token");
    for (const giveUp = performance.now() + ENOUGH_MS; !existsSync(path); await Bun.sleep(20)) {
      if (performance.now() > giveUp) throw new Error(`There is no token in ${path}: ${this.heard}`);
    }
    return `${this.address}#token=${readFileSync(path, "utf8").trim()}`;
  }

  get heard(): string {
    return this.#process?.heard ?? "";
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Writes a file in the agent's folder. */
  write(path: string, what: unknown): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof what === "string" ? what : JSON.stringify(what));
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#process?.kill(signal);
    await this.#process?.ended;
  }

  /** Ends the agent, and deletes its folder. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
