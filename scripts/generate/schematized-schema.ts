/** The published JSON Schema of a schematized row, made from the table of columns and the shipped profiles. */

import type { Column, ColumnType } from "../../src/core/column.ts";
import { shippedProfiles } from "../../src/sensor/profile/shipped.ts";
import { columnsOf } from "../../src/stages/columns.ts";
import { SCHEMA_VERSION } from "../../src/stages/schematize.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

const TYPES: Record<ColumnType, JsonSchema> = {
  text: { type: "string" },
  number: { type: "number" },
  integer: { type: "integer" },
  timestamp: { type: "string", pattern: "^[+-]?\\d{4,6}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$" },
  "list of text": { type: "array", items: { type: "string" } },
};

const SPECIAL: Readonly<Record<string, JsonSchema>> = {
  reading_id: { type: "string", pattern: "^[0-9a-z]{26}-\\d+$" },
  time_quality: { enum: ["ok", "unsynced", "stepped"] },
  schema_version: { const: SCHEMA_VERSION },
  anomaly_flag: { enum: [0, 1, null] },
};

export function schematizedSchema(): JsonSchema {
  const measures = shippedProfiles().flatMap((profile) => profile.measures);
  const unique = [...new Map(measures.map((measure) => [measure.name, measure])).values()];
  const columns = columnsOf("schematized", unique);
  const always = columnsOf("schematized", []).filter(({ name }) => !isDerived(name));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: `A schematized reading, version ${SCHEMA_VERSION}`,
    description: "A line of an object in the schematized stage. Measures of a user's own profile are further numbers.",
    type: "object",
    properties: Object.fromEntries(columns.map((column) => [column.name, propertyOf(column)])),
    required: always.map(({ name }) => name),
    additionalProperties: { type: ["number", "null"] },
  };
}

/** Derived columns exist only where a sensor has the measures that they are derived from. */
function isDerived(name: string): boolean {
  const plain = new Set(columnsOf("raw", []).map((column) => column.name));
  return !plain.has(name) && name !== "schema_version";
}

function propertyOf({ name, type, nullable, doc }: Column): JsonSchema {
  const special = SPECIAL[name];
  if (special !== undefined) return { ...special, description: doc };
  const plain = TYPES[type];
  return { ...plain, ...(nullable ? { type: [plain["type"], "null"] } : {}), description: doc };
}
