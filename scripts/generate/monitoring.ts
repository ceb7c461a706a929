/** Writes what docs/monitoring/ has of the code: the table of metrics, and Grafana's dashboard. Tests compare them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dashboardJson } from "./grafana-dashboard.ts";
import { withMetricsTable } from "./metrics-page.ts";

const folder = join(import.meta.dir, "../../docs/monitoring");
const page = join(folder, "metrics.md");
writeFileSync(page, withMetricsTable(readFileSync(page, "utf8")));
writeFileSync(join(folder, "grafana-dashboard.json"), dashboardJson());
console.log("wrote docs/monitoring/metrics.md and docs/monitoring/grafana-dashboard.json");
