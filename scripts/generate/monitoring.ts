/** Writes what docs/monitoring/ has of the code: the table of metrics, and Grafana's dashboard. Tests compare them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withMetricsTable } from "./metrics-page.ts";

const folder = join(import.meta.dir, "../../docs/monitoring");
const page = join(folder, "metrics.md");
writeFileSync(page, withMetricsTable(readFileSync(page, "utf8")));
console.log("wrote docs/monitoring/metrics.md");
