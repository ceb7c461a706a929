/** notebooks/columns.py: the tables of the lake and their columns, made from the agent's own table of columns. */
import { STAGES, type Stage, TABLE_OF_STAGE } from "../core/stage.ts";
import { shippedProfiles } from "../sensor/profiles.ts";
import { type Column, type ColumnType, columnsOf, windowColumnsOf } from "../stages/columns.ts";

const SPARK_TYPES: Record<ColumnType, string> = {
  text: "STRING",
  number: "DOUBLE",
  integer: "BIGINT",
  timestamp: "TIMESTAMP",
  "list of text": "ARRAY<STRING>",
};

/** The columns of a stage's table that the agent delivers, for sensors of every shipped profile. */
export function lakeColumns(stage: Stage): Column[] {
  const measures = shippedProfiles().flatMap((profile) => profile.measures);
  const unique = [...new Map(measures.map((measure) => [measure.name, measure])).values()];
  return stage === "aggregated" ? windowColumnsOf(unique) : columnsOf(stage, unique);
}

export function columnsModule(): string {
  const stages = STAGES.map((stage) => {
    const rows = lakeColumns(stage).map(({ name, type, doc }) => {
      return `        (${[name, SPARK_TYPES[type], doc].map((word) => JSON.stringify(word)).join(", ")}),`;
    });
    return [`    ${JSON.stringify(stage)}: (`, ...rows, "    ),"].join("\n");
  });
  const tables = STAGES.map((stage) => `    ${JSON.stringify(stage)}: ${JSON.stringify(TABLE_OF_STAGE[stage])},`);
  return `"""Made by \`bun scripts/lake-columns.ts\` from src/stages/columns.ts and the shipped profiles: do not edit."""

Column = tuple[str, str, str]  # name, Spark type, what it means

TABLES: dict[str, str] = {
${tables.join("\n")}
}

COLUMNS: dict[str, tuple[Column, ...]] = {
${stages.join("\n")}
}
`;
}
