/**
 * A person says that the problems of the buffer's past (a copy, damage) were looked at. A running agent is asked by a file in the
 * data dir, because only the agent writes its buffer. It is deleted when that is done.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Log } from "../../core/log/log.ts";
import { acknowledgeOpening } from "./old-epochs.ts";

const REQUEST_FILE = "acknowledge";

/** Throws the error of a data dir that cannot be written. */
export function askAcknowledge(dataDir: string): void {
  writeFileSync(join(dataDir, REQUEST_FILE), "");
}

export function isAcknowledgeAsked(dataDir: string): boolean {
  return existsSync(join(dataDir, REQUEST_FILE));
}

export type AcknowledgeParts = {
  readonly dataDir: string;
  readonly buffer: SqliteBuffer;
  readonly log: Log;
  readonly nowMs: number;
};

/** Looks for a request, and does it. Throws the database's error; the request stays then. */
export function answerAcknowledge({ dataDir, buffer, log, nowMs }: AcknowledgeParts): void {
  if (!isAcknowledgeAsked(dataDir)) return;
  const count = acknowledgeOpening(buffer, nowMs);
  if (count > 0) log.info("acknowledged", "A person has looked at what the buffer reported of its past", { count });
  rmSync(join(dataDir, REQUEST_FILE), { force: true });
}
