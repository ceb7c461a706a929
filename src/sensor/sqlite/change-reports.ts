/**
 * Reports of a table that changed behind the tail: in the log when it is found, a problem for a day, and
 * counted in the cursor for ever.
 */
import type { Problem } from "../../core/problem.ts";
import { shellWord } from "../../core/shell-word.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";
import type { Look } from "./follower.ts";
import { readCursor, START } from "./position.ts";

/** A writer that edits its newest row, or that rolls back, may do it all day. */
const QUIET_MS = 10 * 60_000;

type Kind = "rows_edited" | "table_rolled_back" | "table_replaced";
type Report = { readonly problem: Problem; readonly loggedMs: number; readonly lastMs: number; readonly count: number };

export class ChangeReports {
  readonly #source: { readonly uri: string; readonly path: string };
  readonly #notice: ((line: string) => void) | undefined;
  readonly #reports = new Map<Kind, Report>();
  #nowMs = 0;

  constructor(source: { readonly uri: string; readonly path: string }, notice: ((line: string) => void) | undefined) {
    this.#source = source;
    this.#notice = notice;
  }

  /** Reports what a look found. True where it found a change, also one that was reported before. */
  report(look: Look, nowMs: number): boolean {
    this.#nowMs = nowMs;
    if (look.edited > 0) this.#reportOne("rows_edited", look, nowMs);
    if (look.event !== "none")
      this.#reportOne(look.event === "changed" ? "table_rolled_back" : "table_replaced", look, nowMs);
    return look.edited > 0 || look.event !== "none";
  }

  problems(): readonly Problem[] {
    const recent = [...this.#reports.values()].filter(({ lastMs }) => Math.abs(this.#nowMs - lastMs) < MS_PER_DAY);
    return recent.map(({ problem }) => problem);
  }

  #reportOne(kind: Kind, look: Look, nowMs: number): void {
    const before = this.#reports.get(kind);
    const count = (before?.count ?? 0) + (kind === "rows_edited" ? look.edited : look.doubtful);
    const message = `${this.#source.uri}: ${sentence(kind, look, count)}`;
    const quiet = before === undefined ? QUIET_MS : nowMs - before.loggedMs;
    // Edits continue as long as the writer does; they are logged once.
    const isLogged = before === undefined || (kind !== "rows_edited" && !(quiet >= 0 && quiet < QUIET_MS));
    if (isLogged) this.#notice?.(message);
    const hint = `sqlite3 ${shellWord(this.#source.path)} "PRAGMA integrity_check" .schema`;
    const problem = { code: kind, message, try: hint };
    this.#reports.set(kind, {
      problem,
      count,
      lastMs: nowMs,
      loggedMs: isLogged ? nowMs : (before?.loggedMs ?? nowMs),
    });
  }
}

function sentence(kind: Kind, { from, last, marked }: Look, count: number): string {
  if (kind === "rows_edited")
    return `rows that were taken were edited (at least ${count}, found among the ${marked} that are looked at). They are not read again`;
  const what =
    kind === "table_rolled_back"
      ? `row ${last} was taken and is gone, or another row has its place: the database was rolled back, or its newest rows were deleted`
      : "none of the rows that were taken is as it was: this is another table or database";
  const where = from.rowid === START ? "from the first row" : `after row ${from.rowid}`;
  return `${what}. Reading continues ${where}; ${count === 0 ? "no row is taken twice" : `up to ${rows(count)} may be taken twice`}`;
}

const rows = (count: number): string => (count === 1 ? "1 row" : `${count} rows`);

/** What the cursor of a SQLite source has counted, for `status`. */
export function notesOfCursor(cursor: string): string[] {
  const counts = readCursor(cursor)?.counts ?? { edited: 0, rolledBack: 0, doubtful: 0 };
  const { edited, rolledBack, doubtful } = counts;
  return [
    ...(edited === 0 ? [] : [`rows that were taken were edited (at least ${edited}), and are not read again`]),
    ...(rolledBack === 0
      ? []
      : [`newest rows were gone or other ones, ${rolledBack === 1 ? "once" : `${rolledBack} times`}`]),
    ...(doubtful === 0 ? [] : [`up to ${rows(doubtful)} may have been taken twice`]),
  ];
}
