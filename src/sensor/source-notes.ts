/** What the cursor alone says about a source, for `status`: it loads no source. */
import { notesOfCursor } from "./sqlite/change-reports.ts";

/** What a person should know of it, a sentence each. */
export function notesOf(uri: string, cursor: string | null): readonly string[] {
  return cursor !== null && uri.startsWith("sqlite:") ? notesOfCursor(cursor) : [];
}
