/** `agent provision`: from credentials to a working lakehouse, as a plan that can be read, repeated, verified and undone. */
import type { CommandGroup } from "../frame/command.ts";

export const group: CommandGroup = {
  name: "provision",
  summary: "Set up the clouds: a plan to read, apply it, verify it, undo it.",
  commands: {
    plan: async () => (await import("./plan.ts")).command,
    apply: async () => (await import("./apply.ts")).command,
    verify: async () => (await import("./verify.ts")).command,
    run: async () => (await import("./run.ts")).command,
    clean: async () => (await import("./clean.ts")).command,
    destroy: async () => (await import("./destroy.ts")).command,
    "rotate-key": async () => (await import("./rotate-key.ts")).command,
    export: async () => (await import("./export.ts")).command,
    seed: async () => (await import("./seed.ts")).command,
  },
};
