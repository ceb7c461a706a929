/** A node's status as Prometheus metrics. Every series is bounded: by the stages, the settings, or a stated number of labels. */
import { Counter, Gauge, Registry } from "prom-client";
import type { CountedStatus } from "./live-status.ts";

/** Facts that only the running process knows. */
export type ProcessFacts = {
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Readings judged since the agent started; how many of them broke each rule in force. */
  readonly judged: number;
  readonly broken: readonly { rule: string; count: number }[];
  /** What each rule in force had to do since its set was loaded. */
  readonly counts: readonly { rule: string; sensors: number; readings: number; errors: number }[];
  /** Sensors that a rule of silence misses now. */
  readonly silent: number;
  /** Requests and connections that the HTTP server refused since the agent started. */
  readonly refused: readonly { reason: string; count: number }[];
  /** Of the rules that take most. */
  readonly costs: readonly { rule: string; nsPerReading: number | null; subjects: number; stateBytes: number }[];
};

/** Sensors that are named at most; `agent_silent_sensors` counts them all. */
const SENSORS_NAMED = 50;
/** Places in refused files that are named at most; `agent_rules_refused_files` counts all files. */
const PLACES_NAMED = 20;

/** In Prometheus' text format, version 0.0.4. */
export async function metricsText(status: CountedStatus, facts: ProcessFacts): Promise<{ type: string; body: string }> {
  const registry = new Registry();
  const metrics = new Metrics(registry);
  nodeMetrics(metrics, status, facts);
  stageMetrics(metrics, status, facts);
  bufferMetrics(metrics, status);
  ruleMetrics(metrics, status, facts);
  return { type: registry.contentType, body: await registry.metrics() };
}

type Labels = Readonly<Record<string, string>>;
type Series = readonly (readonly [labels: Labels, value: number])[];

