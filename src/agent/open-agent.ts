/**
 * From settings to a running agent: takes the lock, opens the buffer, joins the parts to it, and joins new ones where the
 * buffer has to be opened again. `parts.ts` makes the parts.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { isCorruption } from "../buffer/corruption.ts";
import type { DataDirLock } from "../buffer/disk/agent-lock.ts";
import { lastTimesOf } from "../buffer/last-times.ts";
import { sourceState } from "../buffer/source-shares.ts";
import { BUFFER_FILE, type SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import type { Log } from "../core/log/log.ts";
import { breathe } from "../core/time/bell.ts";
import { ClockWatch } from "../core/time/clock.ts";
import { nap } from "../core/time/nap.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { Agent, type AgentEnd } from "./agent.ts";
import { StoppedEarlyError } from "./buffer-inputs.ts";
import { LiveRules } from "./live-rules.ts";
import { openBuffer, patiently } from "./open-buffer.ts";
import { type AgentInputs, type Lasting, makeParts, type Parts } from "./parts.ts";
import { Doubt } from "./recovery/doubt.ts";
import { waitForLock } from "./wait-for-lock.ts";
import { rulesWhenGood } from "./wait-for-rules.ts";

export type OpenAgent = {
  /** The current ones: after a corrupt or restored buffer, `run` continues with a new buffer and new parts. */
  readonly parts: Parts;
  readonly store: ObjectStore;
  readonly run: () => Promise<AgentEnd>;
  /** Takes no more; delivers everything that was taken, and then `run` ends as finished. */
  readonly stopTaking: () => void;
  /** Ends soon: commits what waits, and delivers for `drainMs` at most. */
  readonly stop: (drainMs: number) => void;
  /** Another agent is at work with the epoch of this one: continues under a new epoch. */
  readonly beginEpoch: () => void;
  /** Closes sources, buffer and lock; nothing committed is lost if it is never called. */
  readonly close: () => Promise<void>;
};

/** Work at a start that takes long is done in slices of about this length. */
const SLICE_MS = 20;
/** A data dir that cannot be restored is tried again. */
const AGAIN_MS = 1_000;

/**
 * Closing the database folds its log, and on a slow card that takes longer than a stop may: the next start has time for a
 * longer one. Nothing in it is lost, as after a power cut.
 */
const FOLD_AT_END_BYTES = 4 * 1_024 * 1_024;
/** Not closed by the garbage collector either. */
const left = new Set<SqliteBuffer>();

type Opening = { readonly inputs: AgentInputs; readonly doubt: Doubt };
type Joined = { readonly parts: Parts; readonly agent: Agent };

/**
 * Waits for the data dir's lock, opens the buffer and joins the parts. Throws UsageError when the call can never work, and
 * AgentError when another agent holds the lock for longer than the wait.
 */
