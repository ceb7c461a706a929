/** notebooks/columns.py: the tables of the lake and their columns, as `agent provision` makes them too. */
import type { Column } from "../../src/core/column.ts";
import { STAGES, type Stage, TABLE_OF_STAGE } from "../../src/core/stage.ts";
import {
  HEARTBEAT_LOADER_COLUMNS,
  LOADER_COLUMNS,
  SENT_HEARTBEAT_COLUMNS,
  type TableColumn,
  tableColumns,
} from "../../src/lakehouse/columns.ts";
import { HEARTBEATS_TABLE } from "../../src/lakehouse/names.ts";
import { shippedProfiles } from "../../src/sensor/profile/shipped.ts";
import { columnsOf, windowColumnsOf } from "../../src/stages/columns.ts";

/** The columns of a stage's table that the agent delivers, for sensors of every shipped profile. */
export function lakeColumns(stage: Stage): Column[] {
  const measures = shippedProfiles().flatMap((profile) => profile.measures);
  const unique = [...new Map(measures.map((measure) => [measure.name, measure])).values()];
  return stage === "aggregated" ? windowColumnsOf(unique) : columnsOf(stage, unique);
}

/** As Python: name, Spark type, comment. */
function tuples(columns: readonly TableColumn[], indent: string): string {
  const one = ({ name, type, comment }: TableColumn) =>
    `${indent}(${[name, type, comment].map((word) => JSON.stringify(word)).join(", ")}),`;
  return columns.map(one).join("\n");
}

export function columnsModule(): string {
  const added = new Set(LOADER_COLUMNS.map(({ name }) => name));
  const stages = STAGES.map((stage) => {
    const columns = tableColumns(stage, shippedProfiles()[0]!).filter(({ name }) => !added.has(name));
    return `    ${JSON.stringify(stage)}: (\n${tuples(columns, "        ")}\n    ),`;
  });
  const tables = STAGES.map((stage) => `    ${JSON.stringify(stage)}: ${JSON.stringify(TABLE_OF_STAGE[stage])},`);
  return `"""Made by \`bun scripts/generate/columns.ts\` from the agent's table of columns: do not edit."""

Column = tuple[str, str, str]  # name, Spark type, what it means

TABLES: dict[str, str] = {
${tables.join("\n")}
}

COLUMNS: dict[str, tuple[Column, ...]] = {
${stages.join("\n")}
}

# What the notebook adds to each row.
ADDED: tuple[Column, ...] = (
${tuples(LOADER_COLUMNS, "    ")}
)

# What each node reports about itself.
HEARTBEATS = ${JSON.stringify(HEARTBEATS_TABLE)}

HEARTBEAT_COLUMNS: tuple[Column, ...] = (
${tuples(SENT_HEARTBEAT_COLUMNS, "    ")}
)

# What the notebook adds to that.
HEARTBEAT_ADDED: tuple[Column, ...] = (
${tuples(HEARTBEAT_LOADER_COLUMNS, "    ")}
)
`;
}
