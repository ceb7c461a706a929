/** `agent buffer`: the buffer of a node, beside its running agent or without one. */
import type { CommandGroup } from "../frame/command.ts";

export const group: CommandGroup = {
  name: "buffer",
  summary: "The buffer of a node: what is in it; send again what the store refused.",
  commands: {
    stats: async () => (await import("./stats.ts")).command,
    requeue: async () => (await import("./requeue.ts")).command,
  },
};
