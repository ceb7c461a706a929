/** The buffer of a dead agent, read from outside. */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { dataDirOf, lakeOf } from "./agent-command.ts";
import type { Differences } from "./check-readings.ts";
import type { Figures } from "./figures.ts";
import { BUCKET_PREFIX, REGION } from "./lake.ts";

/** Counts the promised objects, and those whose put went through without being settled: where a repeat would double. */
export function lookAtRemains(folder: string, figures: Figures): void {
  const path = join(dataDirOf(folder), "buffer.db");
  // For S3 the line's 412s show the same.
  if (!existsSync(path) || !existsSync(lakeOf(folder))) return;
  const db = new Database(path, { readonly: true });
  try {
    const made = db.query("SELECT 1 FROM sqlite_master WHERE name = 'batch'").get();
    const promised = made === null ? [] : db.query("SELECT stage, key FROM batch WHERE state = 'planned'").values();
    figures.looks++;
    figures.promised += promised.length;
    for (const [stage, key] of promised) {
      const object = join(lakeOf(folder), `${BUCKET_PREFIX}-${stage}-data-${REGION}`, String(key));
      if (existsSync(object)) figures.storedNotSettled++;
    }
  } finally {
    db.close();
  }
}

/**
 * At the end: the file is sound, no batch is open or parked, nothing is lost (but for these reasons), and the sources' counts are
 * those of the rows.
 */
export function checkBuffer(
  folder: string,
  rows: number,
  differences: Differences,
  reasons: readonly ("buffer_full" | "late_for_window")[] = [],
): void {
  const db = new Database(join(dataDirOf(folder), "buffer.db"), { readonly: true });
  const one = (sql: string) => db.query(sql).values()[0]?.[0];
  const expected: readonly (readonly [sql: string, should: string | number])[] = [
    ["PRAGMA integrity_check", "ok"],
    ["SELECT count(*) FROM batch WHERE state <> 'delivered'", 0],
    [`SELECT count(*) FROM loss WHERE reason NOT IN (${reasons.map((reason) => `'${reason}'`).join(", ")})`, 0],
    ["SELECT sum(accepted + refused) FROM source", rows],
  ];
  for (const [sql, should] of expected) {
    const is = one(sql);
    if (is !== should) differences.add(`the buffer answers ${is} to "${sql}", not ${should}`);
  }
  db.close();
}
