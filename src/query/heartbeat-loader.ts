/**
 * What nodes report of themselves, from the metadata bucket into the table that a notebook would overwrite with it: the same
 * rows, as of now. A line that is not a heartbeat is a row with `_corrupt_record`, as in every table.
 */
import type { Database } from "bun:sqlite";
import { AgentError } from "../core/errors.ts";
import { roughBytes } from "../core/readable-numbers.ts";
import { isHeartbeatKey, NODES_PREFIX } from "../fleet/heartbeat.ts";
import { HEARTBEAT_TABLE_COLUMNS } from "../lakehouse/columns.ts";
import { HEARTBEATS_TABLE } from "../lakehouse/names.ts";
import { type MetadataBucket, NotFoundError } from "../uplink/object-store.ts";
import type { LeftOut } from "./answer.ts";
import { RowLoader } from "./row-loader.ts";
import type { SqlWords } from "./sql-words.ts";

/** A heartbeat is a line of some KiB, with the first problems of its node. A larger object is not one, and is not read. */
const HEARTBEAT_BYTES = 1024 * 1024;
const BESIDE = ["received_at", "processing_timestamp", "source_file"];

type Loading = { readonly nowMs: number; readonly stop: AbortSignal; readonly tell: (text: () => string) => void };

export const needsHeartbeats = ({ words }: SqlWords) => words.has(HEARTBEATS_TABLE);

export type LoadedHeartbeats = {
  readonly objects: number;
  /** Objects that no agent wrote as they are: someone edited them, or a disk did. Their rows are what the cloud makes of them. */
  readonly doubtful: readonly LeftOut[];
};

/** Other objects below `nodes/` are not read. Throws what the store throws. */
export async function loadHeartbeats(
  db: Database,
  bucket: MetadataBucket,
  { nowMs, stop, tell }: Loading,
): Promise<LoadedHeartbeats> {
  // All columns, named or not: a line is damaged that does not fit one of them, as the notebook sees it.
  const loader = new RowLoader(db, HEARTBEATS_TABLE, HEARTBEAT_TABLE_COLUMNS, BESIDE);
  const processing_timestamp = new Date(nowMs).toISOString();
  const doubtful: LeftOut[] = [];
  let objects = 0;
  // arktype takes 150 ms to load: only a question about heartbeats pays.
  const { whyNoHeartbeat } = await import("./heartbeat-line.ts");
  for await (const { key, storedMs, bytes } of bucket.list(NODES_PREFIX)) {
    if (stop.aborted) throw new AgentError(`Cannot read ${bucket.place}: it was stopped`);
    if (!isHeartbeatKey(key)) continue;
    const object = `${bucket.place}/${key}`;
    if (bytes > HEARTBEAT_BYTES) {
      doubtful.push({
        object,
        reason: `${object}: it has ${roughBytes(bytes)}, which no heartbeat has, and is not read`,
      });
      continue;
    }
    const body = await bodyOf(bucket, key);
    if (body === null) continue;
    const received_at = new Date(storedMs).toISOString();
    const lines = linesOf(body);
    loader.load(lines, { received_at, processing_timestamp, source_file: object });
    const reason = whyNoHeartbeat(lines);
    if (reason !== null) doubtful.push({ object, reason: `${object}: ${reason}` });
    objects++;
    tell(() => `heartbeats: ${objects.toLocaleString("en")} read`);
  }
  return { objects, doubtful };
}

/** Null: it was deleted after it was listed. */
async function bodyOf(bucket: MetadataBucket, key: string): Promise<Uint8Array | null> {
  try {
    return await bucket.get(key);
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}

function linesOf(body: Uint8Array): string[] {
  return new TextDecoder()
    .decode(body)
    .split("\n")
    .filter((line) => line.trim() !== "");
}
