/** notebooks/dashboard.lvdash.json: a Lakeview dashboard over the named queries, each of them a dataset of that name. */
import type { NamedQuery } from "../../src/lakehouse/named-queries.ts";
import {
  chart,
  column,
  count,
  counter,
  type Field,
  max,
  type Placed,
  type Scale,
  stacked,
  sum,
  table,
  type Widget,
  words,
} from "./dashboard-widgets.ts";

export type DashboardFile = {
  readonly datasets: readonly {
    readonly name: string;
    readonly displayName: string;
    readonly queryLines: readonly string[];
  }[];
  readonly pages: readonly {
    readonly name: string;
    readonly displayName: string;
    readonly layout: readonly Placed[];
    readonly pageType: "PAGE_TYPE_CANVAS";
    readonly layoutVersion: "GRID_V1";
  }[];
};

export function lakeDashboard(queries: readonly NamedQuery[]): DashboardFile {
  const page = (name: string, displayName: string, layout: readonly Placed[]) => {
    return { name, displayName, layout, pageType: "PAGE_TYPE_CANVAS", layoutVersion: "GRID_V1" } as const;
  };
  return {
    datasets: queries.map(({ name, about, sql }) => ({
      name,
      displayName: titleOf(name),
      queryLines: linesOf(`-- ${about}\n${sql}\n`),
    })),
    pages: [
      page("overview", "Overview", stacked(overview())),
      page("anomalies", "Anomalies", stacked(anomalies())),
      page("delivery", "Delivery", stacked(delivery())),
    ],
  };
}

/** As the file is written. */
export function dashboardText(queries: readonly NamedQuery[]): string {
  return `${JSON.stringify(lakeDashboard(queries), null, 2)}\n`;
}

const titleOf = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("_", " ")}`;
/** With their ends, as Databricks keeps them. */
const linesOf = (text: string) => text.match(/[^\n]*\n/g) ?? [];

const on = (field: Field, scale: Scale, title: string) => ({ field, scale, title });
type DashboardRow = { readonly height: number; readonly widgets: readonly Widget[] };

function overview(): DashboardRow[] {
  const fleet = (name: string, title: string, value: Field) =>
    counter({ name: `${name}_counter`, dataset: "fleet", title }, value);
  const zero = (name: string, title: string, description: string) =>
    counter({ name: `${name}_counter`, dataset: "reconciliation", title, description }, sum(name));
  return [
    {
      height: 2,
      widgets: [
        words("what_this_is", [
          "# Readings of the edge",
          "What the agents took, judged and delivered, as far as it is in the tables.",
          "Made by `agent provision` from the queries of the agent's repository. The next `agent provision apply` undoes changes by hand: clone it to keep yours.",
        ]),
      ],
    },
    {
      height: 3,
      widgets: [
        fleet("nodes", "Nodes", count("node_id")),
        fleet("sensors", "Sensors", sum("sensors")),
        fleet("readings", "Readings", sum("readings")),
        fleet("anomalies", "Anomalies", sum("anomalies")),
      ],
    },
    {
      height: 3,
      widgets: [
        fleet("last_landed", "Last reading in a table", max("last_landed_at")),
        zero("duplicates", "Duplicates", "Readings that are in the table more than once: 0 when all is well"),
        zero("in_no_stage", "In no stage", "Readings that are neither valid nor anomalies: 0 when all is well"),
        zero("in_two_stages", "Judged twice", "Readings that are judged more than once: 0 when all is well"),
      ],
    },
    {
      height: 6,
      widgets: [
        chart(
          "line",
          { name: "ingestion_rate_line", dataset: "ingestion_rate", title: "Readings by minute and node" },
          {
            x: on(column("minute"), "temporal", "Minute"),
            y: on(sum("readings"), "quantitative", "Readings"),
            color: on(column("node_id"), "categorical", "Node"),
          },
        ),
      ],
    },
    {
      height: 6,
      widgets: [
        chart(
          "line",
          { name: "throughput_line", dataset: "throughput", title: "Rows by hour and stage" },
          {
            x: on(column("hour"), "temporal", "Hour"),
            y: on(sum("rows"), "quantitative", "Rows"),
            color: on(column("stage"), "categorical", "Stage"),
          },
        ),
        table(
          { name: "throughput_table", dataset: "throughput", title: "Rows and objects by stage and hour" },
          { stage: "Stage", hour: "Hour", rows: "Rows", objects: "Objects" },
        ),
      ],
    },
  ];
}

function anomalies(): DashboardRow[] {
  const wind = (field: string, title: string) =>
    chart(
      "line",
      { name: `wind_turbines_${field}`, dataset: "wind_turbines", title: `${title} of wind turbines' anomalies` },
      { x: on(column("day"), "temporal", "Day"), y: on(column(field), "quantitative", title) },
    );
  return [
    {
      height: 6,
      widgets: [
        chart(
          "bar",
          { name: "anomaly_rate_bar", dataset: "anomaly_rate", title: "Anomalies by rule and sensor" },
          {
            x: on(column("rule"), "categorical", "Rule"),
            y: on(sum("anomalies"), "quantitative", "Anomalies"),
            color: on(column("sensor_id"), "categorical", "Sensor"),
          },
        ),
        table(
          { name: "anomaly_rate_table", dataset: "anomaly_rate", title: "How often a sensor broke a rule" },
          { rule: "Rule", sensor_id: "Sensor", anomalies: "Anomalies", readings: "Readings", rate: "Share" },
        ),
      ],
    },
    {
      height: 6,
      widgets: [wind("avg_wind_speed", "Average wind speed"), wind("avg_power_output", "Average power")],
    },
    {
      height: 5,
      widgets: [
        table(
          { name: "wind_turbines_table", dataset: "wind_turbines", title: "Anomalies of wind turbines by day" },
          {
            day: "Day",
            anomalies: "Anomalies",
            avg_wind_speed: "Average wind speed",
            avg_power_output: "Average power",
          },
        ),
      ],
    },
  ];
}

