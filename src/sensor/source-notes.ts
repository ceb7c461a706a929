/** What the cursor alone says about a source, for `status`: it loads no source. */
import { notesOfFiles } from "./file/report.ts";
import { notesOfCursor } from "./sqlite/change-reports.ts";

/** What a person should know of it, a sentence each. */
export function notesOf(uri: string, cursor: string | null): readonly string[] {
  if (cursor === null) return [];
  if (uri.startsWith("file:")) return notesOfFiles(cursor);
  return uri.startsWith("sqlite:") ? notesOfCursor(cursor) : [];
}