export async function openAgent(inputs: AgentInputs): Promise<OpenAgent> {
  const lock = await waitForLock(inputs);
  try {
    return await openLocked(inputs, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openLocked(inputs: AgentInputs, lock: DataDirLock): Promise<OpenAgent> {
  const { store, now } = inputs;
  const doubt = new Doubt(inputs);
  const opening = { inputs, doubt };
  const opened = await openBuffer(inputs, undefined, doubt);
  const [first, lasting] = await withBuffer(opening, opened, async (buffer): Promise<Lasting> => {
    const rules = await rulesWhenGood(inputs, () => inputs.rules(buffer.catalogue, LiveRules.last(buffer)));
    const sources = await inputs.sources(buffer.catalogue, {
      nodeId: buffer.nodeId,
      cursor: (uri, isSame) => buffer.cursor(uri, isSame),
      stateOf: (uri) => sourceState(buffer.db, uri),
      // A buffer that takes the place of a corrupt one knows what it has salvaged.
      lastTimesOf: (sensor, most) => lastTimesOf(joined.parts.buffer, sensor, most),
    });
    return { rules, sources, clock: new ClockWatch(), startedAtMs: now(), lock };
  });
  reportRename(first, inputs.log);
  let joined = await joinParts(opening, first, lasting);
  const run = async (): Promise<AgentEnd> => {
    for (let before = 0; ; ) {
      const end = await joined.agent.run();
      if (end.reopen === null) return { ...end, accepted: before + end.accepted };
      before += end.accepted;
      inputs.pulse?.reopening();
      const { buffer, premises, troubles } = joined.parts;
      // Closed before that, it would be gone with this process. `watch` says so, once.
      while (end.reopen === "put-back" && !premises.isSecured()) {
        troubles.watch(premises);
        if (inputs.stop.aborted) break;
        await nap(AGAIN_MS, inputs.stop);
      }
      buffer.close();
      try {
        if (end.reopen === "damaged") doubt.raise(end.damage);
        const next = await openBuffer(inputs, buffer.catalogue, doubt);
        joined = await joinParts(opening, next, lasting, joined.parts);
      } catch (error) {
        // The next start opens that buffer again.
        if (error instanceof StoppedEarlyError) return { ...end, accepted: before };
        throw error;
      }
      if (end.reopen === "put-back") inputs.reporting?.restored();
      inputs.pulse?.reopened();
      if (inputs.stop.aborted) joined.agent.stop(inputs.settings.drain);
    }
  };
  const close = async () => {
    for (const source of lasting.sources) await source.close();
    const { buffer } = joined.parts;
    if (inputs.stop.aborted && logBytes(inputs.settings.dataDir) > FOLD_AT_END_BYTES) left.add(buffer);
    else buffer.close();
    store.close();
    lock.release();
  };
  return {
    get parts() {
      return joined.parts;
    },
    store,
    run,
    stopTaking: () => joined.agent.stopTaking(),
    stop: (drainMs) => joined.agent.stop(drainMs),
    beginEpoch: () => joined.agent.beginEpoch(),
    close,
  };
}

/** `before`: the parts of a buffer that is gone; the new parts take over the readings that were not committed. */
async function joinParts(opening: Opening, opened: SqliteBuffer, lasting: Lasting, before?: Parts): Promise<Joined> {
  const { inputs } = opening;
  const [, parts] = await withBuffer(opening, opened, async (buffer) => {
    const made = makeParts(inputs, buffer, lasting, before);
    await inTurns(made.recover(), () => {
      if (!inputs.stop.aborted) return false;
      if (before === undefined) throw new StoppedEarlyError("Stopped before the windows were rebuilt");
      // Readings that were taken are committed before the end. That needs the windows only where it delivers, too.
      return inputs.settings.drain === 0;
    });
    return made;
  });
  return { parts, agent: new Agent(parts, inputs.pulse) };
}

/** A backlog of millions takes seconds: a signal is heard between two steps, and ends it. */
async function inTurns(steps: Generator<void>, mustEnd: () => boolean): Promise<void> {
  for (let until = performance.now() + SLICE_MS; ; until = performance.now() + SLICE_MS) {
    let isDone: boolean | undefined = false;
    while (!isDone && performance.now() < until) isDone = steps.next().done;
    // Also at the end: the first delivery is another long step.
    await breathe();
    if (mustEnd() || isDone) return;
  }
}

/** Runs `make` with a buffer; where that reports damage, with the buffer that is opened then. */
async function withBuffer<T>(
  { inputs, doubt }: Opening,
  opened: SqliteBuffer,
  make: (buffer: SqliteBuffer) => T | Promise<T>,
): Promise<[buffer: SqliteBuffer, made: T]> {
  for (let buffer = opened; ; ) {
    try {
      return [buffer, await patiently(inputs, buffer, () => make(buffer))];
    } catch (error) {
      if (!isCorruption(error)) throw error;
      buffer.close();
      doubt.raise(error);
      buffer = await openBuffer(inputs, buffer.catalogue, doubt);
    }
  }
}

function logBytes(dataDir: string): number {
  try {
    return statSync(join(dataDir, `${BUFFER_FILE}-wal`)).size;
  } catch {
    return 0;
  }
}

/** Keys and rows have the node's name, so the lake and the fleet see another node from now on. */
function reportRename({ nodeId, nodeIdBefore }: SqliteBuffer, log: Log): void {
  if (nodeIdBefore === null) return;
  log.warn(
    "node_renamed",
    `This node was "${nodeIdBefore}" and is "${nodeId}" now, as AGENT_NODE_ID says. Delivered objects stay under the old name; ` +
      "keys, rows and its heartbeat have the new one, and a list of the fleet shows both",
  );
}