const RECONCILIATION_COLUMNS = {
  node_id: "Node",
  hour: "Hour",
  objects: "Objects",
  accepted: "Accepted",
  promised: "Promised",
  rows: "In the table",
  duplicates: "Duplicates",
  in_no_stage: "In no stage",
  in_two_stages: "Judged twice",
};

const FLEET_COLUMNS = {
  node_id: "Node",
  state: "State",
  agent_version: "Agent",
  rules_version: "Rules",
  heartbeat_at: "Last heartbeat",
  problems: "Problems",
  accepted: "Accepted",
  pending: "Pending",
  losses: "Lost",
  buffers: "Buffers",
  sensors: "Sensors",
  readings: "Readings",
  anomalies: "Anomalies",
  unsure_times: "Unsure times",
  last_reading_at: "Last reading",
  last_ingested_at: "Last taken",
  last_landed_at: "Last landed",
};

function delivery(): DashboardRow[] {
  return [
    {
      height: 6,
      widgets: [
        chart(
          "bar",
          { name: "latency_bar", dataset: "latency", title: "Milliseconds that 95 % of the readings needed at most" },
          {
            x: on(column("step"), "categorical", "Step"),
            y: on(max("p95_ms"), "quantitative", "ms"),
            color: on(column("node_id"), "categorical", "Node"),
          },
        ),
        table(
          { name: "latency_table", dataset: "latency", title: "Latency by node and step, in milliseconds" },
          { node_id: "Node", step: "Step", p50_ms: "Half", p95_ms: "95 %", p99_ms: "99 %" },
        ),
      ],
    },
    {
      height: 6,
      widgets: [
        table(
          {
            name: "reconciliation_table",
            dataset: "reconciliation",
            title: "Reconciliation by node and hour",
            description: "Accepted, promised and in the table are equal, and the last three 0, when all is well",
          },
          RECONCILIATION_COLUMNS,
        ),
      ],
    },
    {
      height: 6,
      widgets: [
        table(
          {
            name: "fleet_table",
            dataset: "fleet",
            title: "The fleet, by its heartbeats and its readings",
            description:
              "State at the last run of the notebook. A node is silent when three of its heartbeats did not come",
          },
          FLEET_COLUMNS,
        ),
      ],
    },
    {
      height: 5,
      widgets: [
        table(
          { name: "schema_evolution_table", dataset: "schema_evolution", title: "Fields that no profile knows" },
          { field: "Field", node_id: "Node", readings: "Readings", first_seen: "First", last_seen: "Last" },
        ),
      ],
    },
  ];
}
