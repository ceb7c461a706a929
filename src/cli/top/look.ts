/**
 * What `agent top` knows: it reads the data dir as `agent status` does, at each look with a connection of its own, so that nothing holds
 * up the agent, and a buffer that is replaced or comes later is found. A look reads a bounded number of readings.
 */
import { lastReport } from "../../agent/live.ts";
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { brokenAfter, newestBroken } from "../../buffer/ledger/newest.ts";
import { LedgerReadings } from "../../buffer/ledger/readings.ts";
import { storedRuleSet } from "../../buffer/ledger/rules.ts";
import { AgentError, messageOf } from "../../core/errors.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import { optional } from "../../core/outside/shape.ts";
import { anything, atLeast, storedEntries } from "../../core/outside/stored-json.ts";
import type { Problem } from "../../core/problem.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { FillForecast } from "../../dashboard/live/fill-forecast.ts";
import { NotBegunError } from "../../status/not-begun.ts";
import { readStatus, type Status } from "../../status/status.ts";
import { readingId, sensorIdOf, verdictShown } from "../../verdicts/reading-view.ts";
import { type SensorSeen, SensorsSeen } from "./sensors-seen.ts";

/** Readings of a look; with more, the newest of them stand for all. */
const ROWS_MOST = 5_000;
const FIRST_ROWS = 20_000;
/** Anomalies that are remembered, the newest. */
const ANOMALIES_MOST = 200;
/** Of a look. */
const ANOMALIES_NEW = 50;
/** Readings with a finding that are counted by rule, at each look. */
const COUNTED_MOST = 10_000;

export type AnomalySeen = {
  readonly id: string;
  /** By the sensor's clock. */
  readonly atMs: number;
  readonly sensorId: string | null;
  readonly rule: string;
  readonly severity: string;
  readonly reason: string;
};

export type RuleSeen = {
  readonly name: string;
  readonly severity: string;
  readonly kind: string;
  /** Readings that broke it, of the newest that top counted. */
  readonly broken: number;
  readonly perMinute: number;
  readonly sensors: number | null;
  readonly errors: number | null;
  readonly nsPerReading: number | null;
};

export type TopLook = {
  readonly atMs: number;
  /** Null: there is no buffer that can be read, and `trouble` says why. */
  readonly status: Status | null;
  readonly trouble: Problem | null;
  readonly startedAtMs: number | null;
  readonly store: string | null;
  /** Until the buffer is at its limit, at the rate of the last minutes; null: it does not fill, or it is not known yet. */
  readonly fullInMs: number | null;
  readonly sensors: readonly SensorSeen[];
  readonly areSensorsCut: boolean;
  /** The newest first. */
  readonly anomalies: readonly AnomalySeen[];
  readonly rules: readonly RuleSeen[];
  /** What this look took. */
  readonly tookMs: number;
};

export class TopWatch {
  readonly #dataDir: string;
  readonly #settings: Settings;
  #memory = new WatchMemory();

  constructor(dataDir: string, settings: Settings) {
    this.#dataDir = dataDir;
    this.#settings = settings;
  }

  /** Never throws: what cannot be read is in `trouble`. */
  look(nowMs: number): TopLook {
    const began = performance.now();
    const { status, trouble } = this.#status(nowMs, () => this.#read(nowMs));
    return this.#seen(nowMs, began, { status, trouble });
  }

  /** The same, without sensors, anomalies and rules: no reading is read. */
  glance(nowMs: number): TopLook {
    return this.#seen(
      nowMs,
      performance.now(),
      this.#status(nowMs, () => undefined),
    );
  }

  #seen(nowMs: number, began: number, { status, trouble }: Pick<TopLook, "status" | "trouble">): TopLook {
    const { report } = lastReport(this.#dataDir);
    const live = report !== null && status?.pid === report.pid ? report : null;
    const memory = this.#memory;
    return {
      atMs: nowMs,
      status,
      trouble,
      startedAtMs: live?.startedAtMs ?? null,
      store: report?.store ?? null,
      fullInMs: status === null ? null : memory.fill.fullInMs(status, nowMs, performance.now()),
      sensors: memory.sensors.list(),
      areSensorsCut: memory.sensors.isCut,
      anomalies: memory.anomalies,
      rules: memory.rules(live?.rules ?? null),
      tookMs: performance.now() - began,
    };
  }

  #status(nowMs: number, read: () => void): Pick<TopLook, "status" | "trouble"> {
    let status: Status | null = null;
    try {
      status = readStatus(this.#dataDir, this.#settings, nowMs);
      read();
      return { status, trouble: null };
    } catch (error) {
      return { status, trouble: troubleOf(error) };
    }
  }

  #read(nowMs: number): void {
    const ledger = BufferLedger.open(this.#dataDir);
    try {
      if (this.#memory.epoch !== ledger.epoch && !isEarlier(ledger, this.#memory.epoch))
        this.#memory = new WatchMemory();
      this.#memory.read(ledger, nowMs);
    } finally {
      ledger.close();
    }
  }
}

function isEarlier(ledger: BufferLedger, epoch: string | null): boolean {
  return ledger.earlier().some((one) => one.epoch === epoch);
}

function troubleOf(error: unknown): Problem {
  if (error instanceof NotBegunError) return error.problem;
  const hint = error instanceof AgentError ? error.tryHint : undefined;
  return { code: "buffer_unreadable", message: messageOf(error), try: hint ?? "agent status" };
}

