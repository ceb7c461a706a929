/** `agent bacalhau`: what Bacalhau's own commands do not say of the agent's jobs. */
import type { CommandGroup } from "../frame/command.ts";

export const group: CommandGroup = {
  name: "bacalhau",
  summary:
    "A fleet that Bacalhau runs: all nodes in one table; what a job did; check a job spec before it is submitted.",
  commands: {
    init: async () => (await import("./init.ts")).command,
    status: async () => (await import("./status.ts")).command,
    result: async () => (await import("./result.ts")).command,
    check: async () => (await import("./check.ts")).command,
  },
};
