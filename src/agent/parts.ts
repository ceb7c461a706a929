/** Makes every part that works on one buffer, in the order of the flow. `open-agent.ts` joins them to an agent. */

import { BacklogCount } from "../buffer/backlog.ts";
import type { Batch } from "../buffer/buffer.ts";
import type { DataDirLock } from "../buffer/disk/agent-lock.ts";
import { Premises } from "../buffer/disk/premises.ts";
import { Retention } from "../buffer/disk/retention.ts";
import { DiskRoom } from "../buffer/disk/room.ts";
import { Outbox } from "../buffer/outbox.ts";
import type { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { WindowLedger } from "../buffer/window-record.ts";
import { Gzip } from "../core/bytes/gzip.ts";
import type { HeapWatch } from "../core/bytes/heap-watch.ts";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import type { ClockWatch } from "../core/time/clock.ts";
import { VERSION } from "../core/version.ts";
import type { LastTimesOf } from "../sensor/row/repeated-times.ts";
import type { CursorOf, OpenSources, StateOf } from "../sensor/source.ts";
import { Windows } from "../stages/aggregate.ts";
import type { MeasureUnits } from "../stages/schematize.ts";
import { readingKey } from "../uplink/object-key.ts";
import type { BufferInputs } from "./buffer-inputs.ts";
import { Delivery } from "./delivery/delivery.ts";
import { answerRequeue } from "./delivery/requeue-request.ts";
import { Encoders } from "./encoders.ts";
import { SensorLimit } from "./input/sensor-limit.ts";
import { type IssueHow, issueWindows, rebuildWindows, recallWindow, type WindowParts } from "./issue-windows.ts";
import { LiveFile, type LiveReport } from "./live.ts";
import { type LastRules, LiveRules, type RulesInForce } from "./live-rules.ts";
import { type Upkeep, upkeepOf } from "./maintain.ts";
import { watchOwnHeap } from "./own-heap.ts";
import { Pipeline } from "./pipeline.ts";
import { RateCounter } from "./rates.ts";
import { answerAcknowledge } from "./recovery/acknowledge.ts";
import { reporter } from "./report.ts";
import { Troubles } from "./troubles.ts";

/** What sources ask of the buffer. */
export type Committed = {
  readonly nodeId: string;
  readonly cursor: CursorOf;
  readonly stateOf: StateOf;
  readonly lastTimesOf: LastTimesOf;
};

export type AgentInputs = BufferInputs & {
  /** Called when the buffer is open: sources continue behind their cursors, rules find their columns in the catalogue. */
  readonly sources: (catalogue: SensorCatalogue, committed: Committed) => OpenSources | Promise<OpenSources>;
  readonly rules: (catalogue: SensorCatalogue, last: LastRules) => RulesInForce;
  /** A run without an end waits for its first rules; another one is refused. */
  readonly waitsForRules?: boolean;
  /** A clock that never goes back and cannot be set; `performance.now` when absent. */
  readonly running?: () => number;
  readonly random: () => number;
  readonly reporting?: Reporting;
};

/** The servers and heartbeats beside the agent in this process: what they report to it. */
export interface Reporting {
  problems(): readonly Problem[];
  heartbeat(): LiveReport["heartbeat"];
  /** The data dir was deleted, and is there again with the buffer alone. */
  restored(): void;
}
const NO_REPORTING: Reporting = { problems: () => [], heartbeat: () => null, restored: () => undefined };

/** Everything that outlives a buffer. */
export type Lasting = {
  readonly rules: RulesInForce;
  readonly sources: OpenSources;
  readonly clock: ClockWatch;
  readonly startedAtMs: number;
  readonly lock: DataDirLock;
};

/** Everything that works on one buffer: for the loops of the agent, and for questions to a running agent. */
export type Parts = {
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  readonly pipeline: Pipeline;
  readonly rules: LiveRules;
  readonly delivery: Delivery;
  readonly rates: RateCounter;
  readonly clock: ClockWatch;
  /** Sends parked batches again where a command asked for it. */
  readonly answer: () => void;
  readonly upkeep: Upkeep;
  readonly premises: Premises;
  readonly troubles: Troubles;
  readonly log: Log;
  readonly now: () => number;
  /** A clock that never goes back and cannot be set. */
  readonly running: () => number;
  /** Issues windows that are due, as batches; while the store is down only those that memory cannot hold. */
  readonly issueWindows: (nowMs: number, how: IssueHow) => readonly Batch[];
  readonly heap: HeapWatch;
  /** Of the measures of the user's profile. */
  readonly units: MeasureUnits;
  /** Called about once a second. */
  readonly report: (nowMs: number) => void;
  readonly batchRows: number;
  readonly batchMs: number;
  readonly backlog: BacklogCount;
  /** The agent's report of itself now. */
  readonly liveReport: (nowMs: number) => LiveReport;
  /** To be done before anything else: the windows take in what the buffer holds, a little more at each step. */
  readonly recover: () => Generator<void>;
};

/** Accumulators (window × sensor) in memory: about 400 bytes each for five measures. */
const MAX_ACCUMULATORS = 50_000;

/** `before`: the parts of a buffer that is gone; the new ones take over the readings that those had not committed. */
export function makeParts(inputs: AgentInputs, buffer: SqliteBuffer, lasting: Lasting, before?: Parts): Parts {
  const { settings, log, now, running = () => performance.now(), reporting = NO_REPORTING } = inputs;
  const stages = new Set(settings.stages);
  const outbox = new Outbox(buffer, stages, (of) => {
    const { nodeId: node, epoch } = buffer.ownerOf(of.first);
    return readingKey({ ...of, node, epoch });
  });
  const rules = new LiveRules(lasting.rules, { buffer, log, now }, before?.rules);
  const room = new DiskRoom(settings.dataDir, buffer.db);
  const heap = watchOwnHeap();
  const windows = openWindows(inputs, { buffer, outbox, room, heap, running });
  const rates = before?.rates ?? new RateCounter(running, settings);
  const pipeline = openPipeline(inputs, { buffer, rules, lasting, windows, rates, before: before?.pipeline });
  const delivery = openDelivery(inputs, { buffer, outbox, heap, rates, gzip: windows.gzip });
  const upkeep = upkeepOf(inputs, { retention: new Retention(buffer), room, windows });
  const troubles = new Troubles(log, running, settings.dataDir);
  const liveFile = new LiveFile(settings.dataDir, log);
  const sensorLimit = new SensorLimit(buffer.catalogue);
  const reporters: readonly Pick<Reporting, "problems">[] = [troubles, upkeep, liveFile, sensorLimit, reporting];
  const problems = () => reporters.flatMap((part) => part.problems());
  const liveReport = reporter(
    { settings, store: inputs.store, startedAtMs: lasting.startedAtMs, log },
    { buffer, outbox, delivery, pipeline, rules, rates, heartbeat: () => reporting.heartbeat(), problems },
  );
  return {
    buffer,
    outbox,
    pipeline,
    rules,
    delivery,
    answer() {
      answerRequeue({ dataDir: settings.dataDir, outbox, log, changed: () => delivery.forgetAll() });
      answerAcknowledge({ dataDir: settings.dataDir, buffer, log, nowMs: now() });
    },
    rates,
    clock: lasting.clock,
    upkeep,
    troubles,
    heap,
    units: inputs.units ?? new Map(),
    log,
    now,
    running,
    liveReport,
    premises: new Premises(settings.dataDir, buffer, lasting.lock),
    *recover() {
      if (stages.has("aggregated")) yield* rebuildWindows(windows, now());
    },
    report(nowMs) {
      sensorLimit.report(log);
      liveFile.write(liveReport(nowMs));
    },
    issueWindows: stages.has("aggregated")
      ? (nowMs, how) => issueWindows(windows, nowMs, how)
      : () => skipWindows(windows),
    batchRows: settings.batchRows,
    batchMs: settings.batchMs,
    backlog: new BacklogCount({
      buffer,
      outbox,
      stages: settings.stages,
      openWindows: () => windows.windows.waiting(),
      running,
    }),
  };
}

function openPipeline(
  { settings, log }: AgentInputs,
  parts: Pick<Parts, "buffer" | "rules" | "rates"> & {
    readonly lasting: Lasting;
    readonly windows: WindowParts;
    readonly before: Pipeline | undefined;
  },
): Pipeline {
  const { buffer, rules, rates, lasting, windows, before } = parts;
  return new Pipeline(
    {
      sources: lasting.sources,
      rules,
      buffer,
      windows: settings.stages.includes("aggregated") ? windows.windows : null,
      clock: lasting.clock,
      log,
      rates,
      agentVersion: VERSION,
      commitRows: settings.commitRows,
      malformedMax: settings.malformedMax,
      earliestMs: settings.earliestTime,
      latestAheadMs: settings.latestAhead,
      commitMs: settings.commitMs,
    },
    before,
  );
}

function openDelivery(
  inputs: AgentInputs,
  parts: Pick<WindowParts, "buffer" | "outbox" | "heap" | "gzip"> & Pick<Parts, "rates">,
): Delivery {
  const { settings, store, log, now, running = () => performance.now(), random, units = new Map() } = inputs;
  const { buffer, outbox, heap, gzip, rates } = parts;
  const { puts, backoffMaxMs, windowMs } = settings;
  const { nodeId } = buffer;
  const encoders = new Encoders({ gzip, units }, buffer.catalogue);
  return new Delivery({
    buffer,
    outbox,
    encoderAt: (seq) => encoders.of(buffer.ownerOf(seq)),
    gzip,
    heap,
    store,
    log,
    now,
    running,
    random,
    nodeId,
    agentVersion: VERSION,
    puts,
    backoffMaxMs,
    windowMs,
    rates,
  });
}

function openWindows(
  inputs: AgentInputs,
  {
    buffer,
    outbox,
    room,
    heap,
    running,
  }: Pick<Parts, "buffer" | "outbox" | "heap" | "running"> & { readonly room: DiskRoom },
): WindowParts {
  const { settings } = inputs;
  const ledger = new WindowLedger(buffer, settings.windowMs);
  const windows = new Windows(
    {
      lengthMs: settings.windowMs,
      graceMs: settings.windowGraceMs,
      holdMs: settings.windowHoldMs,
      futureMs: settings.futureMs,
      maxAccumulators: MAX_ACCUMULATORS,
    },
    buffer.catalogue,
    (startMs) => recallWindow(ledger, startMs),
  );
  const parts: WindowParts = {
    buffer,
    outbox,
    ledger,
    windows,
    nodeId: buffer.nodeId,
    agentVersion: VERSION,
    chunkBytes: () => room.chunkBytes,
    deliveredThrough: () => new Retention(buffer).deliveredThrough(),
    heap,
    log: inputs.log,
    gzip: new Gzip(settings.gzipLevel, running),
  };
  return parts;
}

/** When the stage is off, no reading waits for a window. */
function skipWindows({ buffer, ledger }: WindowParts): readonly [] {
  if (ledger.from <= buffer.lastSeq) ledger.advance(buffer.lastSeq + 1, Number.NaN);
  return [];
}
