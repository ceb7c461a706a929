/** Metrics of the node: which one it is, its health, sources, buffer, clock and process. */
import { BUILD, VERSION } from "../../core/version.ts";
import { type MetricSpec, plain, type Series } from "./metric.ts";
import { NEW_FIELD_ROWS, type NodeFacts } from "./node-facts.ts";

type Source = NodeFacts["status"]["sources"][number];
const ofSources = (value: (source: Source) => number) => (seen: NodeFacts) =>
  seen.status.sources.map((source) => [{ source: source.uri }, value(source)] as const);

const identity: readonly MetricSpec[] = [
  {
    type: "gauge",
    name: "agent_build_info",
    help: "Always 1; what this binary was built from.",
    labels: ["version", "revision", "target", "bun_version"],
    of: () => [[{ version: VERSION, revision: BUILD.commit ?? "", target: BUILD.target, bun_version: Bun.version }, 1]],
  },
  {
    type: "gauge",
    name: "agent_info",
    help: "Always 1; which agent, node and buffer this is.",
    labels: ["version", "node_id", "epoch"],
    of: ({ status: { agent_version: version, node_id, epoch } }) => [[{ version, node_id, epoch }, 1]],
  },
];

const health: readonly MetricSpec[] = [
  plain("gauge", "agent_degraded", "1 when something is wrong; agent_problem says what.", ({ status }) =>
    status.health === "ok" ? 0 : 1,
  ),
  {
    type: "gauge",
    name: "agent_problem",
    help: "1 for each kind of problem that there is now.",
    labels: ["code"],
    of: ({ status }) => [...new Set(status.problems.map(({ code }) => code))].map((code) => [{ code }, 1]),
  },
  plain("gauge", "agent_time_seconds", "The clock of the node, since 1970.", ({ nowMs }) => nowMs / 1_000),
  plain(
    "gauge",
    "agent_clock_trusted",
    "1 when the clock was good at the last commit; 0: it is before the release of this software, or has just jumped.",
    ({ clock }) => (clock === "ok" ? 1 : 0),
  ),
  plain(
    "gauge",
    "agent_heartbeat_failing",
    "1 when the last heartbeat to the metadata bucket could not be sent; absent: heartbeats are off.",
    ({ status: { heartbeat } }) => (heartbeat === null ? null : heartbeat.error === null ? 0 : 1),
  ),
  plain(
    "gauge",
    "agent_heartbeat_sent_timestamp_seconds",
    "When the last heartbeat was sent; absent: none was.",
    ({ status: { heartbeat } }) => secondsOf(heartbeat?.sent_at ?? null),
  ),
];

const sources: readonly MetricSpec[] = [
  {
    type: "counter",
    since: "buffer",
    name: "agent_readings_accepted_total",
    help: "Lines and rows that were accepted, malformed ones too.",
    labels: ["source"],
    of: ofSources(({ accepted }) => accepted),
  },
  {
    type: "counter",
    since: "buffer",
    name: "agent_readings_malformed_total",
    help: "Readings that were kept as received: too malformed to be read.",
    labels: ["source"],
    of: ofSources(({ refused }) => refused),
  },
  {
    type: "counter",
    since: "buffer",
    name: "agent_records_filtered_total",
    help: "Records that the map leaves out.",
    labels: ["source"],
    of: ofSources(({ flaws }) => flaws.find((flaw) => !isFlaw(flaw))?.count ?? 0),
  },
  {
    type: "counter",
    since: "buffer",
    name: "agent_flaws_total",
    help: "Fields of readings that could not be read and are null, and NULs around lines.",
    labels: ["source", "reason"],
    of: ({ status }) => status.sources.flatMap(flawsOf),
  },
  {
    type: "gauge",
    name: "agent_source_trouble",
    help: "1 while the source cannot be read.",
    labels: ["source"],
    of: ofSources(({ trouble }) => (trouble === null ? 0 : 1)),
  },
  {
    type: "counter",
    name: "agent_source_http_responses_total",
    help: "Responses of an HTTP source to its senders since the agent started, by status code.",
    labels: ["source", "code"],
    of: ({ answers }) =>
      answers.flatMap(({ uri, byStatus }) =>
        [...byStatus].map(([code, count]) => [{ source: uri, code: String(code) }, count] as const),
      ),
  },
  plain("gauge", "agent_sensors", "Sensors that the buffer knows.", ({ sensors: count }) => count),
  plain(
    "gauge",
    "agent_new_fields",
    `Fields that no profile knows, of the newest ${NEW_FIELD_ROWS} readings that have any. They are kept in the column extra.`,
    ({ newFields }) => newFields,
  ),
];

const buffer: readonly MetricSpec[] = [
  plain(
    "gauge",
    "agent_buffer_bytes",
    "Of the buffer, in use: what the limit is about.",
    ({ status }) => status.buffer.bytes,
  ),
  plain(
    "gauge",
    "agent_buffer_limit_bytes",
    "Of the buffer, how much it may use.",
    ({ status }) => status.buffer.limit_bytes,
  ),
  plain(
    "gauge",
    "agent_buffer_file_bytes",
    "Of the buffer's file, free pages too.",
    ({ status }) => status.buffer.file_bytes,
  ),
  plain(
    "gauge",
    "agent_buffer_full",
    "1 while the buffer is at its limit, or the disk is full, with nothing delivered left to delete.",
    ({ isFull }) => (isFull ? 1 : 0),
  ),
  plain("gauge", "agent_disk_free_bytes", "Free on the disk of the data dir.", ({ disk }) => disk?.freeBytes ?? null),
  plain("gauge", "agent_disk_bytes", "The size of the disk of the data dir.", ({ disk }) => disk?.bytes ?? null),
];

const server: readonly MetricSpec[] = [
  {
    type: "counter",
    name: "agent_http_refused_total",
    help: "Requests and connections that this server refused or cut off, since the agent started.",
    labels: ["reason"],
    of: ({ httpRefused }) => httpRefused.map(({ reason, count }) => [{ reason }, count]),
  },
];

const ofProcess: readonly MetricSpec[] = [
  plain("gauge", "process_resident_memory_bytes", "Resident memory.", ({ residentBytes }) => residentBytes),
  plain("counter", "process_cpu_seconds_total", "User and system time.", ({ cpuSeconds }) => cpuSeconds),
  plain(
    "gauge",
    "process_start_time_seconds",
    "When the agent started, since 1970.",
    ({ startedAtMs }) => startedAtMs / 1_000,
  ),
];

export const NODE_METRICS = [...identity, ...health, ...sources, ...buffer, ...server, ...ofProcess];

function flawsOf({ uri, flaws }: Source): Series<number> {
  return [...Map.groupBy(flaws.filter(isFlaw), ({ reason }) => reason)].map(([reason, all]) => {
    return [{ source: uri, reason }, all.reduce((sum, { count }) => sum + count, 0)];
  });
}

/** What a map leaves out has no flaw. */
function isFlaw({ reason }: { readonly reason: string }): boolean {
  return reason !== "filtered";
}

function secondsOf(at: string | null): number | null {
  return at === null ? null : Date.parse(at) / 1_000;
}
