/**
 * `sqlite:PATH[?table=sensor_readings]`: a table that another process writes, followed by rowid; or a table, a view or a query that
 * is followed by a key of integers (relation.ts), which then stands for the rowid in all that follows. The database is opened
 * read-only, and each take is one short read of one snapshot, so that the writer never waits, in WAL or rollback mode.
 *
 * - Rows come in the order of their rowids, whatever their timestamps: ties and late readings make no difference. SQLite has
 *   one writer at a time, so rows become visible in this order. A row that is inserted with an explicit rowid below the last
 *   one taken is not seen. A row that was taken is not read again when it is edited; edits of marked rows are counted.
 * - continuity.ts says where reading continues when rows vanish, the table is created again or the file is replaced.
 *   A file that is replaced while it is open is first read to its end.
 * - A new column is unknown and goes to `extra`; a dropped one is absent; NULL in an unknown column is ignored.
 *   An INTEGER PRIMARY KEY is the rowid and not a field, unless the mapping names it.
 * - Integers beyond 2^53 lose their last digits in measures only. As rowids (keys of nanoseconds, snowflakes) they are
 *   followed exactly; in `extra`, in what was received and as a mapped sensor_id they are kept to the letter.
 */

import { statSync } from "node:fs";
import { parse } from "node:path";
import { AgentError, codeOf, TransientError, UsageError } from "../../core/errors.ts";
import type { Problem } from "../../core/problem.ts";
import { BLOCK_TEXT_LENGTH, type ReadingBlock } from "../../core/reading.ts";
import type { RecordContext } from "../context.ts";
import { askedPaths } from "../map/record-shape.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { Source, Taken } from "../source.ts";
import { ChangeReports } from "./change-reports.ts";
import { Follower } from "./follower.ts";
import { JOINED_READ_ROWS, JoinedRows } from "./joined-rows.ts";
import type { MarkNames } from "./position.ts";
import type { Followed } from "./relation.ts";
import { SqliteRows } from "./rows.ts";
import { type ColumnRole, type ForeignRowValues, ForeignTable } from "./table.ts";
import { fileProblem, readProblem, type Unreadable } from "./unreadable.ts";
import { parseSqliteUri } from "./uri.ts";

/** Rows in one read; fewer where they have much text, so that one read does not fill a block. */
const READ_ROWS = { least: 1, first: 64, most: 1_000 } as const;
const POLL_MS = 250;
/** How soon a locked database is tried again. */
const BUSY_RETRY_MS = 50;
/** With `once`, a table that could not be read so often in a row, a second apart, is given up. */
const MOST_FAILURES = 10;

export type SqliteTailOptions = {
  readonly uri: string;
  readonly normalizer: Normalizer;
  /** Another one by the same map, where it joins rows to readings. */
  readonly joiner?: Normalizer | undefined;
  /** The last committed cursor of this source, or null. */
  readonly cursor: string | null;
  /** End after the last row, instead of waiting for more. */
  readonly once?: boolean;
  readonly pollMs?: number;
  /** Called with a sentence when reading continues anywhere but after the last row. */
  readonly notice?: (line: string) => void;
};

export class SqliteTailSource implements Source {
  readonly uri: string;
  onReady: (() => void) | null = null;
  readonly #path: string;
  readonly #followed: Followed;
  readonly #options: SqliteTailOptions;
  readonly #roleOf: (column: string) => ColumnRole;
  #table: ForeignTable | null = null;
  #rows: SqliteRows | null = null;
  #schemaOfRows = Number.NaN;
  #readRows: number = READ_ROWS.first;
  readonly #follower: Follower;
  readonly #reports: ChangeReports;
  /** Null where each row is a reading. */
  readonly #joined: JoinedRows | null;
  /** More rows are there: the next read only looks whether the last row is as it was. */
  #isMidway = false;
  hasMoved = false;
  /** So many rows are read one by one, after a read of them failed: those before a damaged page can be read. */
  #oneByOne = 0;
  /** Reads in a row that failed. */
  #failures = 0;
  /** With `once`: why the rest of the table was not read. */
  #unread: readonly Problem[] = [];

