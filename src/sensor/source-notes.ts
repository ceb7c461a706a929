/** What is known of a source from its cursor alone, for `status`: it loads no source. */
import { notesOfCursor } from "./sqlite/teller.ts";

/** What a person should know of it, a sentence each. */
export function notesOf(uri: string, cursor: string | null): readonly string[] {
  return cursor !== null && uri.startsWith("sqlite:") ? notesOfCursor(cursor) : [];
}
