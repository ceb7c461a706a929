/** What a database says when its file is not what was written, and what we say when a row cannot be one of ours. */
import { gunzipMembers } from "../core/bytes/gunzip.ts";
import { AgentError, codeOf, messageOf } from "../core/errors.ts";

/** A row that no commit can have written: SQLite has no checksums, so such a page reads without an error. */
export class CorruptRowError extends Error {
  override readonly name = "CorruptRowError";
  /** The same code as SQLite's own finding: callers treat both alike. */
  readonly code = "SQLITE_CORRUPT";
}

export function isCorruption(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  if (code === "SQLITE_ERROR") return WRONG_SCHEMA.test(messageOf(error));
  return code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB" || code === SHORTER_FILE;
}

/** The file ends before a page that it has by its own count. No later try finds that page: a disk that fails says something else. */
const SHORTER_FILE = "SQLITE_IOERR_SHORT_READ";

/** Corruption, or a row that a reader finds impossible and names in an error of its own. */
export function isDamage(error: unknown): boolean {
  return isCorruption(error) || (error instanceof AgentError && isCorruption(error.cause));
}

/** The schema is a text in the file, with a version. Our statements fit what was written: where they do not, it was damaged. */
const WRONG_SCHEMA =
  /no such (column|table|index)|has no column|already exists|duplicate column name|malformed|near ".*": syntax error|incomplete input|unrecognized token/;

/** Whether a stored body is what was stored: gzip has a checksum in every member, SQLite has none. */
export function isWholeBody(body: Uint8Array): boolean {
  try {
    gunzipMembers(body);
    return true;
  } catch {
    return false;
  }
}
