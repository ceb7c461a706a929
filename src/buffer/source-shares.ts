/** What the buffer keeps of each source: its cursor and state, and what was accepted, refused or only partly read. */
import type { Database } from "bun:sqlite";
import type { SourceShare } from "./buffer.ts";

/** Call it within the transaction that stores its readings. */
export function saveShare(db: Database, { uri, cursor, accepted, refused, flaws, state }: SourceShare): void {
  db.query(
    `INSERT INTO source VALUES (?1, ?2, ?3, ?4) ON CONFLICT (uri) DO UPDATE
     SET cursor = ?2, accepted = accepted + ?3, refused = refused + ?4`,
  ).run(uri, cursor, accepted, refused);
  for (const { reason, field, count } of flaws) {
    db.query("INSERT INTO flaw VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET count = count + ?4").run(
      uri,
      reason,
      field ?? "",
      count,
    );
  }
  if (state !== undefined) saveState(db, uri, state);
}

function saveState(db: Database, uri: string, state: ReadonlyMap<string, string | null>): void {
  const save = db.query("INSERT INTO source_state VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = ?3");
  const forget = db.query("DELETE FROM source_state WHERE uri = ? AND key = ?");
  for (const [key, value] of state) {
    if (value === null) forget.run(uri, key);
    else save.run(uri, key, value);
  }
}

/** What the source with this URI keeps beside its cursor, by key, as it was at the last commit. */
export function sourceState(db: Database, uri: string): ReadonlyMap<string, string> {
  const rows = db
    .query<{ key: string; value: string }, [string]>("SELECT key, value FROM source_state WHERE uri = ?")
    .all(uri);
  return new Map(rows.map(({ key, value }) => [key, value]));
}

/** The cursor of `uri`; where there is none, that of another spelling, whose row becomes the row of `uri`. */
export function takeOverCursor(db: Database, uri: string, isSame: (other: string) => boolean): string | null {
  const known = db.query<{ uri: string; cursor: string | null }, []>("SELECT uri, cursor FROM source").all();
  const own = known.find((source) => source.uri === uri);
  const other = own ?? known.find((source) => isSame(source.uri));
  if (own === undefined && other !== undefined) {
    db.transaction(() => {
      for (const table of ["source", "flaw", "source_state"])
        db.run(`UPDATE ${table} SET uri = ? WHERE uri = ?`, [uri, other.uri]);
    })();
  }
  return other?.cursor ?? null;
}
