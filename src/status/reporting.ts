/** The reports that run beside the agent in `run` and `demo`: its HTTP server, its heartbeat and its pushed metrics. */
import type { OpenAgent } from "../agent/open-agent.ts";
import type { Reporting } from "../agent/parts.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";
import { type MoreRoutes, RunHealth } from "./health-pages.ts";
import { RunHeartbeat } from "./heartbeat.ts";
import { MetricsPush } from "./metrics/push.ts";
import { OwnBinary } from "./own-binary.ts";
import { StateFile } from "./state-file.ts";

export class RunReporting implements Reporting {
  readonly #health: RunHealth;
  readonly #heartbeat: RunHeartbeat;
  readonly #binary: OwnBinary;
  readonly #state: StateFile;
  readonly #push: MetricsPush;
  #isBegun = false;

  /** `moreRoutes`: what its HTTP server answers beside health and metrics. */
  constructor(settings: Settings, cwd: string, log: Log, moreRoutes?: MoreRoutes) {
    this.#health = new RunHealth(settings, cwd, log, moreRoutes);
    this.#heartbeat = new RunHeartbeat(settings, cwd, log);
    this.#binary = new OwnBinary(settings, log);
    this.#state = new StateFile(settings.stateFile, log);
    this.#push = new MetricsPush(settings, cwd, log, () => this.#health.refusals());
  }

  /** Aborted when the agent must end because its binary was replaced, where AGENT_EXIT_WHEN_REPLACED asks for that. */
  watchBinary(): AbortSignal {
    return this.#binary.watch();
  }

  /** Before the agent has its lock: requests are answered that it starts. `orFreePort`: where the port is taken, any free one does. */
  listen(orFreePort = false): Promise<void> {
    return this.#health.listen(orFreePort);
  }

  /** What the start waits for; null: it waits no more. */
  waiting(problem: Problem | null): void {
    this.#health.waiting(problem);
    if (problem !== null) this.#state.write("waiting");
    else if (this.#isBegun) this.#state.write("running");
  }

  begin(opened: OpenAgent): void {
    this.#isBegun = true;
    this.#state.write("running");
    this.#health.tell(opened);
    this.#heartbeat.begin(opened);
    this.#push.begin(opened);
  }

  /** Before the buffer is closed. `finished`: everything was delivered. */
  async end(opened: OpenAgent, finished: boolean): Promise<void> {
    this.#binary.close();
    await Promise.all([this.#heartbeat.end(opened, finished), this.#push.end(opened, finished)]);
    this.#health.close();
  }

  get page() {
    return this.#health.page;
  }

  problems() {
    return [this.#binary, this.#health, this.#heartbeat, this.#push].flatMap((part) => part.problems());
  }

  restored(): void {
    this.#health.restored();
  }

  heartbeat() {
    return this.#heartbeat.report();
  }
}
