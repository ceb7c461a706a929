/** `agent buffer`: the buffer of a node, beside its running agent or without one. */
import type { CommandGroup } from "../frame/command.ts";

export const group: CommandGroup = {
  name: "buffer",
  summary: "The buffer of a node: what is in it, whether it is sound, readings out of it, room freed.",
  commands: {
    stats: async () => (await import("./stats.ts")).command,
    check: async () => (await import("./check.ts")).command,
    export: async () => (await import("./export.ts")).command,
    prune: async () => (await import("./prune.ts")).command,
    acknowledge: async () => (await import("./acknowledge.ts")).command,
    requeue: async () => (await import("./requeue.ts")).command,
  },
};
