/** `agent provision`: from credentials to a working lakehouse, as a plan that can be read, repeated, verified and undone. */
import type { CommandGroup } from "./command.ts";

export const group: CommandGroup = {
  name: "provision",
  summary: "Set up the clouds: a plan to read, apply it, verify it, undo it.",
  commands: {
    plan: async () => (await import("./provision-plan.ts")).command,
    apply: async () => (await import("./provision-apply.ts")).command,
    verify: async () => (await import("./provision-verify.ts")).command,
    run: async () => (await import("./provision-run.ts")).command,
    clean: async () => (await import("./provision-clean.ts")).command,
    destroy: async () => (await import("./provision-destroy.ts")).command,
    "rotate-key": async () => (await import("./provision-rotate-key.ts")).command,
    export: async () => (await import("./provision-export.ts")).command,
    seed: async () => (await import("./provision-seed.ts")).command,
  },
};
