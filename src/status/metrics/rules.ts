/** Metrics of the rules: the set in force, its work and cost, what is refused, and sensors that are silent. */
import { type MetricSpec, plain } from "./metric.ts";

/** Sensors that are named at most; `agent_silent_sensors` counts them all. */
const SENSORS_NAMED = 50;
/** Places in refused files that are named at most; `agent_rules_refused_files` counts all files. */
const PLACES_NAMED = 20;

const set: readonly MetricSpec[] = [
  {
    type: "gauge",
    name: "agent_rules_info",
    help: "Always 1; the version of the rule set in force.",
    labels: ["version"],
    of: ({ status }) => [[{ version: status.rules.version ?? "" }, 1]],
  },
  plain("gauge", "agent_rules", "Rules in force.", ({ status }) => status.rules.count),
  plain(
    "gauge",
    "agent_rules_refused_files",
    "Rule files that are refused.",
    ({ status }) => new Set(status.rules.refused.map(({ file }) => file)).size,
  ),
  {
    type: "gauge",
    name: "agent_rules_refused_info",
    help: `Always 1; a place of a problem in a rule file, of the first ${PLACES_NAMED}. /healthz has the problem.`,
    labels: ["file", "line", "column"],
    of: ({ status }) =>
      status.rules.refused.slice(0, PLACES_NAMED).map(({ file, line, column }) => {
        return [{ file, line: String(line), column: String(column) }, 1];
      }),
  },
  plain(
    "gauge",
    "agent_rules_warnings",
    "Warnings about rules in force that are legal but hardly meant: status has them.",
    ({ status }) => status.rules.warnings.length,
  ),
  plain("gauge", "agent_rules_loaded_timestamp_seconds", "Since when the set is in force.", ({ status }) =>
    status.rules.loaded_at === null ? 0 : Date.parse(status.rules.loaded_at) / 1_000,
  ),
];

const work: readonly MetricSpec[] = [
  plain(
    "counter",
    "agent_readings_judged_total",
    "Readings judged since the agent started.",
    ({ rules }) => rules.judged,
  ),
  {
    type: "counter",
    name: "agent_rule_broken_total",
    help: "Readings that broke a rule in force, since the agent started.",
    labels: ["rule"],
    of: ({ rules }) => rules.broken.map(({ rule, count }) => [{ rule }, count]),
  },
  {
    type: "gauge",
    name: "agent_rule_sensors",
    help: "Sensors seen so far that a rule in force applies to.",
    labels: ["rule"],
    of: ({ rules }) => rules.counts.map(({ rule, sensors }) => [{ rule }, sensors]),
  },
  {
    type: "counter",
    name: "agent_rule_readings_total",
    help: "Readings of the sensors that a rule in force applies to, since its set was loaded.",
    labels: ["rule"],
    of: ({ rules }) => rules.counts.map(({ rule, readings }) => [{ rule }, readings]),
  },
  {
    type: "counter",
    name: "agent_rule_errors_total",
    help: "Readings for which the evaluation of a rule in force failed, since its set was loaded.",
    labels: ["rule"],
    of: ({ rules }) => rules.counts.map(({ rule, errors }) => [{ rule }, errors]),
  },
  {
    type: "gauge",
    name: "agent_rule_seconds_per_reading",
    help: "What a rule takes of a reading; of the rules that take most.",
    labels: ["rule"],
    of: ({ rules }) =>
      rules.costs.flatMap(({ rule, nsPerReading }) =>
        nsPerReading === null ? [] : [[{ rule }, nsPerReading / 1e9] as const],
      ),
  },
  {
    type: "gauge",
    name: "agent_rule_state_bytes",
    help: "What a rule remembers, about.",
    labels: ["rule"],
    of: ({ rules }) => rules.costs.map(({ rule, stateBytes }) => [{ rule }, stateBytes]),
  },
];

const silence: readonly MetricSpec[] = [
  plain("gauge", "agent_silent_sensors", "Sensors that a rule of silence misses now.", ({ rules }) => rules.silent),
  {
    type: "gauge",
    name: "agent_sensor_silent_seconds",
    help: `For how long a sensor has been silent; of the ${SENSORS_NAMED} that were silent longest.`,
    labels: ["rule", "sensor"],
    of: ({ status, nowMs }) =>
      status.silent_sensors.slice(0, SENSORS_NAMED).map(({ rule, sensor_id: sensor, since }) => {
        return [{ rule, sensor }, since === null ? 0 : Math.max(0, (nowMs - Date.parse(since)) / 1_000)];
      }),
  },
];

export const RULE_METRICS = [...set, ...work, ...silence];
