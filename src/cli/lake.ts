/** `agent lake`: what is in the buckets or the folder, by stage. Looks at the store only, never at a buffer. */
import type { CommandGroup } from "./command.ts";

export const group: CommandGroup = {
  name: "lake",
  summary: "What is in the buckets or the folder: list it, look inside, clear it.",
  commands: {
    ls: async () => (await import("./lake-ls.ts")).command,
    head: async () => (await import("./lake-head.ts")).command,
    clean: async () => (await import("./lake-clean.ts")).command,
  },
};
