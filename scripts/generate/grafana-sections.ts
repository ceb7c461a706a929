/** The sections of the dashboard: what they ask Prometheus, and how they show it. */
import type { Panel } from "@grafana/schema";
import { BAD_ABOVE, BAD_BELOW, chart, heatmap, nodeTable, type PanelHead, stat, timeline } from "./grafana-panels.ts";

/** The nodes that the reader chose. */
const NODES = 'job="$job", instance=~"$instance"';
const of = (metric: string, more = "") => `${metric}{${NODES}${more}}`;
const rate = (metric: string, more = "") => `rate(${of(metric, more)}[$__rate_interval])`;
const sumBy = (labels: string, what: string) => `sum by (${labels}) (${what})`;
const LAG_P95 = (labels: string, more = "") =>
  `histogram_quantile(0.95, ${sumBy(`${labels}le`, rate("agent_delivery_lag_seconds_bucket", more))})`;
const FILL = `${of("agent_buffer_bytes")} / ${of("agent_buffer_limit_bytes")}`;
const ANOMALY_SHARE = `sum(${rate("agent_anomalies_total")}) / sum(${rate("agent_readings_judged_total")})`;

const small = (title: string, unit: string, says: string): PanelHead => ({ title, unit, says, width: 3 });
const wide = (title: string, unit: string, says: string): PanelHead => ({ title, unit, says, width: 12 });
const third = (title: string, unit: string, says: string): PanelHead => ({ title, unit, says, width: 8 });

export type Section = { readonly title: string; readonly panels: readonly Panel[] };

const fleet: Section = {
  title: "Fleet",
  panels: [
    stat(small("Nodes up", "short", "Agents that answer."), `sum(${of("up")})`),
    stat(
      small("Nodes down", "short", "Agents that do not answer."),
      `count(${of("up")}) - sum(${of("up")})`,
      BAD_ABOVE(1),
    ),
    stat(small("Degraded", "short", "Nodes that report a problem."), `sum(${of("agent_degraded")})`, BAD_ABOVE(1)),
    stat(
      small("Uplinks down", "short", "Nodes whose store is unreachable or denies access."),
      `count(${of("agent_uplink_up")} == 0) or vector(0)`,
      BAD_ABOVE(1),
    ),
    stat(small("Readings", "cps", "Accepted, all nodes."), `sum(${rate("agent_readings_accepted_total")})`),
    stat(small("Anomalies", "percentunit", "Share of readings that broke a rule or are malformed."), ANOMALY_SHARE),
    stat(
      small("Lag p95", "s", "From the sensor's time to the stored object, stage raw."),
      LAG_P95("", ', stage="raw"'),
      BAD_ABOVE(600),
    ),
    stat(
      small("Lost in 24 h", "short", "Readings that were accepted and could not be kept."),
      `sum(increase(${of("agent_readings_lost_total")}[1d]))`,
      BAD_ABOVE(1),
    ),
    nodeTable({ title: "Nodes", unit: "", says: "The state of each node. Red: look there.", width: 24 }, [
      {
        name: "degraded",
        expression: `max by (instance, node_id, version) (${of("agent_degraded")} * on (job, instance) group_left (node_id, version) ${of("agent_info")})`,
        unit: "short",
        red: 1,
      },
      { name: "uplink down", expression: `max by (instance) (1 - ${of("agent_uplink_up")})`, unit: "short", red: 1 },
      { name: "readings", expression: sumBy("instance", rate("agent_readings_accepted_total")), unit: "cps" },
      { name: "anomalies", expression: sumBy("instance", rate("agent_anomalies_total")), unit: "cps" },
      { name: "lag p95", expression: LAG_P95("instance, ", ', stage="raw"'), unit: "s", red: 600 },
      {
        name: "waits for",
        expression: `max by (instance) (${of("agent_oldest_pending_seconds", ', stage="raw"')})`,
        unit: "s",
        red: 900,
      },
      { name: "buffer", expression: `max by (instance) (${FILL})`, unit: "percentunit", red: 0.9 },
      { name: "lost", expression: sumBy("instance", of("agent_readings_lost_total")), unit: "short", red: 1 },
      {
        name: "silent sensors",
        expression: `max by (instance) (${of("agent_silent_sensors")})`,
        unit: "short",
        red: 1,
      },
    ]),
  ],
};

