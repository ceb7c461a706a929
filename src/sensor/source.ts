/** The port that every source of readings implements (step 1, TAKE). */
import type { Problem } from "../core/problem.ts";
import type { ReadingBlock } from "../core/reading.ts";

/**
 * `more`: call again at once. `idle`: nothing new; call again at `wakeAtMs`, or when the source calls `onReady`.
 * `ended`: no more readings will come (stdin closed, a counted simulation is complete, a read with `once` is complete).
 */
export type Taken =
  | { readonly state: "more" }
  | { readonly state: "idle"; readonly wakeAtMs: number | null }
  | { readonly state: "ended" };

/**
 * A place where readings come from. `take` appends to the block, at most up to its capacity, and never waits.
 * A reading that was appended is committed together with `cursor()` in one transaction, or not at all; after that
 * `committed()` is called, and the source may acknowledge to its sender (PUBACK, HTTP 202). After a restart the source is
 * opened with the last committed cursor and continues after it: no reading is skipped, none is taken twice.
 * `take` throws TransientError when its origin cannot be read now (database locked, file missing): nothing was appended,
 * the caller waits and calls again, unless the error is final: then the source has ended. Bad input never throws: it becomes
 * a malformed row.
 */
export interface Source {
  /** As the user gave it: its cursor is stored under this name, and `status` shows it. */
  readonly uri: string;
  take(block: ReadingBlock, nowMs: number): Taken;
  /** The position after everything that it appended so far: opaque text (≤ 4 KiB), null where it cannot resume. */
  cursor(): string | null;
  /**
   * Where a cursor is too small: what changed since the last `committed()` of that which the source must know after a restart, by
   * key; null deletes. It is committed with the cursor, and after a restart the source is opened with all of it (`StateOf`).
   */
  changes?(): ReadonlyMap<string, string | null>;
  /** The buffer is another one, which may have nothing of it: from now on `changes` has everything, until `committed()`. */
  changeAll?(): void;
  /** Everything appended before this call is durable. */
  committed(): void;
  /** The cursor changed although nothing was appended: it is committed too, soon. `committed()` ends it. */
  readonly hasMoved?: boolean;
  /** A sender waits for the commit of what was taken (PUBACK, HTTP 2xx): the agent commits as soon as no source has more. */
  readonly senderWaits?: boolean;
  /**
   * Problems of input that can be read: a mapped name that no row has, rows that were edited. Empty when
   * all is well. Called about once a second. `agent status` shows it, also after the agent has ended.
   */
  problems?(): readonly Problem[];
  /** Facts for a person while it runs, as parts of a sentence: where it listens, what it answered. `agent status` shows them. */
  notes?(): readonly string[];
  /** A source that listens: its responses since the start, by HTTP status code. */
  answers?(): ReadonlyMap<number, number>;
  /**
   * For a time that is probably a mistake: what the same number is in another format (`unix_ms gives 1970-01-20 here; as unix_s it
   * is 2023-11-14`). Null where no other fits.
   */
  otherTime?(timeMs: number): string | null;
  /**
   * Nothing will be taken any more: appends what was read and waits for more, where it cannot be read again (a pipe). Other sources
   * read it again after a restart.
   */
  finish?(block: ReadingBlock): void;
  /** Set by the caller: called when an idle source has readings. */
  onReady: (() => void) | null;
  close(): void | Promise<void>;
}

export type OpenSources = readonly Source[];

/**
 * The last cursor that was committed under a URI, or null. Where there is none, `isSame` may name another spelling of the same
 * source, whose cursor it then takes over.
 */
export type CursorOf = (uri: string, isSame?: (other: string) => boolean) => string | null;

/** Everything that `changes` of the source with this URI had, as it was at the last commit. Call it after `CursorOf`. */
export type StateOf = (uri: string) => ReadonlyMap<string, string>;
