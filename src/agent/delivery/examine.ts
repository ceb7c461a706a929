/**
 * An object is under the key of a batch already. It is ours where an earlier try stored it, and that is usual. It is foreign
 * where another program, or another agent with this epoch, wrote it: then rows of ours are in no object.
 */
import type { Batch } from "../../buffer/buffer.ts";
import { AgentError, DeniedError, messageOf, TransientError } from "../../core/errors.ts";
import type { Stage } from "../../core/stage.ts";
import { breathe } from "../../core/time/bell.ts";
import { type Look, NotFoundError, type ObjectStore } from "../../uplink/object-store.ts";
import { gunzipLines, rowOf } from "../../uplink/read-object.ts";
import { isSameRow, rowName } from "./same-rows.ts";

export type Examined =
  | { readonly is: "ours" }
  | (Look & { readonly is: "unseen" })
  /** `missing`: the lines of ours that are not in it. */
  | { readonly is: "foreign"; readonly missing: readonly string[]; readonly found: string };

/** Rows that are compared in one go. */
const ROWS_AT_ONCE = 2_000;
/** The same rows from another version, in more words or compressed less, are never longer than this. */
const LONGEST = { times: 4, bytes: 1024 * 1024 };

/** Throws as `ObjectStore.look` does. */
export async function examine(
  store: ObjectStore,
  { stage, key }: Pick<Batch, "stage" | "key">,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Examined> {
  const look = await store.look({ stage, key }, body, signal);
  if (look.is === "same") return { is: "ours" };
  if (look.is === "unseen") return look;
  const ours = [...gunzipLines(body, key)];
  const most = LONGEST.times * ours.reduce((sum, { length }) => sum + length + 1, 0) + LONGEST.bytes;
  const found = `an object of ${look.bytes} bytes, stored ${new Date(look.storedMs).toISOString()}`;
  if (look.bytes > most) return { is: "foreign", missing: ours, found };
  let theirs: Uint8Array;
  try {
    theirs = await store.get({ stage, key });
  } catch (error) {
    const what = unreadable(error);
    return what ?? { is: "foreign", missing: ours, found };
  }
  signal.throwIfAborted();
  const missing = await missingFrom(theirs, { stage, key, ours, most });
  if (missing.length === 0) return { is: "ours" };
  const isWhole = missing.length === ours.length;
  const rows = isWhole ? "none of our rows" : `${ours.length - missing.length} of our ${ours.length} rows`;
  return { is: "foreign", missing, found: `${found}, with ${rows} in it` };
}

/** Null: what is there is not an object at all. */
function unreadable(error: unknown): Examined | null {
  if (error instanceof TransientError) throw error;
  if (error instanceof NotFoundError) throw new TransientError(messageOf(error), { cause: error });
  if (!(error instanceof AgentError)) throw error;
  if (!(error instanceof DeniedError)) return null;
  const { message, missing, tryHint = "agent lake ls" } = error;
  return { is: "unseen", because: `its bytes are others than ours, and ${message}`, missing, tryHint };
}

type Compared = {
  readonly stage: Stage;
  readonly key: string;
  readonly ours: readonly string[];
  readonly most: number;
};

async function missingFrom(theirs: Uint8Array, { stage, key, ours, most }: Compared): Promise<readonly string[]> {
  const lines = new Map<string, string>();
  try {
    let at = 0;
    for (const line of gunzipLines(theirs, key, most)) {
      const name = rowName(stage, rowOf(line, key, ++at));
      if (name !== null) lines.set(name, line);
      if (at % ROWS_AT_ONCE === 0) await breathe();
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    // Not rows, or too large to be ours: no reader can find ours in it.
    return ours;
  }
  const missing: string[] = [];
  for (const [at, line] of ours.entries()) {
    const row = rowOf(line, key, at + 1);
    const same = lines.get(rowName(stage, row) ?? "");
    if (same === undefined || (same !== line && !isSameRow(stage, row, rowOf(same, key, 0)))) missing.push(line);
    if (at % ROWS_AT_ONCE === 0) await breathe();
  }
  return missing;
}
