/**
 * Keys of ours that other objects have taken. The rows of such a batch are promised again under another epoch; the record says
 * so for ever, because the key and its range would look promised or missing otherwise.
 */
import type { Database } from "bun:sqlite";
import type { HourRange } from "../core/seq-range.ts";
import type { Stage } from "../core/stage.ts";

/** A revision of a window, by the window's start. */
export type WindowRevision = { readonly startMs: number; readonly revision: number };

export type Conflict = {
  readonly stage: Stage;
  readonly key: string;
  readonly count: number;
  /** The readings that the batch had; null: it had a body of its own. */
  readonly range: HourRange | null;
  /** Later revisions of this window go out under the other epoch too: they hold its readings again. */
  readonly window: WindowRevision | null;
  /** The buffer's epoch then. */
  readonly under: string;
  /** The other epoch. */
  readonly epoch: string;
  /** What is under the key, for people. */
  readonly found: string;
  readonly atMs: number;
};

export const CONFLICT_TABLE = `
  -- Keys of batches that were taken by other objects; epoch: the one under which their rows were promised again.
  CREATE TABLE conflict (id INTEGER PRIMARY KEY, stage TEXT NOT NULL, key TEXT NOT NULL, count INTEGER NOT NULL,
    first_seq INTEGER, last_seq INTEGER, hour INTEGER, window_start INTEGER, revision INTEGER,
    under TEXT NOT NULL, epoch TEXT NOT NULL, found TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX conflict_window ON conflict (window_start) WHERE window_start IS NOT NULL;
  `;

type ConflictRow = Pick<Conflict, "stage" | "key" | "count" | "under" | "epoch" | "found" | "atMs"> &
  Record<"first" | "last" | "hourMs" | "startMs" | "revision", number | null>;

const SELECT = `SELECT stage, key, count, first_seq AS first, last_seq AS last, hour AS hourMs,
  window_start AS startMs, revision, under, epoch, found, at AS atMs FROM conflict NOT INDEXED ORDER BY id`;

/** Inside the caller's transaction. */
export function recordConflict(db: Database, conflict: Conflict): void {
  const { stage, key, count, range, window, under, epoch, found, atMs } = conflict;
  db.query("INSERT INTO conflict VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
    ...[stage, key, count, range?.first ?? null, range?.last ?? null, range?.hourMs ?? null],
    ...[window?.startMs ?? null, window?.revision ?? null, under, epoch, found, atMs],
  );
}

/** Oldest first; none where the buffer is older than the table. */
export function conflictsOf({ db }: { readonly db: Database }): Conflict[] {
  if (!hasTable(db)) return [];
  return db
    .query<ConflictRow, []>(SELECT)
    .all()
    .map(({ first, last, hourMs, startMs, revision, ...rest }) => ({
      ...rest,
      range: first === null || last === null || hourMs === null ? null : { first, last, hourMs },
      window: startMs === null || revision === null ? null : { startMs, revision },
    }));
}

export type ConflictSummary = {
  readonly count: number;
  /** Of the newest. */
  readonly stage: Stage;
  readonly key: string;
  readonly epoch: string;
  readonly found: string;
  readonly atMs: number;
};

/** Null: there was none. */
export function conflictSummary({ db }: { readonly db: Database }): ConflictSummary | null {
  if (!hasTable(db)) return null;
  return db
    .query<ConflictSummary, []>(
      `SELECT (SELECT count(*) FROM conflict) AS count, stage, key, epoch, found, at AS atMs
       FROM conflict ORDER BY id DESC LIMIT 1`,
    )
    .get();
}

/** The epoch of a window's next revision: the buffer's, `own`, or the other one. */
export function epochOfWindow(db: Database, startMs: number, own: string): string {
  const newest = db.query<{ epoch: string }, [number, string]>(
    "SELECT epoch FROM conflict WHERE window_start = ? AND under = ? ORDER BY id DESC LIMIT 1",
  );
  return newest.get(startMs, own)?.epoch ?? own;
}

function hasTable(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'conflict'").get() !== null;
}
