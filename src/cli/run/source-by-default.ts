/** A forgotten `--source` is a simulator: on a buffer that has readings of others it is hardly meant. */
import { sourcesOf } from "../../buffer/ledger/holdings.ts";
import { SCHEMA_VERSION } from "../../buffer/schema.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { withoutPassword } from "../../core/log/redact.ts";
import type { Settings } from "../../core/settings/settings.ts";

/** Null: the source was given, or the buffer knows no other one. */
export function sourceByDefault(
  { source, origins }: Pick<Settings, "source" | "origins">,
  { db }: Pick<SqliteBuffer, "db">,
): string | null {
  if (origins.source !== "default") return null;
  const other = sourcesOf({ db, version: SCHEMA_VERSION }).find(({ uri }) => !source.includes(uri));
  if (other === undefined) return null;
  const usual = source.join(", ");
  return `No source was given, so invented readings of "${usual}" are taken. The buffer has readings of "${withoutPassword(other.uri)}"`;
}
