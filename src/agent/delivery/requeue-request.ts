/**
 * A request to a running agent to send its parked batches again: a file in the data dir, because only the agent writes its
 * buffer. It is deleted when that is done.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outbox } from "../../buffer/outbox.ts";
import type { Log } from "../../core/log/log.ts";

const REQUEST_FILE = "requeue";

/** Throws the error of a data dir that cannot be written. */
export function askRequeue(dataDir: string): void {
  writeFileSync(join(dataDir, REQUEST_FILE), "", { mode: 0o600 });
}

export function isRequeueAsked(dataDir: string): boolean {
  return existsSync(join(dataDir, REQUEST_FILE));
}

export type RequeueParts = {
  readonly dataDir: string;
  readonly outbox: Outbox;
  readonly log: Log;
  /** The outbox changed by itself. */
  readonly changed: () => void;
};

/** Looks for a request, and does it. Throws the database's error; the request stays then. */
export function answerRequeue({ dataDir, outbox, log, changed }: RequeueParts): void {
  if (!isRequeueAsked(dataDir)) return;
  const count = outbox.requeue();
  if (count > 0) {
    changed();
    log.info("requeued", "Batches that the store had refused are sent again, as agent buffer requeue asked", { count });
  }
  rmSync(join(dataDir, REQUEST_FILE), { force: true });
}
