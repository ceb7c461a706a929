/**
 * What a table should hold of a bucket, from its listing: each object once; of a window only the highest revision. Listings
 * are in order of keys, so one hour, and in it one window, is in memory at a time.
 */
import type { Stage } from "../../core/stage.ts";
import { type ParsedKey, parseKey } from "../../uplink/object-key.ts";

/** `fingerprint`: the sum of the CRC-32 of each key. It is the same for two different sets of keys once in 2^32 times. */
export type Sums = { readonly objects: number; readonly rows: number; readonly fingerprint: number };

export type OwnObject = { readonly key: string; readonly storedMs: number; readonly of: ParsedKey };

export const NO_SUMS: Sums = { objects: 0, rows: 0, fingerprint: 0 };

/** `date=2026-11-24/hour=08` */
export function hourOfKey(key: string): string {
  return key.split("/", 2).join("/");
}

export function nodeOfKey(key: string): string {
  return key.split("/", 3)[2] ?? "";
}

/** What a window's revisions have in common: the node's folder, the epoch and the start. Null for a range of readings. */
export function windowOfKey(key: string): string | null {
  const of = parseKey("aggregated", key);
  if (of?.kind !== "window") return null;
  return `${hourOfKey(key)}/${of.node}/${of.epoch}.${of.windowStartMs}`;
}

/** The objects whose rows the stage's table should hold. */
export async function* wantedObjects(stage: Stage, listed: AsyncIterable<OwnObject>): AsyncIterable<OwnObject> {
  let newest: OwnObject | null = null;
  for await (const object of listed) {
    if (stage !== "aggregated") {
      yield object;
      continue;
    }
    if (newest !== null && windowOfKey(newest.key) !== windowOfKey(object.key)) yield newest;
    else if (newest !== null && revisionOf(newest) > revisionOf(object)) continue;
    newest = object;
  }
  if (newest !== null) yield newest;
}

function revisionOf({ of }: Pick<OwnObject, "of">): number {
  return of.kind === "window" ? of.revision : 0;
}

export function plus(sums: Sums, { key, of }: OwnObject): Sums {
  return {
    objects: sums.objects + 1,
    rows: sums.rows + of.count,
    fingerprint: sums.fingerprint + Bun.hash.crc32(key),
  };
}