const flow: Section = {
  title: "Flow",
  panels: [
    chart(third("Readings in", "cps", "Accepted by source, malformed ones too."), [
      [sumBy("instance, source", rate("agent_readings_accepted_total")), "{{instance}} {{source}}"],
    ]),
    chart(third("Rows out", "cps", "Delivered, by stage."), [
      [sumBy("stage", rate("agent_rows_delivered_total")), "{{stage}}"],
    ]),
    chart(
      third("Bytes out", "Bps", "Of objects as they were sent, by stage."),
      [[sumBy("stage", rate("agent_delivered_bytes_total")), "{{stage}}"]],
      true,
    ),
    chart(
      wide(
        "Lag by stage",
        "s",
        "From the sensor's time to the stored object: 95 % are faster. Of aggregated, from the window's end. A backfill has the lag that it has.",
      ),
      [[LAG_P95("stage, "), "p95 {{stage}}"]],
    ),
    heatmap(
      wide("Lag of raw", "s", "How many readings had which lag."),
      sumBy("le", rate("agent_delivery_lag_seconds_bucket", ', stage="raw"')),
    ),
    chart(
      wide("Anomalies by rule", "cps", "The ten rules that are broken most. A reading may break several."),
      [[`topk(10, ${sumBy("rule", rate("agent_rule_broken_total"))} > 0)`, "{{rule}}"]],
      true,
    ),
    chart(wide("Share of anomalies", "percentunit", "Of the readings that were judged."), [
      [
        `${sumBy("instance", rate("agent_anomalies_total"))} / ${sumBy("instance", rate("agent_readings_judged_total"))}`,
        "{{instance}}",
      ],
    ]),
  ],
};

const delivery: Section = {
  title: "Buffer and uplink",
  panels: [
    timeline(
      wide("Uplink", "", "Whether the store took what was last sent."),
      [of("agent_uplink_up"), "{{instance}}"],
      { zero: "down", one: "up", bad: 0 },
    ),
    chart(
      wide(
        "Puts that failed",
        "cps",
        "Unreachable and denied ones are tried again; refused ones are halved or parked.",
      ),
      [[sumBy("reason", rate("agent_delivery_failures_total")), "{{reason}}"]],
      true,
    ),
    chart(third("Buffer", "percentunit", "In use of its limit. Delivered readings are deleted first."), [
      [FILL, "{{instance}}"],
    ]),
    chart(third("Time until the buffer is full", "s", "At the rate of the last hour; no line: it does not fill."), [
      [
        `(${of("agent_buffer_limit_bytes")} - ${of("agent_buffer_bytes")}) / (deriv(${of("agent_buffer_bytes")}[1h]) > 0)`,
        "{{instance}}",
      ],
    ]),
    chart(third("Oldest row that waits", "s", "By stage, of the node where it is oldest."), [
      [`max by (stage) (${of("agent_oldest_pending_seconds")})`, "{{stage}}"],
    ]),
    chart(third("Rows that wait", "short", "To be delivered, by stage."), [
      [sumBy("stage", of("agent_rows_pending")), "{{stage}}"],
    ]),
    chart(third("Rows parked", "short", "Refused by the store for good; agent buffer requeue sends them again."), [
      [sumBy("instance, stage", of("agent_rows_parked")), "{{instance}} {{stage}}"],
    ]),
    chart(third("Readings lost", "short", "In the last hour, by reason."), [
      [sumBy("instance, reason", `increase(${of("agent_readings_lost_total")}[1h])`), "{{instance}} {{reason}}"],
    ]),
  ],
};

