/** The JSON Schemas of the files that people write, for their editors: made of the shapes that the agent reads them by. */
import type { JsonSchema } from "../../src/core/outside/shape.ts";
import { PROFILE_FILE } from "../../src/sensor/profile/read.ts";
import { MAP_FILE } from "../../src/sensor/row/mapping.ts";

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/** By the first part of the file's name. What two keys must be to each other, no schema says: the agent does. */
export function fileSchemas(): Readonly<Record<string, JsonSchema>> {
  return {
    profile: {
      $schema: DRAFT,
      title: "A profile",
      description: "Which measures a kind of sensor has: agent run --profile FILE",
      ...PROFILE_FILE.schema,
    },
    map: {
      $schema: DRAFT,
      title: "A map",
      description: "How a foreign line or row becomes a reading: agent run --map FILE",
      ...MAP_FILE.schema,
    },
  };
}
