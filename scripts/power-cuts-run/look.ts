/** The disk right after a cut, before any agent runs: what was acknowledged and what is visible, read from outside. */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { dataDirOf, lakeOf } from "../torture-run/agent-command.ts";
import type { Differences } from "../torture-run/check-readings.ts";
import { BUCKET_PREFIX, objectsInFolder, REGION, readLake, rowsIn } from "../torture-run/lake.ts";

const bufferOf = (folder: string) => join(dataDirOf(folder), "buffer.db");

/** How many readings any reader of the buffer can see now: they are acknowledged. 0 where there is no buffer yet. */
export function readingsSeen(folder: string): number {
  if (!existsSync(bufferOf(folder))) return 0;
  try {
    return withBuffer(folder, "reader", acceptedIn);
  } catch {
    // It is being made.
    return 0;
  }
}

/** An owner may roll back what a cut interrupted; a reader may not. */
function withBuffer<T>(folder: string, as: "reader" | "owner", ask: (db: Database) => T): T {
  const db = new Database(bufferOf(folder), as === "reader" ? { readonly: true } : { readwrite: true });
  try {
    db.run("PRAGMA busy_timeout = 1000");
    return ask(db);
  } finally {
    db.close();
  }
}

function acceptedIn(db: Database): number {
  const made = db.query("SELECT 1 FROM sqlite_master WHERE name = 'source'").get();
  return made === null
    ? 0
    : Number(db.query("SELECT coalesce(sum(accepted + refused), 0) FROM source").values()[0]?.[0]);
}

/**
 * Whatever a reader had seen is still in the buffer; the buffer is sound; every object that it calls delivered is in the lake;
 * every object that is visible is whole. The look changes the buffer: the caller makes the same cut again.
 */
export async function lookAfterCut(folder: string, seen: number, differences: Differences): Promise<void> {
  const lake = lakeOf(folder);
  if (existsSync(bufferOf(folder))) {
    try {
      withBuffer(folder, "owner", (db) => {
        const sound = db.query("PRAGMA integrity_check").values()[0]?.[0];
        if (sound !== "ok") differences.add(`right after the cut the buffer is not sound: ${sound}`);
        const accepted = acceptedIn(db);
        if (accepted < seen) differences.add(`${seen} readings were acknowledged, and the buffer holds ${accepted}`);
        for (const [stage, key] of deliveredIn(db)) {
          const object = join(lake, `${BUCKET_PREFIX}-${stage}-data-${REGION}`, key);
          if (!existsSync(object)) differences.add(`${stage}/${key} is delivered, and not in the lake`);
        }
      });
    } catch (error) {
      differences.add(`right after the cut the buffer cannot be read: ${String(error)}`);
    }
  } else if (seen > 0) {
    differences.add(`${seen} readings were acknowledged, and there is no buffer`);
  }
  await lookAtLake(folder, differences);
}

/** Every visible object is whole, with the rows that its name says; `rows: "any"`: also with others, out of a damaged buffer. */
export async function lookAtLake(
  folder: string,
  differences: Differences,
  rows: "named" | "any" = "named",
): Promise<void> {
  const objects = objectsInFolder(lakeOf(folder));
  try {
    if (rows === "named") await readLake(objects);
    else for await (const { stage, key, body } of objects) rowsIn(stage, key, body);
  } catch (error) {
    differences.add(`right after the cut: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function deliveredIn(db: Database): readonly (readonly [stage: string, key: string])[] {
  const made = db.query("SELECT 1 FROM sqlite_master WHERE name = 'batch'").get();
  const rows = made === null ? [] : db.query("SELECT stage, key FROM batch WHERE state = 'delivered'").values();
  return rows.map(([stage, key]) => [String(stage), String(key)] as const);
}