const health: Section = {
  title: "Problems, rules and sources",
  panels: [
    timeline(
      wide("Problems", "", "Each kind of problem while there is one; agent status has its message and what to type."),
      [`max by (instance, code) (${of("agent_problem")})`, "{{instance}} {{code}}"],
      { zero: "no", one: "yes", bad: 1 },
    ),
    timeline(
      wide("Sources in trouble", "", "Sources that cannot be read."),
      [of("agent_source_trouble"), "{{instance}} {{source}}"],
      { zero: "read", one: "in trouble", bad: 1 },
    ),
    chart(third("Cost of rules", "s", "Of one reading: the ten rules that take most."), [
      [`topk(10, max by (rule) (${of("agent_rule_seconds_per_reading")}))`, "{{rule}}"],
    ]),
    chart(third("Rules that fail", "cps", "Readings for which the evaluation of a rule failed."), [
      [`${sumBy("rule", rate("agent_rule_errors_total"))} > 0`, "{{rule}}"],
    ]),
    chart(third("Rule files refused", "short", "The last good rule set stays in force."), [
      [of("agent_rules_refused_files"), "{{instance}}"],
    ]),
    chart(third("Silent sensors", "short", "Sensors that a rule of silence misses."), [
      [of("agent_silent_sensors"), "{{instance}}"],
    ]),
    chart(third("Malformed readings", "cps", "Kept as received: too malformed to be read."), [
      [sumBy("instance, source", rate("agent_readings_malformed_total")), "{{instance}} {{source}}"],
    ]),
    chart(third("New fields", "short", "Fields that no profile knows."), [[of("agent_new_fields"), "{{instance}}"]]),
    chart(third("Responses of HTTP sources", "cps", "To senders, by status code."), [
      [sumBy("instance, code", rate("agent_source_http_responses_total")), "{{instance}} {{code}}"],
    ]),
    chart(third("Requests refused", "cps", "By the agent's own page, health and metrics."), [
      [sumBy("reason", rate("agent_http_refused_total")), "{{reason}}"],
    ]),
    chart(third("Clock", "s", "How far the node's clock is from that of Prometheus; a scrape's time is in it."), [
      [`abs(${of("agent_time_seconds")} - timestamp(${of("agent_time_seconds")}))`, "{{instance}}"],
    ]),
  ],
};

const machine: Section = {
  title: "Process and disk",
  panels: [
    chart(third("CPU", "percentunit", "Share of one core."), [[rate("process_cpu_seconds_total"), "{{instance}}"]]),
    chart(third("Memory", "bytes", "Resident."), [[of("process_resident_memory_bytes"), "{{instance}}"]]),
    chart(third("Disk", "percentunit", "Free, of the disk with the data dir."), [
      [`${of("agent_disk_free_bytes")} / ${of("agent_disk_bytes")}`, "{{instance}}"],
    ]),
    stat(
      { title: "Youngest process", unit: "s", says: "Since the last start of the node that started last.", width: 6 },
      `min(time() - ${of("process_start_time_seconds")})`,
    ),
    stat(
      {
        title: "Clocks trusted",
        unit: "percentunit",
        says: "Share of nodes whose clock was good at the last commit.",
        width: 6,
      },
      `avg(${of("agent_clock_trusted")})`,
      BAD_BELOW(1),
    ),
    stat(
      { title: "Versions", unit: "short", says: "How many builds run side by side.", width: 6 },
      `count(count by (version, revision) (${of("agent_build_info")}))`,
    ),
    stat(
      {
        title: "Rule sets",
        unit: "short",
        says: "How many versions of the rules are in force side by side.",
        width: 6,
      },
      `count(count by (version) (${of("agent_rules_info")}))`,
    ),
  ],
};

export const SECTIONS: readonly Section[] = [fleet, flow, delivery, health, machine];