type LiveRules = NonNullable<ReturnType<typeof lastReport>["report"]>["rules"];
const anyText = text(/^/, "a text");
/** A rule of a set as it is stored: without what is as usual. */
const RULE = atLeast({ name: anyText, severity: optional(anyText), when: optional(anything) });
const USUAL_SEVERITY = "warning";
type RuleInForce = { readonly name: string; readonly severity: string; readonly kind: string };

function rulesIn(canonical: string): RuleInForce[] {
  return (storedEntries(RULE, canonical) ?? []).map(({ name, severity = USUAL_SEVERITY, when }) => {
    const [kind = ""] = typeof when === "object" && when !== null ? Object.keys(when) : [];
    return { name, severity, kind };
  });
}

type RuleCount = { broken: number; perMinute: number };

/** What is remembered of one buffer. */
class WatchMemory {
  epoch: string | null = null;
  readonly sensors = new SensorsSeen();
  readonly fill = new FillForecast();
  anomalies: readonly AnomalySeen[] = [];
  #readings: LedgerReadings | null = null;
  #lastSeq: number | null = null;
  #lastMs = 0;
  #set: {
    readonly version: string;
    readonly rules: readonly RuleInForce[];
  } | null = null;
  readonly #counts = new Map<string, RuleCount>();

  read(ledger: BufferLedger, nowMs: number): void {
    this.epoch = ledger.epoch;
    const readings = new LedgerReadings(ledger, this.#readings);
    this.#readings = readings;
    const accepted = ledger.accepted();
    const last = this.#lastSeq;
    const isFirst = last === null;
    const most = isFirst ? FIRST_ROWS : ROWS_MOST;
    const first = Math.max((last ?? 0) + 1, accepted - most + 1);
    const blocks = first > accepted ? [] : readings.read({ first, last: accepted });
    this.sensors.take(blocks, readings.catalogue);
    const beganMs = isFirst ? (blocks[0]?.facts.ingestedAtMs ?? nowMs) : this.#lastMs;
    const share = isFirst ? 1 : Math.min(1, (accepted - first + 1) / Math.max(1, accepted - (last ?? 0)));
    const tookMs = Math.max(0, nowMs - beganMs);
    this.sensors.settle({ tookMs, share: share > 0 ? share : 1, isFirst });
    this.#readAnomalies(ledger, readings, isFirst ? 0 : last);
    this.#readRules(ledger, { after: isFirst ? first - 1 : last, tookMs, isFirst });
    this.#lastSeq = accepted;
    this.#lastMs = nowMs;
  }

  rules(live: LiveRules | null): RuleSeen[] {
    const counts = new Map(live?.counts?.map((count) => [count.rule, count]));
    const costs = new Map(live?.costs?.map((cost) => [cost.rule, cost]));
    const inForce = this.#set?.rules ?? [];
    const others = [...this.#counts.keys()]
      .filter((name) => !inForce.some((rule) => rule.name === name))
      .map((name) => ({ name, severity: "", kind: "" }));
    return [...inForce, ...others].map(({ name, severity, kind }) => ({
      name,
      severity,
      kind,
      broken: this.#counts.get(name)?.broken ?? 0,
      perMinute: this.#counts.get(name)?.perMinute ?? 0,
      sensors: counts.get(name)?.sensors ?? null,
      errors: counts.get(name)?.errors ?? null,
      nsPerReading: costs.get(name)?.nsPerReading ?? null,
    }));
  }

  #readAnomalies(ledger: BufferLedger, readings: LedgerReadings, after: number): void {
    const { catalogue } = readings;
    const { epoch, nodeId } = ledger;
    const found = newestBroken(ledger, after, ANOMALIES_NEW).flatMap((seq): AnomalySeen[] => {
      const stored = readings.at(seq);
      if (stored === null) return [];
      const at = { stored, row: seq - stored.firstSeq, catalogue, epoch, nodeId };
      const atMs = stored.block.time[at.row] ?? Number.NaN;
      return verdictShown(at).map(({ rule, severity, reason }) => {
        return { id: readingId(at), atMs, sensorId: sensorIdOf(at), rule, severity, reason };
      });
    });
    this.anomalies = [...found.reverse(), ...this.anomalies].slice(0, ANOMALIES_MOST);
  }

  #readRules(
    ledger: BufferLedger,
    look: { readonly after: number; readonly tookMs: number; readonly isFirst: boolean },
  ): void {
    const version = ledger.meta("rules_version");
    if (version !== null && version !== this.#set?.version) {
      const canonical = storedRuleSet(ledger, version)?.canonical;
      this.#set = { version, rules: canonical === undefined ? [] : rulesIn(canonical) };
    }
    const fresh = brokenAfter(ledger, look.after, COUNTED_MOST);
    const keep = look.isFirst ? 0 : Math.exp(-look.tookMs / 60_000);
    for (const name of new Set([...fresh.keys(), ...this.#counts.keys()])) {
      const { broken, perMinute } = this.#counts.get(name) ?? { broken: 0, perMinute: 0 };
      const count = fresh.get(name) ?? 0;
      const now = look.tookMs > 0 ? (count / look.tookMs) * 60_000 : 0;
      this.#counts.set(name, { broken: broken + count, perMinute: perMinute * keep + now * (1 - keep) });
    }
  }
}
