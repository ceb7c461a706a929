import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Gzip } from "../../src/core/bytes/gzip.ts";
import { ReadingBlock } from "../../src/core/reading.ts";
import { SensorCatalogue } from "../../src/core/sensor.ts";
import type { ReadingStage } from "../../src/core/stage.ts";
import { shippedProfiles } from "../../src/sensor/profile/shipped.ts";
import { parseSimulatorUri } from "../../src/sensor/simulator/parameters.ts";
import { SimulatorSource } from "../../src/sensor/simulator/simulator.ts";
import { columnsOf } from "../../src/stages/columns.ts";
import { StageEncoder } from "../../src/stages/encode.ts";
import { type JsonSchema, schematizedSchema } from "./schematized-schema.ts";

const FACTS = { ingestedAtMs: 0, rulesVersion: "a1b2c3d4e5f6", timeQuality: "ok" as const, agentVersion: "0.1.0" };

/** The schema's keywords, and no others: one that is not known here is an error, so nothing goes unchecked. */
function violations(schema: JsonSchema, value: unknown, at = "row"): string[] {
  const found: string[] = [];
  const known = new Set(["$schema", "title", "description"]);
  const check = (keyword: string, holds: (wanted: unknown) => boolean) => {
    known.add(keyword);
    if (keyword in schema && !holds(schema[keyword])) found.push(`${at}: ${keyword} (${JSON.stringify(value)})`);
  };
  const isType = (type: unknown) =>
    (type === "integer" && Number.isInteger(value)) ||
    (type === "null" && value === null) ||
    (type === "object" && typeof value === "object" && value !== null && !Array.isArray(value)) ||
    (type === "array" && Array.isArray(value)) ||
    typeof value === type;
  check("type", (wanted) => [wanted].flat().some(isType));
  check("const", (wanted) => wanted === value);
  check("enum", (wanted) => (wanted as unknown[]).includes(value));
  check("pattern", (wanted) => typeof value !== "string" || new RegExp(String(wanted)).test(value));
  const row = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  check("required", (wanted) => (wanted as string[]).every((name) => name in row));
  for (const keyword of ["properties", "additionalProperties", "items"]) known.add(keyword);
  const properties = (schema["properties"] ?? {}) as Record<string, JsonSchema>;
  const others = schema["additionalProperties"] as JsonSchema | undefined;
  for (const [name, inner] of Object.entries(Array.isArray(value) ? {} : row)) {
    const rule = properties[name] ?? others;
    if (rule !== undefined) found.push(...violations(rule, inner, name));
  }
  for (const keyword of Object.keys(schema)) if (!known.has(keyword)) found.push(`unknown keyword ${keyword}`);
  return found;
}

function rowsOf(profile: string, stage: ReadingStage): Record<string, unknown>[] {
  const catalogue = new SensorCatalogue();
  const uri = `simulator:?profile=${profile}&count=300&rate=max&anomaly=0.2&seed=3&sensors=4`;
  const source = new SimulatorSource(parseSimulatorUri(uri), catalogue, null, () => Date.UTC(2026, 10, 23, 8, 30));
  const block = new ReadingBlock(300);
  source.take(block, Date.UTC(2026, 10, 23, 8, 30));
  const encoder = new StageEncoder(
    { epoch: "01jd3v7hx8q2m5n9r4t6w8y0za", nodeId: "n", gzip: new Gzip(3, () => 0) },
    catalogue,
  );
  const hourMs = Date.UTC(2026, 10, 23, 8);
  const blocks = [{ firstSeq: 1, block, facts: FACTS }];
  const made = encoder.encode(blocks, { first: 1, last: 300, hourMs }, new Set([stage]));
  const lines = gunzipSync(made.get(stage)!.body).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("the published schema is what the table of columns makes", () => {
  const published = readFileSync(join(import.meta.dir, "../../docs/schema/schematized.schema.json"), "utf8");
  expect(JSON.parse(published)).toEqual(schematizedSchema());
});

for (const profile of shippedProfiles()) {
  test(`schematized rows of ${profile.name} satisfy the published schema, anomalies and gaps included`, () => {
    const rows = rowsOf(profile.name, "schematized");
    expect(rows.length).toBe(300);
    for (const row of rows) expect(violations(schematizedSchema(), row)).toEqual([]);
  });

  test(`raw rows of ${profile.name} have exactly the columns of the table, in its order`, () => {
    const names = columnsOf("raw", profile.measures).map(({ name }) => name);
    for (const row of rowsOf(profile.name, "raw")) expect(Object.keys(row)).toEqual(names);
  });
}

test("a row that breaks the schema is found", () => {
  const [row] = rowsOf("environmental", "schematized");
  expect(violations(schematizedSchema(), { ...row, temperature: "21.5" })).not.toEqual([]);
  expect(violations(schematizedSchema(), { ...row, sensor_id: null })).not.toEqual([]);
  expect(violations(schematizedSchema(), { ...row, timestamp: "yesterday" })).not.toEqual([]);
  const { reading_id: _gone, ...without } = row!;
  expect(violations(schematizedSchema(), without)).not.toEqual([]);
});
