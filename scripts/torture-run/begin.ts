/** How a run begins that starts many agents: its options, and none of its agents left behind when it is stopped. */
import { killAllAgents } from "../../src/testing/agent-process.ts";

/** Ends the process with 2 and `usage` where the options cannot be read. */
export function begin<Options>(readOptions: () => Options, usage: string): Options {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      killAllAgents();
      process.exit(130);
    });
  }
  try {
    return readOptions();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}