class Metrics {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Facts of now. */
  gauge(name: string, help: string, series: Series | number): void {
    if (all(series).length === 0) return;
    const gauge = new Gauge({ ...this.#of(name, help, series) });
    for (const [labels, value] of all(series)) gauge.set(labels, value);
  }

  /** Counts that only grow, in the life of a buffer. */
  counter(name: string, help: string, series: Series | number): void {
    if (all(series).length === 0) return;
    const counter = new Counter({ ...this.#of(name, help, series) });
    for (const [labels, value] of all(series)) counter.inc(labels, value);
  }

  #of(name: string, help: string, series: Series | number) {
    return { name, help, labelNames: Object.keys(all(series)[0]?.[0] ?? {}), registers: [this.#registry] };
  }
}

function all(series: Series | number): Series {
  return typeof series === "number" ? [[{}, series]] : series;
}

function nodeMetrics(m: Metrics, status: CountedStatus, facts: ProcessFacts): void {
  const { node_id, epoch, agent_version: version, problems, uplink, sources } = status;
  m.gauge("agent_info", "Always 1; which agent, node and buffer this is.", [[{ version, node_id, epoch }, 1]]);
  m.gauge("agent_degraded", "1 when something is wrong; agent_problem says what.", status.health === "ok" ? 0 : 1);
  const codes = [...new Set(problems.map(({ code }) => code))];
  m.gauge(
    "agent_problem",
    "1 for each kind of problem that there is now.",
    codes.map((code) => [{ code }, 1]),
  );
  m.gauge("agent_uplink_up", "1 when the store took what was last sent.", uplink.state === "up" ? 1 : 0);
  m.counter(
    "agent_readings_accepted_total",
    "Lines and rows that were accepted, malformed ones too.",
    sources.map(({ uri, accepted }) => [{ source: uri }, accepted]),
  );
  m.counter(
    "agent_readings_malformed_total",
    "Readings that were kept as received: too malformed to be read.",
    sources.map(({ uri, refused }) => [{ source: uri }, refused]),
  );
  m.counter(
    "agent_records_filtered_total",
    "Records that the map leaves out.",
    sources.map(({ uri, flaws }) => [{ source: uri }, flaws.find((flaw) => !isFlaw(flaw))?.count ?? 0]),
  );
  m.counter(
    "agent_flaws_total",
    "Fields of readings that could not be read and are null, and NULs around lines.",
    sources.flatMap(({ uri, flaws }) =>
      [...Map.groupBy(flaws.filter(isFlaw), ({ reason }) => reason)].map(([reason, all]) => {
        return [{ source: uri, reason }, all.reduce((sum, { count }) => sum + count, 0)] as const;
      }),
    ),
  );
  m.gauge(
    "agent_source_trouble",
    "1 while the source cannot be read.",
    sources.map(({ uri, trouble }) => [{ source: uri }, trouble === null ? 0 : 1]),
  );
  m.counter(
    "agent_http_refused_total",
    "Requests and connections that this server refused or cut off, since the agent started.",
    facts.refused.map(({ reason, count }) => [{ reason }, count]),
  );
  m.gauge("process_resident_memory_bytes", "Resident memory.", facts.residentBytes);
  m.counter("process_cpu_seconds_total", "User and system time.", facts.cpuSeconds);
  m.gauge("process_start_time_seconds", "When the agent started, since 1970.", facts.startedAtMs / 1_000);
}

function stageMetrics(
  m: Metrics,
  { stages, losses, open_windows, uncounted, collisions }: CountedStatus,
  { nowMs }: ProcessFacts,
): void {
  const of = (value: (stage: CountedStatus["stages"]["raw"]) => number): Series =>
    Object.entries(stages).map(([stage, counts]) => [{ stage }, value(counts)]);
  const age = (at: string | null) => (at === null ? 0 : Math.max(0, (nowMs - Date.parse(at)) / 1_000));
  m.counter(
    "agent_rows_delivered_total",
    "Rows that the store has.",
    of((stage) => stage.delivered),
  );
  m.gauge(
    "agent_rows_pending",
    "Rows that wait to be delivered.",
    of((stage) => stage.pending),
  );
  m.gauge(
    "agent_rows_parked",
    "Rows that the store refused for good.",
    of((stage) => stage.parked),
  );
  m.counter(
    "agent_object_conflicts_total",
    "Keys of batches that objects of others had taken; their rows were sent again under another epoch.",
    collisions.conflicts,
  );
  m.counter(
    "agent_objects_unseen_total",
    "Keys of new batches that were taken by objects at which this identity may not look.",
    collisions.unseen,
  );
  m.gauge(
    "agent_oldest_pending_seconds",
    "How long the oldest row that waits has waited; 0: none waits.",
    of((stage) => age(stage.oldest_pending_at)),
  );
  m.gauge(
    "agent_rows_pending_uncounted",
    "Readings of a long backlog that are not counted in agent_rows_pending yet, but for raw.",
    uncounted,
  );
  m.gauge("agent_open_windows", "Windows that are not due yet.", open_windows);
  const reasons = [...new Set(losses.map(({ reason }) => reason))];
  m.counter(
    "agent_readings_lost_total",
    "Readings that were accepted and could not be kept.",
    reasons.map((reason) => [{ reason }, losses.reduce((n, loss) => n + (loss.reason === reason ? loss.count : 0), 0)]),
  );
  m.gauge(
    "agent_losses_uncounted",
    "Losses whose number of readings is unknown.",
    losses.filter(({ counted }) => !counted).length,
  );
}

function bufferMetrics(m: Metrics, { buffer }: CountedStatus): void {
  m.gauge("agent_buffer_bytes", "Of the buffer, in use.", buffer.bytes);
  m.gauge("agent_buffer_limit_bytes", "What the buffer may use.", buffer.limit_bytes);
  m.gauge("agent_buffer_file_bytes", "The buffer's file.", buffer.file_bytes);
}

function ruleMetrics(m: Metrics, status: CountedStatus, facts: ProcessFacts): void {
  const { costs, nowMs } = facts;
  const { rules, silent_sensors: silent } = status;
  m.gauge("agent_rules_info", "Always 1; the version of the rule set in force.", [
    [{ version: rules.version ?? "" }, 1],
  ]);
  m.gauge("agent_rules", "Rules in force.", rules.count);
  m.gauge(
    "agent_rules_refused_files",
    "Rule files that are refused.",
    new Set(rules.refused.map(({ file }) => file)).size,
  );
  m.gauge(
    "agent_rules_refused_info",
    `Always 1; a place of a problem in a rule file, of the first ${PLACES_NAMED}. /healthz has the problem.`,
    rules.refused.slice(0, PLACES_NAMED).map(({ file, line, column }) => {
      return [{ file, line: String(line), column: String(column) }, 1];
    }),
  );
  m.gauge(
    "agent_rules_warnings",
    "Warnings about rules in force that are legal but hardly meant: status has them.",
    rules.warnings.length,
  );
  m.gauge(
    "agent_rules_loaded_timestamp_seconds",
    "Since when the set is in force.",
    rules.loaded_at === null ? 0 : Date.parse(rules.loaded_at) / 1_000,
  );
  m.counter("agent_readings_judged_total", "Readings judged since the agent started.", facts.judged);
  m.counter(
    "agent_rule_broken_total",
    "Readings that broke a rule in force, since the agent started.",
    facts.broken.map(({ rule, count }) => [{ rule }, count]),
  );
  m.gauge(
    "agent_rule_sensors",
    "Sensors seen so far that a rule in force applies to.",
    facts.counts.map(({ rule, sensors }) => [{ rule }, sensors]),
  );
  m.counter(
    "agent_rule_readings_total",
    "Readings of the sensors that a rule in force applies to, since its set was loaded.",
    facts.counts.map(({ rule, readings }) => [{ rule }, readings]),
  );
  m.counter(
    "agent_rule_errors_total",
    "Readings for which the evaluation of a rule in force failed, since its set was loaded.",
    facts.counts.map(({ rule, errors }) => [{ rule }, errors]),
  );
  m.gauge(
    "agent_rule_seconds_per_reading",
    "What a rule takes of a reading; of the rules that take most.",
    costs.flatMap(({ rule, nsPerReading }) => (nsPerReading === null ? [] : [[{ rule }, nsPerReading / 1e9] as const])),
  );
  m.gauge(
    "agent_rule_state_bytes",
    "What a rule remembers, about.",
    costs.map(({ rule, stateBytes }) => [{ rule }, stateBytes]),
  );
  m.gauge("agent_silent_sensors", "Sensors that a rule of silence misses now.", facts.silent);
  m.gauge(
    "agent_sensor_silent_seconds",
    `For how long a sensor has been silent; of the ${SENSORS_NAMED} that were silent longest.`,
    silent.slice(0, SENSORS_NAMED).map(({ rule, sensor_id: sensor, since }) => {
      return [{ rule, sensor }, since === null ? 0 : Math.max(0, (nowMs - Date.parse(since)) / 1_000)];
    }),
  );
}

/** What a map leaves out has no flaw. */
function isFlaw({ reason }: { readonly reason: string }): boolean {
  return reason !== "filtered";
}
