/** What the page's rooms know of the node that they show. */
import type { OpenAgent } from "../agent/open-agent.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";

export type DashboardNode = {
  /** Those of the run: the few that may change while it runs are as they are now. */
  readonly settings: Settings;
  readonly cwd: string;
  /** Absolute. */
  readonly dataDir: string;
  /** Where rule files are looked for, as the user named it and absolute; it may not exist. `opened()` says which rules are in force. */
  readonly rulesFolder: { readonly shown: string; readonly path: string };
  readonly log: Log;
  /** Null while the agent starts, and waits for its data dir or its lock. */
  readonly opened: () => OpenAgent | null;
  /** What the start waits for; empty once there is an agent, whose status has its own. */
  readonly problems: () => readonly Problem[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
};
