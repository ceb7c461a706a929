/** The port that every source of readings implements (step 1, TAKE). */
import type { ReadingBlock } from "../core/reading.ts";

/**
 * `more`: call again at once. `idle`: nothing now; call again at `wakeAtMs`, or when the source calls `onReady`.
 * `ended`: nothing will ever come (stdin closed, a counted simulator done, a one-shot read of a database is through).
 */
export type Taken =
  | { readonly state: "more" }
  | { readonly state: "idle"; readonly wakeAtMs: number | null }
  | { readonly state: "ended" };

/**
 * A place where readings come from. `take` appends to the block, at most up to its capacity, and never waits.
 * A reading that was appended is committed together with `cursor()` in one transaction, or not at all; after that
 * `committed()` is called and the source may acknowledge to its own outside (PUBACK, HTTP 202). After a restart the
 * source is opened with the last committed cursor and goes on behind it: no reading skipped, none twice.
 * `take` throws TransientError when the outside is in trouble (database locked, file gone): nothing was appended, the
 * caller waits and calls again. Bad input never throws: it becomes a malformed row.
 */
export interface Source {
  /** As the user gave it; the name under which its cursor is stored and `status` shows it. */
  readonly uri: string;
  take(block: ReadingBlock, nowMs: number): Taken;
  /** Where the source stands after everything it appended so far: opaque text (≤ 4 KiB), null where it has no memory. */
  cursor(): string | null;
  /** Everything appended before this call is durable. */
  committed(): void;
  /** Set by the caller: called when an idle source has something. */
  onReady: (() => void) | null;
  close(): void | Promise<void>;
}
