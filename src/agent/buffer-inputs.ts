/** What opening a buffer needs of the world, and how it ends when it is told to stop meanwhile. */
import { AgentError } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import type { Settings } from "../core/settings/settings.ts";
import type { ObjectStore } from "../uplink/object-store.ts";

export type BufferInputs = {
  readonly settings: Settings;
  readonly log: Log;
  /** Asked what it has where the corrupt buffer cannot tell. */
  readonly store: ObjectStore;
  readonly stop: AbortSignal;
  readonly now: () => number;
};

/** The agent was told to stop before it had begun: nothing was taken, nothing is to be done. */
export class StoppedEarlyError extends AgentError {
  override readonly name = "StoppedEarlyError";
}