  /** Throws a UsageError for what can never work: a bad URI, a view, a table WITHOUT ROWID, no file with `once`. */
  constructor(options: SqliteTailOptions) {
    const { path, ...followed } = parseSqliteUri(options.uri);
    this.uri = options.uri;
    this.#path = path;
    this.#followed = followed;
    this.#options = options;
    const fields = options.normalizer.planOfRow({})?.fields;
    const id = options.normalizer.foreignName("sensor_id");
    const { shape } = options.normalizer.mapping;
    const asked = new Set(shape === null ? [] : askedPaths(shape).map(({ text }) => text));
    // The roles are the same for every profile, except for measures, and no profile makes an identity column a measure.
    this.#roleOf = (column) => {
      const kind = fields?.get(column)?.kind;
      if (kind === "identity") return column === id ? "sensor_id" : "identity";
      return kind === undefined && !asked.has(column) ? "other" : "value";
    };
    const follower = Follower.from(options.cursor, () => markNames(options.normalizer));
    if (follower === null)
      throw new UsageError(`Cannot resume "${this.uri}": its cursor was written by a newer version of the agent`, {
        tryHint: "agent --version",
      });
    this.#follower = follower;
    this.#joined = options.joiner === undefined ? null : new JoinedRows(options.joiner);
    options.normalizer.context = contextOf(path, followed);
    if (options.joiner !== undefined) options.joiner.context = options.normalizer.context;
    this.#reports = new ChangeReports({ uri: this.uri, path }, options.notice);
    this.#checkAtStart();
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    if (block.full) return { state: "more" };
    const most = this.#oneByOne > 0 ? READ_ROWS.least : this.#readRows;
    const room = this.#joined === null ? Math.min(block.capacity - block.count, most) : JOINED_READ_ROWS;
    const read = this.#readOrEnd(room, nowMs);
    const rows = this.#rowsOf(read.table);
    const before = block.textLength;
    for (const row of read.rows) rows.append(block, row, nowMs);
    const { wide, names } = this.#options.normalizer;
    wide?.flush(block);
    if (wide !== null) names?.took(read.rows.length, this.#options.once === true && !read.isMidway);
    this.#readRows = rowsOfNextRead(read.rows.length, block.textLength - before, this.#readRows);
    this.#isMidway = read.isMidway;
    if (this.#isMidway) return { state: "more" };
    if (this.#replaced(read.table)) {
      this.#closeTable();
      return { state: "more" };
    }
    return this.#options.once === true
      ? { state: "ended" }
      : { state: "idle", wakeAtMs: nowMs + (this.#options.pollMs ?? POLL_MS) };
  }

  cursor(): string | null {
    return this.#follower.cursor();
  }

  committed(): void {
    this.hasMoved = false;
  }

  otherTime(timeMs: number): string | null {
    return this.#options.normalizer.timestamps.otherMeaning(timeMs);
  }

  problems(): readonly Problem[] {
    return [...this.#unread, ...this.#reports.problems(), ...(this.#options.normalizer.names?.problems() ?? [])];
  }

  close(): void {
    this.#closeTable();
  }

  /** Refuses what can never work before anything starts. Without `once`, what may still come is waited for. */
  #checkAtStart(): void {
    const once = this.#options.once === true;
    const problem = fileProblem(this.#path);
    if (problem !== null && (once || problem.kind === "unfit")) {
      throw new UsageError(`Cannot read "${this.#path}": ${problem.reason}`, problem);
    }
    if (problem !== null) return;
    try {
      const table = this.#opened();
      table.snapshot(() => (once ? table.after(this.#follower.look(table, true).from.rowid, 1) : null));
    } catch (error) {
      const trouble = this.#trouble(error);
      this.#closeTable();
      if (error instanceof UsageError) throw error;
      // A writer that holds its lock lets go of it.
      if (once && trouble.retryAfterMs === undefined)
        throw new UsageError(trouble.message, { tryHint: trouble.tryHint, cause: error });
    }
  }

  #opened(): ForeignTable {
    if (this.#table !== null) return this.#table;
    const problem = fileProblem(this.#path);
    if (problem !== null) throw waitFor(this.#path, problem);
    this.#table = new ForeignTable(this.#path, this.#followed, this.#roleOf);
    return this.#table;
  }

  #readOrEnd(room: number, nowMs: number): ReadRows {
    try {
      const read = this.#read(room, nowMs);
      this.#failures = 0;
      this.#oneByOne = Math.max(0, this.#oneByOne - read.rows.length);
      return read;
    } catch (error) {
      if (!(error instanceof TransientError) || error.retryAfterMs !== undefined) throw error;
      this.#oneByOne = Math.max(this.#oneByOne, room);
      this.#failures++;
      if (this.#options.once !== true || this.#failures < MOST_FAILURES) throw error;
      const { message, tryHint = "", cause } = error;
      const code = "source_unread";
      this.#unread = [{ code, message: `Not all of "${this.uri}" was taken: ${message}`, try: tryHint }];
      throw new TransientError(message, { tryHint, cause, isFinal: true });
    }
  }

  #read(room: number, nowMs: number): ReadRows {
    try {
      const table = this.#opened();
      const follower = this.#follower;
      const { look, rows, isMidway, next } = table.snapshot(() => {
        const look = follower.look(table, !this.#isMidway);
        const all = table.after(look.from.rowid, room);
        const isMidway = all.length === room;
        const mayWait = this.#options.once !== true;
        const rows = this.#joined?.whole(table, all, { isEnd: !isMidway, mayWait, nowMs }) ?? all;
        return { look, rows, isMidway, next: follower.advanced(table, look, rows) };
      });
      // The position changes only now, when nothing can fail any more.
      follower.arrive(next);
      if (this.#reports.report(look, nowMs) || look.hasLearned) this.hasMoved = true;
      return { table, rows, isMidway };
    } catch (error) {
      throw this.#trouble(error);
    }
  }

  #rowsOf(table: ForeignTable): SqliteRows {
    if (this.#rows === null || this.#schemaOfRows !== table.schema) {
      const { normalizer } = this.#options;
      this.#rows = new SqliteRows(table, normalizer);
      this.#schemaOfRows = table.schema;
    }
    return this.#rows;
  }

  /** Another file is at the path; where no file is, the writer may still have the old one open. */
  #replaced(table: ForeignTable): boolean {
    try {
      return statSync(this.#path).ino !== table.inode;
    } catch {
      return false;
    }
  }

  #closeTable(): void {
    this.#table?.close();
    this.#table = null;
    this.#rows = null;
  }

  #trouble(error: unknown): TransientError {
    const code = codeOf(error);
    if (code?.startsWith("SQLITE_BUSY") || code?.startsWith("SQLITE_LOCKED")) {
      return new TransientError(`Cannot read "${this.#path}": its writer has it locked`, {
        cause: error,
        retryAfterMs: BUSY_RETRY_MS,
      });
    }
    this.#closeTable();
    if (error instanceof TransientError) return error;
    // A table that became a view while the agent runs may become a table again.
    if (error instanceof AgentError) return new TransientError(error.message, { tryHint: error.tryHint, cause: error });
    return waitFor(this.#path, readProblem(this.#path, error), error);
  }
}

type ReadRows = {
  readonly table: ForeignTable;
  readonly rows: readonly ForeignRowValues[];
  /** As many as were asked for: there may be more. */
  readonly isMidway: boolean;
};

function contextOf(path: string, { table }: Followed): RecordContext {
  const file = parse(path).name;
  return table === null ? { "@file": file } : { "@file": file, "@table": table };
}

function waitFor(path: string, { kind, reason, tryHint }: Unreadable, cause?: unknown): TransientError {
  return new TransientError(`Cannot read "${path}": ${reason}${kind === "missing" ? " yet" : ""}`, { tryHint, cause });
}

/** Four times as many as now, but no more than fill half a block with as much text as in the last read. */
function rowsOfNextRead(rows: number, textLength: number, now: number): number {
  const fitting = textLength === 0 ? Number.POSITIVE_INFINITY : Math.floor((BLOCK_TEXT_LENGTH / 2 / textLength) * rows);
  return Math.max(READ_ROWS.least, Math.min(READ_ROWS.most, 4 * now, fitting));
}

function markNames(normalizer: Normalizer): MarkNames {
  const sensorId = normalizer.foreignName("sensor_id");
  const timestamp = normalizer.foreignName("timestamp");
  return { sensorId, timestamp, measures: normalizer.measureFields() };
}
