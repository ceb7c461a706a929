/** What sources keep beside their cursors, from a damaged buffer. */
import type { Database } from "bun:sqlite";
import { attempt } from "./tables.ts";

export type SourceStateRow = { readonly uri: string; readonly key: string; readonly value: string };

/** All of it, or null where not all of it can be read. A buffer of an older binary has none. */
export function salvageSourceState(db: Database): readonly SourceStateRow[] | null {
  const isThere = attempt(() => db.query("SELECT 1 FROM sqlite_master WHERE name = 'source_state'").get() !== null);
  if (isThere === false) return [];
  const rows = attempt(() => db.query<SourceStateRow, []>("SELECT uri, key, value FROM source_state").all());
  const isOurs = (row: SourceStateRow) => Object.values(row).every((value) => typeof value === "string");
  return rows?.every(isOurs) ? rows : null;
}
