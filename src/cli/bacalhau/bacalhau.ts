/** `agent bacalhau`: what Bacalhau's own commands do not say of the agent's jobs. */
import type { CommandGroup } from "../frame/command.ts";

export const group: CommandGroup = {
  name: "bacalhau",
  summary: "Jobs of Bacalhau: check a spec before it is submitted.",
  commands: {
    check: async () => (await import("./check.ts")).command,
  },
};
