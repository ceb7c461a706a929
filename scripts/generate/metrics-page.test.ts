/** docs/monitoring/ and the code: the same metrics, and no other. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { METRICS } from "../../src/status/metrics/all.ts";
import { dashboardJson, grafanaDashboard } from "./grafana-dashboard.ts";
import { withMetricsTable } from "./metrics-page.ts";

const folder = join(import.meta.dir, "../../docs/monitoring");
const read = (name: string) => readFileSync(join(folder, name), "utf8");
const NAMES = new Set(METRICS.map(({ name }) => name));

test("the page of metrics has the table that bun scripts/generate/monitoring.ts makes", () => {
  expect(read("metrics.md")).toBe(withMetricsTable(read("metrics.md")));
});

test("names are by the conventions of Prometheus: a counter, and nothing else, ends in _total, and none is there twice", () => {
  const wrong = METRICS.filter(({ name, type }) => {
    const isCounter = type === "counter";
    return (
      !/^(agent|process)_[a-z_]+$/.test(name) || name.endsWith("_total") !== isCounter || /_(ms|kb|mb)_?/.test(name)
    );
  });
  expect(wrong.map(({ name }) => name).filter((name) => name !== "process_cpu_seconds_total")).toEqual([]);
  expect(NAMES.size).toBe(METRICS.length);
  expect(METRICS.filter(({ help }) => !/^[A-Z0-9].*\.$/.test(help)).map(({ name }) => name)).toEqual([]);
});

test("alerts, dashboard and documents name only metrics that the agent has", () => {
  const wrong = readdirSync(folder).flatMap((file) => {
    const named = read(file).match(/\b(?:agent|process)_[a-z_]+\b/g) ?? [];
    const unknown = named.filter((name) => !NAMES.has(name.replace(/_(?:bucket|sum|count)$/, "")) && !NAMES.has(name));
    return [...new Set(unknown)].map((name) => `${file}: ${name}`);
  });
  expect(wrong).toEqual([]);
});

test("each alert has a test in which it fires, a summary, a description and a command to try", () => {
  const alerts = [...read("alerts.yml").matchAll(/- alert: (\w+)\n([\s\S]*?)(?=\n {6}(?:-|#)|$)/g)];
  expect(alerts.length).toBeGreaterThan(15);
  for (const [, name = "", body = ""] of alerts) {
    expect([name, read("alerts.test.yml").includes(`{alertname="${name}"}`)]).toEqual([name, true]);
    for (const key of ["severity: ", "summary: ", "description: ", "try: "])
      expect([name, body]).toEqual([name, expect.stringContaining(key)]);
  }
});

test("Grafana's dashboard is the one that bun scripts/generate/monitoring.ts makes; its panels have ids, and cover no other", () => {
  expect(JSON.parse(read("grafana-dashboard.json"))).toEqual(JSON.parse(dashboardJson()));
  const panels = grafanaDashboard().panels ?? [];
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos }) => {
    const { x, y, w, h } = gridPos!;
    return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
  });
  expect(new Set(cells).size).toBe(cells.length);
  expect(cells.some((cell) => Number(cell.split(",")[0]) >= 24)).toBe(false);
  for (const { title, ...panel } of panels) {
    if (panel.type !== "row")
      expect([title, "description" in panel && panel.description]).toEqual([title, expect.stringMatching(/\.$/)]);
  }
});

test("every metric is in the dashboard or in an alert, but for those that are there for a closer look", () => {
  const closer = [
    "agent_heartbeat_sent_timestamp_seconds",
    "agent_records_filtered_total",
    "agent_flaws_total",
    "agent_sensors",
    "agent_buffer_file_bytes",
    "agent_objects_delivered_total",
    "agent_rows_pending_uncounted",
    "agent_open_windows",
    "agent_object_conflicts_total",
    "agent_objects_unseen_total",
    "agent_rules",
    "agent_rules_warnings",
    "agent_rules_loaded_timestamp_seconds",
    "agent_rule_sensors",
    "agent_rule_readings_total",
    "agent_rule_state_bytes",
  ];
  const used = read("grafana-dashboard.json") + read("alerts.yml");
  expect([...NAMES].filter((name) => !new RegExp(`\\b${name}(_bucket)?\\b`).test(used)).sort()).toEqual(closer.sort());
});
