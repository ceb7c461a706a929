/** The state that all viewers are sent: the same status as `/healthz`, with rates, and what the process costs. */
import { messageOf } from "../../core/errors.ts";
import { withoutPassword } from "../../core/log/redact.ts";
import type { Problem } from "../../core/problem.ts";
import { IDENTITY_COLUMNS, type SensorCatalogue } from "../../core/sensor.ts";
import { shellWord } from "../../core/shell-word.ts";
import { type LiveStatus, liveStatus } from "../../status/live-status.ts";
import type { DashboardNode } from "../node.ts";
import type { LiveState } from "../wire.ts";
import { FillForecast } from "./fill-forecast.ts";

export class LiveStates {
  readonly #node: DashboardNode;
  readonly #running: () => number;
  readonly #forecast = new FillForecast();
  readonly #sensors = new DistinctSensors();
  #cpuMs = 0;
  #cpuAtMs = 0;

  constructor(node: DashboardNode, running: () => number) {
    this.#node = node;
    this.#running = running;
  }

  make(): LiveState {
    const { opened: openedNow, problems, settings, now } = this.#node;
    const opened = openedNow();
    const nowMs = now();
    const process = this.#process();
    if (opened === null) {
      const store = withoutPassword(settings.store);
      const waits = problems();
      const none = { startedAtMs: null, status: null, rates: null, fullInMs: null, sensors: 0 };
      return { nowMs, store, problems: waits, ...none, ...process };
    }
    const { buffer, rates } = opened.parts;
    const found = this.#status(nowMs);
    const live = found.live ?? opened.parts.liveReport(nowMs);
    const status = found.status ?? null;
    return {
      nowMs,
      startedAtMs: live.startedAtMs,
      store: withoutPassword(live.store),
      status,
      problems: status?.problems ?? [...problems(), ...live.problems, ...found.problems],
      rates: rates.read(),
      fullInMs: status === null ? null : this.#forecast.fullInMs(status, nowMs, this.#running()),
      sensors: this.#sensors.count(buffer.catalogue),
      ...process,
    };
  }

  #status(nowMs: number): Partial<LiveStatus> & { readonly problems: readonly Problem[] } {
    const { opened, settings, dataDir } = this.#node;
    const agent = opened();
    if (agent === null) return { problems: [] };
    try {
      agent.parts.backlog.count();
      return { ...liveStatus(agent, settings, dataDir, nowMs), problems: [] };
    } catch (error) {
      // A new buffer is being made, or its disk is gone.
      const message = `Cannot read the buffer: ${messageOf(error)}`;
      return { problems: [{ code: "buffer_unreadable", message, try: `df -h ${shellWord(dataDir)}` }] };
    }
  }

  /** Since the last call; at the first one, since the process began. */
  #process(): Pick<LiveState, "residentBytes" | "cpuShare"> {
    const { user, system } = process.cpuUsage();
    const [cpuMs, atMs] = [(user + system) / 1_000, this.#running()];
    const spanMs = atMs - this.#cpuAtMs;
    const cpuShare = spanMs > 0 ? (cpuMs - this.#cpuMs) / spanMs : 0;
    this.#cpuMs = cpuMs;
    this.#cpuAtMs = atMs;
    return { residentBytes: process.memoryUsage.rss(), cpuShare };
  }
}

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

/** One that had several identities counts once. */
class DistinctSensors {
  readonly #ids = new Set<unknown>();
  #catalogue: SensorCatalogue | null = null;
  #seen = 1;

  count(catalogue: SensorCatalogue): number {
    if (catalogue !== this.#catalogue) {
      this.#ids.clear();
      this.#seen = 1;
      this.#catalogue = catalogue;
    }
    const { interned } = catalogue;
    for (; this.#seen < interned.length; this.#seen++) this.#ids.add(interned[this.#seen]?.identity[SENSOR_ID]);
    return this.#ids.size;
  }
}
