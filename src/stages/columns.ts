/**
 * The columns of a row, in their order, by stage: the one place from which the published JSON Schema is made, and against
 * which the encoder is tested. Tables on the lake's side are made from it too.
 */
import type { Column } from "../core/column.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../core/sensor.ts";
import type { ReadingStage } from "../core/stage.ts";
import { DERIVED, SCHEMA_VERSION } from "./schematize.ts";

const text = (name: string, doc: string, nullable = false): Column => ({ name, type: "text", nullable, doc });

const IDENTITY: readonly Column[] = IDENTITY_COLUMNS.map((name) => ({
  name,
  type: NUMERIC_IDENTITY.has(name) ? "number" : "text",
  nullable: name !== "sensor_id",
  doc: name === "sensor_id" ? "Who took the reading" : `The sensor's ${name.replaceAll("_", " ")}`,
}));

const SAID: readonly Column[] = [
  { name: "status_code", type: "integer", nullable: true, doc: "What the sensor says of itself; 0 is well" },
  { name: "anomaly_flag", type: "integer", nullable: true, doc: "1 where the sensor itself flags the reading" },
  text("anomaly_type", "What the sensor calls the anomaly", true),
];

const KEPT: readonly Column[] = [
  text("reading_id", "<epoch>-<seq>: unique in the world"),
  text("node_id", "The machine that the agent ran on"),
  text("agent_version", "Of the agent that took the reading"),
  text("rules_version", "The rule set that judged it"),
  { name: "ingested_at", type: "timestamp", nullable: false, doc: "When it was committed to the buffer" },
  text(
    "time_quality",
    "ok; arrival: came without a time, has that of its arrival; unsynced: no clock, or implausible; stepped",
  ),
  text("extra", "Fields that the profile does not know, as JSON text", true),
];

const MORE: Record<ReadingStage, readonly Column[]> = {
  raw: [],
  validated: [],
  anomalies: [
    { name: "anomaly_rules", type: "list of text", nullable: false, doc: "The rules that it broke, by name" },
    text("anomaly_reason", "Why, in a sentence"),
    text("severity", "The worst of the rules broken: info, warning, critical"),
    { name: "observed", type: "number", nullable: true, doc: "The value that broke the first of them" },
  ],
  schematized: [
    { name: "schema_version", type: "integer", nullable: false, doc: `The version of this schema: ${SCHEMA_VERSION}` },
    ...DERIVED.map(({ name, unit, doc }): Column => ({ name, type: "number", nullable: true, doc: `${doc}, ${unit}` })),
  ],
};

/** The columns of a stage's rows for a sensor with these measures. */
export function columnsOf(stage: ReadingStage, measures: readonly { name: string; unit: string }[]): Column[] {
  const measured = measures.map(({ name, unit }): Column => {
    return { name, type: "number", nullable: true, doc: `${name.replaceAll("_", " ")}, ${unit}` };
  });
  const time: Column = { name: "timestamp", type: "timestamp", nullable: false, doc: "When the sensor took it, UTC" };
  return [...IDENTITY, time, ...measured, ...SAID, ...KEPT, ...MORE[stage]];
}

const WINDOW_STATISTICS = ["avg", "min", "max", "stddev"] as const;

/** The columns of an aggregated row, for windows over these measures. */
export function windowColumnsOf(measures: readonly { name: string; unit: string }[]): Column[] {
  const count = (name: string, doc: string): Column => ({ name, type: "integer", nullable: false, doc });
  const time = (name: string, doc: string): Column => ({ name, type: "timestamp", nullable: false, doc });
  return [
    text("window_id", "<epoch>-<start>-<length>s: the same for every revision of a window"),
    time("window_start", "Where the window begins, by event time, UTC"),
    time("window_end", "Where it ends; a reading of this very moment is in the next one"),
    count("revision", "The highest one of a window counts: late readings make another"),
    text("sensor_id", "Whose readings"),
    count("record_count", "Valid readings in the window"),
    count("anomaly_count", "Readings in the window that broke a rule"),
    ...measures.flatMap(({ name, unit }) =>
      WINDOW_STATISTICS.map((statistic): Column => {
        const doc = `${statistic} of ${name.replaceAll("_", " ")}, ${unit}`;
        return { name: `${statistic}_${name}`, type: "number", nullable: true, doc };
      }),
    ),
    text("node_id", "The machine that the agent ran on"),
    text("agent_version", "Of the agent that made the window"),
  ];
}
