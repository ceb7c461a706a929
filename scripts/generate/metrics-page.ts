/** The table of `docs/monitoring/metrics.md`, from the table of metrics in the code. */
import { METRICS } from "../../src/status/metrics/all.ts";

const BEGIN = "<!-- made by bun scripts/generate/monitoring.ts -->";
const END = "<!-- end -->";

/** `page` with the table of now between its two marks. */
export function withMetricsTable(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`Cannot find ${BEGIN} and ${END} in the page`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${metricsTable()}\n${page.slice(end)}`;
}

function metricsTable(): string {
  const rows = METRICS.map(({ name, type, labels, help }) => {
    const named = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${named} | ${help.replaceAll("|", "\\|")} |\n`;
  });
  return `| metric | type | labels | it says |\n|---|---|---|---|\n${rows.join("")}`;
}
