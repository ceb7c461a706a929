/** docs/monitoring/ and the code: the same metrics, and no other. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { METRICS } from "../../src/status/metrics/all.ts";
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
