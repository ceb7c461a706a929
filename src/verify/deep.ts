/** `verify --deep`: opens every object of the epoch, a few at a time, and checks its rows as they are read. */

import { AgentError, DeniedError, messageOf, TransientError } from "../core/errors.ts";
import type { ProgressLine } from "../core/progress.ts";
import { grouped } from "../core/readable-numbers.ts";
import { NotFoundError, type ObjectStore } from "../uplink/object-store.ts";
import { gunzipRows } from "../uplink/read-object.ts";
import type { StoredObject } from "./audit.ts";
import { ContentAudit, DEEP_SEQS } from "./contents.ts";
import type { EpochFindings } from "./findings.ts";

/** Objects that are fetched at the same time: memory holds this many bodies, one of them unpacked. */
const AT_ONCE = 4;
/** Rows between two collections: ten objects of the usual size. */
const COLLECT_ROWS = 200_000;
/** Corrupt objects that are named. */
const CORRUPT_NAMED = 1_000;

type DeepOptions = { readonly store: ObjectStore; readonly stop: AbortSignal; readonly progress: ProgressLine };
type Deep = NonNullable<EpochFindings["deep"]>;

/** Throws the error of a store that cannot be read now; an object that is corrupt or missing is a finding. */
export async function openEvery(
  objects: readonly StoredObject[],
  { epoch, seqs: { last } }: Pick<EpochFindings, "epoch" | "seqs">,
  { store, stop, progress }: DeepOptions,
): Promise<Deep> {
  // Of a data dir that was copied, another copy may have continued the epoch.
  const accepted = objects.reduce((most, { of }) => Math.max(most, of.kind === "readings" ? of.last : 0), last);
  if (accepted > DEEP_SEQS) {
    throw new AgentError(`Cannot verify --deep: ${grouped(accepted)} readings are more than it can hold in memory`, {
      tryHint: "agent verify",
    });
  }
  const audit = new ContentAudit(epoch, accepted);
  const corrupt: Deep["corrupt"][number][] = [];
  let next = 0;
  let opened = 0;
  let uncollected = 0;
  let failed = false;
  const open = async (object: StoredObject) => {
    const { stage, key } = object;
    const report = (message: string) => {
      if (corrupt.length < CORRUPT_NAMED) corrupt.push({ stage, key, message });
    };
    try {
      const rows = gunzipRows(await store.get({ stage, key }), `${store.place(stage)}/${key}`);
      for (const problem of audit.check(object, rows)) report(problem);
    } catch (error) {
      if (error instanceof TransientError || error instanceof DeniedError) throw error;
      if (!(error instanceof AgentError || error instanceof NotFoundError)) throw error;
      report(messageOf(error));
    }
    opened++;
    uncollected += object.of.count;
    // Unpacked bodies are large and short-lived: the collector would let hundreds of MB pile up before it looks.
    if (uncollected >= COLLECT_ROWS) {
      uncollected = 0;
      Bun.gc(true);
    }
    progress.tell(() => `${grouped(opened)} of ${grouped(objects.length)} objects opened`);
  };
  const work = async () => {
    while (next < objects.length && !failed) {
      if (stop.aborted) throw new AgentError("Cannot verify --deep: it was stopped");
      await open(objects[next++]!);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, () => work()));
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    progress.end();
  }
  return { contents: audit.findings(), corrupt };
}
