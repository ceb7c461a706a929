/** The agent in this process, as what answers its page sees it. */
import type { OpenAgent } from "../agent/open-agent.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";

export type WatchedAgent = {
  /** Null until it has its buffer. Its parts may be replaced with the buffer: ask again after each wait. */
  readonly opened: () => OpenAgent | null;
  /** What its start waits for; null: nothing. */
  readonly waits: () => Problem | null;
  readonly settings: Settings;
  /** Absolute. */
  readonly dataDir: string;
  /** The wall clock, ms since 1970. */
  readonly now: () => number;
  /** A clock that only runs, ms. */
  readonly running: () => number;
};
