/**
 * Draws docs/lakehouse.svg: what the queries of notebooks/queries.sql answered for the simulated day, as the test of that day
 * left it once every answer was seen to be right.
 *
 *     AGENT_TEST=all bun test src/testing/spark/lakehouse-day.spark.test.ts && bun scripts/picture/lakehouse.ts
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as panels from "./panels.ts";
import { type Box, picture, text } from "./svg.ts";

const ROOT = join(import.meta.dir, "../..");
const ANSWERS = join(ROOT, ".cache/lakehouse-day.json");
const PICTURE = join(ROOT, "docs/lakehouse.svg");

if (!existsSync(ANSWERS)) {
  console.error(`Cannot draw the lakehouse: there is no "${ANSWERS}"`);
  console.error("Try: bun run build && AGENT_TEST=all bun test src/testing/spark/lakehouse-day.spark.test.ts");
  process.exit(1);
}
const answers = JSON.parse(readFileSync(ANSWERS, "utf8")) as Readonly<Record<string, readonly panels.QueryRow[]>>;

function answer(name: string): readonly panels.QueryRow[] {
  const rows = answers[name];
  if (rows === undefined || rows.length === 0) throw new Error(`"${ANSWERS}" has no answer of ${name}`);
  return rows;
}

/** Each query's panel: where it is and what draws it. */
type Panel = readonly [box: Box, draw: (box: Box, rows: readonly panels.QueryRow[]) => string];

const [left, right, wide] = [24, 612, 564];
const at = (x: number, y: number, height: number): Box => ({ x, y, width: wide, height });
const readings = answer("fleet").reduce((sum, row) => sum + Number(row["readings"]), 0);
const sensors = answer("fleet").reduce((sum, row) => sum + Number(row["sensors"]), 0);
const title = `A simulated day in the lakehouse: ${sensors} sensors, ${readings.toLocaleString("en-US")} readings`;
const drawn: Readonly<Record<string, Panel>> = {
  throughput: [at(left, 84, 430), panels.throughput],
  anomaly_rate: [at(right, 84, 430), panels.anomalyRate],
  reconciliation: [at(left, 530, 290), panels.reconciliation],
  latency: [at(right, 530, 290), panels.latency],
  ingestion_rate: [at(left, 836, 160), panels.ingestionRate],
  fleet: [at(right, 836, 160), panels.fleet],
  wind_turbines: [at(left, 1_012, 124), panels.windTurbines],
  schema_evolution: [at(right, 1_012, 124), panels.schemaEvolution],
};
const way = "From agent simulate by agent run --once and notebooks/autoloader.py into Delta tables";
const parts = [
  text(left, 42, title, "head"),
  text(left, 64, `${way}; each panel is a query of notebooks/queries.sql`, "faint"),
  ...Object.entries(drawn).map(([name, [box, draw]]) => `<g id="${name}">${draw(box, answer(name))}</g>`),
];
writeFileSync(PICTURE, picture(1_200, 1_160, title, parts));
console.log("wrote docs/lakehouse.svg");
