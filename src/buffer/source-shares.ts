/** What the buffer keeps of each source: its cursor, and what was accepted, refused or only partly read. */
import type { Database } from "bun:sqlite";
import type { SourceShare } from "./buffer.ts";

/** Call it within the transaction that stores its readings. */
export function saveShare(db: Database, { uri, cursor, accepted, refused, flaws }: SourceShare): void {
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
}

/** The cursor of `uri`; where there is none, that of another spelling, whose row becomes the row of `uri`. */
export function takeOverCursor(db: Database, uri: string, isSame: (other: string) => boolean): string | null {
  const known = db.query<{ uri: string; cursor: string | null }, []>("SELECT uri, cursor FROM source").all();
  const own = known.find((source) => source.uri === uri);
  const other = own ?? known.find((source) => isSame(source.uri));
  if (own === undefined && other !== undefined) {
    db.transaction(() => {
      for (const table of ["source", "flaw"]) db.run(`UPDATE ${table} SET uri = ? WHERE uri = ?`, [uri, other.uri]);
    })();
  }
  return other?.cursor ?? null;
}
