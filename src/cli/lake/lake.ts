/** `agent lake`: what is in the buckets or the folder, by stage. Looks at the store only, never at a buffer. */
import type { CommandGroup } from "../frame/command.ts";

export const group: CommandGroup = {
  name: "lake",
  summary: "What is in the buckets or the folder: list it, look inside, clear it.",
  commands: {
    ls: async () => (await import("./ls.ts")).command,
    head: async () => (await import("./head.ts")).command,
    clean: async () => (await import("./clean.ts")).command,
  },
};
