/** From settings to a running agent: every part is made here and joined here, in the order of the flow. */

import { BacklogCount } from "../buffer/backlog.ts";
import { isCorruption } from "../buffer/corruption.ts";
import type { DataDirLock } from "../buffer/disk/lock.ts";
import { Premises } from "../buffer/disk/premises.ts";
import { Retention } from "../buffer/disk/retention.ts";
import { DiskRoom } from "../buffer/disk/room.ts";
import { Outbox } from "../buffer/outbox.ts";
import type { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { WindowLedger } from "../buffer/window-record.ts";
import { Gzip } from "../core/bytes/gzip.ts";
import type { HeapWatch } from "../core/bytes/heap-watch.ts";
import type { Log } from "../core/log/log.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import type { Settings } from "../core/settings/settings.ts";
import { ClockWatch } from "../core/time/clock.ts";
import { VERSION } from "../core/version.ts";
import type { Source } from "../sensor/source.ts";
import { type KeptWindow, Windows } from "../stages/aggregate.ts";
import { StageEncoder } from "../stages/encode.ts";
import { unpackWindow } from "../stages/window-row.ts";
import { newLink } from "../uplink/link.ts";
import { readingKey } from "../uplink/object-key.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { Agent, type AgentEnd } from "./agent.ts";
import { Carrier } from "./carry.ts";
import { issueWindows, rebuildWindows, type WindowParts } from "./issue-windows.ts";
import { LiveFile, type LiveReport, type Problem } from "./live.ts";
import { type LastRules, LiveRules, type RulesInForce } from "./live-rules.ts";
import { Upkeep } from "./maintain.ts";
import { openBuffer, patiently, StoppedEarlyError } from "./open-buffer.ts";
import { watchOwnHeap } from "./own-heap.ts";
import { Pipeline } from "./pipeline.ts";
import { reporter } from "./report.ts";
import { takeLock } from "./take-lock.ts";

export type AgentInputs = {
  readonly settings: Settings;
  readonly log: Log;
  readonly store: ObjectStore;
  /** Made when the buffer is open: sources go on behind their cursors, rules find their columns in the catalogue. */
  readonly sources: (catalogue: SensorCatalogue, cursor: (uri: string) => string | null) => readonly Source[];
  readonly rules: (catalogue: SensorCatalogue, last: LastRules) => RulesInForce;
  readonly stop: AbortSignal;
  readonly now: () => number;
  /** Never goes back and is not set by anyone; `performance.now` when absent. */
  readonly running?: () => number;
  readonly random: () => number;
  readonly beside?: Beside;
};

/** What runs beside the agent in this process, for what the agent reports. */
export interface Beside {
  problems(): readonly Problem[];
  heartbeat(): LiveReport["heartbeat"];
}
const NOTHING_BESIDE: Beside = { problems: () => [], heartbeat: () => null };

/** The parts are those of now: where a buffer turns out to be corrupt, `run` goes on with a new one and new parts. */
export type OpenAgent = Readonly<Joined> & {
  readonly store: ObjectStore;
  readonly run: () => Promise<AgentEnd>;
  /** Closes sources, buffer and lock; nothing committed is lost if it is never called. */
  readonly close: () => Promise<void>;
};

/** Accumulators (window × sensor) in memory: about 400 bytes each for five measures. */
const MAX_ACCUMULATORS = 50_000;

type Joined = {
  readonly agent: Agent;
  readonly buffer: SqliteBuffer;
  readonly carrier: Carrier;
  readonly outbox: Outbox;
  readonly pipeline: Pipeline;
  readonly rules: LiveRules;
  readonly report: (nowMs: number) => LiveReport;
  readonly backlog: BacklogCount;
};
/** What outlives a buffer. */
type Lasting = {
  readonly rules: RulesInForce;
  readonly sources: readonly Source[];
  readonly clock: ClockWatch;
  readonly startedAtMs: number;
  readonly lock: DataDirLock;
};

/**
 * Waits for the data dir's lock, opens the buffer and joins the parts. Throws UsageError for what can never work, and
 * AgentError when another agent holds the lock for longer than the wait.
 */
export async function openAgent(inputs: AgentInputs): Promise<OpenAgent> {
  const { settings, store, now } = inputs;
  const lock = await takeLock(inputs);
  const lasting = await whole(inputs, await openBuffer(inputs), (buffer) => ({
    ...{ rules: inputs.rules(buffer.catalogue, LiveRules.last(buffer)), buffer },
    sources: inputs.sources(buffer.catalogue, (uri) => buffer.cursor(uri)),
    ...{ clock: new ClockWatch(), startedAtMs: now(), lock },
  }));
  let joined = await whole(inputs, lasting.buffer, (buffer) => join(inputs, buffer, lasting));
  const run = async (): Promise<AgentEnd> => {
    for (let before = 0; ; ) {
      const end = await joined.agent.run();
      if (end.reopen === null) return { ...end, accepted: before + end.accepted };
      before += end.accepted;
      joined.buffer.close();
      try {
        const next = await openBuffer(inputs, joined.buffer.catalogue, end.reopen === "corrupt");
        const last = joined;
        joined = await whole(inputs, next, (buffer) => join(inputs, buffer, lasting, last));
      } catch (error) {
        // The next start goes on with it.
        if (error instanceof StoppedEarlyError) return { ...end, accepted: before };
        throw error;
      }
      if (inputs.stop.aborted) joined.agent.stop(settings.drain);
    }
  };
  const close = async () => {
    for (const source of lasting.sources) await source.close();
    joined.buffer.close();
    store.close();
    lock.release();
  };
  return {
    ...{ run, close, store },
    get agent() {
      return joined.agent;
    },
    get buffer() {
      return joined.buffer;
    },
    get carrier() {
      return joined.carrier;
    },
    get outbox() {
      return joined.outbox;
    },
    get pipeline() {
      return joined.pipeline;
    },
    get rules() {
      return joined.rules;
    },
    get report() {
      return joined.report;
    },
    get backlog() {
      return joined.backlog;
    },
  };
}

/** Makes something of a buffer; where that shows that the buffer is corrupt, of the one that takes its place. */
async function whole<T>(inputs: AgentInputs, buffer: SqliteBuffer, make: (buffer: SqliteBuffer) => T): Promise<T> {
  try {
    return await patiently(inputs, buffer, () => make(buffer));
  } catch (error) {
    if (!isCorruption(error)) throw error;
    buffer.close();
    return make(await openBuffer(inputs, buffer.catalogue, true));
  }
}

/** One buffer and everything that works on it; `before`: what worked on one that is gone, with what it had not committed. */
function join(inputs: AgentInputs, buffer: SqliteBuffer, lasting: Lasting, before?: Joined): Joined {
  const { settings, log, store, now, random, beside = NOTHING_BESIDE } = inputs;
  const { sources, clock, startedAtMs } = lasting;
  const stages = new Set(settings.stages);
  const outbox = new Outbox(buffer, stages, (of) => readingKey({ ...of, node: settings.nodeId, epoch: buffer.epoch }));
  const rules = new LiveRules(lasting.rules, { buffer, log, now }, before?.rules);
  const room = new DiskRoom(settings.dataDir, buffer.db);
  const heap = watchOwnHeap();
  const windowParts = openWindows(inputs, buffer, outbox, room, heap);
  const pipeline = new Pipeline(
    {
      ...{ sources, buffer, clock, log, agentVersion: VERSION },
      rules,
      windows: stages.has("aggregated") ? windowParts.windows : null,
      ...{ commitRows: settings.commitRows, commitMs: settings.commitMs },
    },
    before?.pipeline,
  );
  const encoder = new StageEncoder(
    { epoch: buffer.epoch, nodeId: settings.nodeId, gzip: windowParts.gzip },
    buffer.catalogue,
  );
  const carrier = new Carrier(
    {
      ...{ buffer, outbox, encoder, heap, store, log, now, random },
      ...{ nodeId: settings.nodeId, agentVersion: VERSION, puts: settings.puts, backoffMaxMs: settings.backoffMaxMs },
    },
    newLink(now()),
  );
  const upkeep = openUpkeep(inputs, buffer, windowParts, room);
  const premises = new Premises(settings.dataDir, buffer, lasting.lock);
  const liveFile = new LiveFile(settings.dataDir, log);
  const agent: Agent = new Agent({
    ...{ buffer, outbox, pipeline, rules, carrier, upkeep, premises },
    ...{ log, now, running: inputs.running ?? (() => performance.now()) },
    issueWindows: stages.has("aggregated")
      ? (nowMs, all, isDown) => issueWindows(windowParts, nowMs, all, isDown)
      : () => skipWindows(windowParts),
    heap,
    report: (nowMs) => liveFile.write(liveReport(nowMs)),
    batchRows: settings.batchRows,
    batchMs: settings.batchMs,
  });
  const liveReport = reporter(
    { settings, store, startedAtMs },
    {
      ...{ buffer, carrier, pipeline, rules, heartbeat: () => beside.heartbeat() },
      problems: () => [...agent.problems(), ...liveFile.problems(), ...beside.problems()],
    },
  );
  const backlog = new BacklogCount({
    ...{ buffer, outbox, stages: settings.stages, openWindows: () => windowParts.windows.waiting() },
    running: inputs.running ?? (() => performance.now()),
  });
  return { agent, buffer, carrier, outbox, pipeline, rules, report: liveReport, backlog };
}

function openWindows(
  inputs: AgentInputs,
  buffer: SqliteBuffer,
  outbox: Outbox,
  room: DiskRoom,
  heap: HeapWatch,
): WindowParts {
  const { settings, now } = inputs;
  const ledger = new WindowLedger(buffer, settings.windowMs);
  const recall = (startMs: number): KeptWindow | "expired" | null => {
    const kept = ledger.recall(startMs);
    if (kept === null) return null;
    if (kept.expired) return "expired";
    const sensors = kept.sensors.map(({ sensorId, state }) => ({ sensorId, state: unpackWindow(state) }));
    return { revision: kept.revision, throughSeq: kept.throughSeq, sensors };
  };
  const windows = new Windows(
    {
      lengthMs: settings.windowMs,
      graceMs: settings.windowGraceMs,
      holdMs: settings.windowHoldMs,
      futureMs: settings.futureMs,
      maxAccumulators: MAX_ACCUMULATORS,
    },
    buffer.catalogue,
    recall,
  );
  const parts = {
    ...{ buffer, outbox, ledger, windows, nodeId: settings.nodeId, agentVersion: VERSION },
    ...{ chunkBytes: () => room.chunkBytes, heap },
    gzip: new Gzip(settings.gzipLevel, inputs.running ?? (() => performance.now())),
  };
  if (settings.stages.includes("aggregated")) rebuildWindows(parts, now());
  return parts;
}

/** With the stage switched off no reading waits for a window. */
function skipWindows({ buffer, ledger }: WindowParts): readonly [] {
  if (ledger.from <= buffer.lastSeq) ledger.advance(buffer.lastSeq + 1, Number.NaN);
  return [];
}

function openUpkeep(
  { settings, log }: AgentInputs,
  buffer: SqliteBuffer,
  { ledger, windows }: WindowParts,
  room: DiskRoom,
): Upkeep {
  return new Upkeep({
    ...{ retention: new Retention(buffer), room, ledger, log },
    keepMs: settings.keep,
    windowKeepMs: settings.windowKeep,
    limitBytes: settings.bufferMaxBytes,
    whenFull: settings.bufferFull,
    takeExpired: () => windows.takeExpired(),
  });
}
