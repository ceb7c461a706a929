/** The reports that run beside the agent in `run` and `demo`: its HTTP server and its heartbeat. */
import type { OpenAgent } from "../agent/open-agent.ts";
import type { Reporting } from "../agent/parts.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";
import { RunHealth } from "./health-pages.ts";
import { RunHeartbeat } from "./heartbeat.ts";

export class RunReporting implements Reporting {
  readonly #health: RunHealth;
  readonly #heartbeat: RunHeartbeat;

  constructor(settings: Settings, cwd: string, log: Log) {
    this.#health = new RunHealth(settings, cwd, log);
    this.#heartbeat = new RunHeartbeat(settings, cwd, log);
  }

  /** Before the agent has its lock: requests are answered that it starts. */
  listen(): Promise<void> {
    return this.#health.listen();
  }

  /** What the start waits for; null: it waits no more. */
  waiting(problem: Problem | null): void {
    this.#health.waiting(problem);
  }

  begin(opened: OpenAgent): void {
    this.#health.tell(opened);
    this.#heartbeat.begin(opened);
  }

  /** Before the buffer is closed. `finished`: everything was delivered. */
  async end(opened: OpenAgent, finished: boolean): Promise<void> {
    await this.#heartbeat.end(opened, finished);
    this.#health.close();
  }

  problems() {
    return [...this.#health.problems(), ...this.#heartbeat.problems()];
  }

  heartbeat() {
    return this.#heartbeat.report();
  }
}
