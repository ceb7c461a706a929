/** Everything that opening a buffer needs, and the error of a stop before the buffer is open. */
import type { ReadMarks } from "../buffer/disk/marks.ts";
import { AgentError } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";
import type { MeasureUnits } from "../stages/schematize.ts";
import type { ObjectStore } from "../uplink/object-store.ts";

export type BufferInputs = {
  readonly settings: Settings;
  readonly log: Log;
  /** Asked for the objects that it has when a corrupt buffer does not know them. */
  readonly store: ObjectStore;
  readonly stop: AbortSignal;
  /** How long trouble with the data dir is waited for; absent: for ever. */
  readonly patienceMs?: number | undefined;
  /** Is called with what a start waits for, and with null when it waits no more. */
  readonly waiting?: ((problem: Problem | null) => void) | undefined;
  readonly pulse?: Pulse | undefined;
  readonly now: () => number;
  /** What distinguishes this machine and the buffer's file from others; absent: a copied data dir is not noticed. */
  readonly marks?: ReadMarks;
  /** The user's profile may have other units than the shipped ones: derived columns then convert its measures. */
  readonly units?: MeasureUnits;
};

/** Hears that the agent makes progress. */
export interface Pulse {
  /** Both loops came round since the last call. They do several times a second, also while the store or the disk is away. */
  beat(): void;
  /** The buffer has to be opened again, which may take long. */
  reopening(): void;
  reopened(): void;
}

/** The agent was stopped before it had begun: it took nothing, and has nothing to finish. */
export class StoppedEarlyError extends AgentError {
  override readonly name = "StoppedEarlyError";
}
