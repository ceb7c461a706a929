/** An agent in this process whose time, store and source are in the test's hands: nothing here waits for a real clock. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenAgent, openAgent } from "../agent/open-agent.ts";
import type { Committed } from "../agent/parts.ts";
import { TransientError } from "../core/errors.ts";
import { type LogEntry, makeLog } from "../core/log/log.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import { builtInRules } from "../rules/files/shipped.ts";
import { MemoryStore } from "../uplink/memory-store.ts";
import { FIRST_EVENT_MS, ListedSource } from "./listed-source.ts";

/** Takes objects while it is up; hangs, or fails, while it is not. */
export class SwitchedStore extends MemoryStore {
  state: "up" | "down" | "hangs" = "up";
  puts = 0;
  override async put(...given: Parameters<MemoryStore["put"]>): Promise<"stored" | "already-there"> {
    this.puts++;
    // A real store answers from outside: never within the turn that asked.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.state === "down") throw new TransientError("the line is down.");
    if (this.state === "hangs") {
      const [, , , signal] = given;
      await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    }
    return await super.put(...given);
  }
}

export type FakeNode = {
  readonly opened: OpenAgent;
  readonly store: SwitchedStore;
  readonly source: ListedSource;
  readonly log: readonly LogEntry[];
  readonly clock: { wallMs: number; runningMs: number };
  /** Lets time go by in steps; in each, every loop has its turn. */
  readonly drive: (stepMs: number, steps: number) => Promise<void>;
  /** Ends it as a stop signal does, closes it and deletes its folder, unless another node continues with it. */
  readonly end: (keeps?: "keeps its folder") => Promise<void>;
  readonly dataDir: string;
};

export async function startFakeNode(of: {
  readonly count: number;
  readonly now?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly stepMs?: number;
  readonly lateMs?: (n: number) => number;
  readonly malformed?: boolean;
  readonly polls?: boolean;
  readonly sensors?: number;
  readonly everNew?: boolean;
  /** Of one that ended. */
  readonly dataDir?: string;
  readonly store?: SwitchedStore;
}): Promise<FakeNode> {
  const dataDir = of.dataDir ?? mkdtempSync(join(tmpdir(), "agent-node-"));
  const env = { AGENT_NODE_ID: "node-1", AGENT_COMMIT_ROWS: "100", AGENT_BATCH_ROWS: "1000", ...of.env };
  const clock = { wallMs: FIRST_EVENT_MS, runningMs: 0 };
  const store = of.store ?? new SwitchedStore();
  const log: LogEntry[] = [];
  let source: ListedSource | null = null;
  const sources = (catalogue: SensorCatalogue, { cursor }: Committed) => {
    source = new ListedSource(catalogue, { ...of, cursor: cursor("listed:") });
    return [source];
  };
  const opened = await openAgent({
    settings: resolveSettings({ flags: { "data-dir": dataDir }, env }),
    log: makeLog({ least: "info", secrets: [], now: () => clock.wallMs, write: (entry) => log.push(entry) }),
    store,
    sources,
    stop: new AbortController().signal,
    now: () => clock.wallMs,
    running: () => clock.runningMs,
    random: () => 0.5,
    rules: (catalogue) => ({ set: builtInRules(catalogue), refused: [] }),
  });
  const running = opened.run();
  const drive = async (stepMs: number, steps: number) => {
    for (let step = 0; step < steps; step++) {
      clock.wallMs += stepMs;
      clock.runningMs += stepMs;
      for (let turn = 0; turn < 6; turn++) {
        opened.parts.delivery.onProgress();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  };
  const end = async (keeps?: "keeps its folder") => {
    opened.stop(0);
    await running;
    await opened.close();
    if (keeps === undefined) rmSync(dataDir, { recursive: true });
  };
  return { opened, store, source: source!, log, clock, drive, end, dataDir };
}
