/** `agent service`: the agent as a service of systemd. The room is named after systemd, its command after what it makes. */
import type { CommandGroup } from "../frame/command.ts";

export const group: CommandGroup = {
  name: "service",
  summary: "The agent as a service of systemd: hardened, watched, and started again whatever happens.",
  commands: {
    install: async () => (await import("./install.ts")).command,
    uninstall: async () => (await import("./uninstall.ts")).command,
    status: async () => (await import("./state.ts")).command,
  },
};
