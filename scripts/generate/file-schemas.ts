/** The JSON Schemas of the files that people write, for their editors: made from the shapes of the agent. */
import { DEFINITION, type JsonSchema } from "../../src/core/outside/shape.ts";
import { RULE_FILE } from "../../src/rules/files/rule.ts";
import { MAP_FILE } from "../../src/sensor/map/file-shape.ts";
import { PROFILE_FILE } from "../../src/sensor/profile/read.ts";

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/** By the first part of the file's name. A schema cannot compare two keys: the agent does. */
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
    rule: {
      $schema: DRAFT,
      $id: "rule.schema.json",
      title: "Rules for sensor readings",
      description: "One rule, or a list of rules: docs/rules.md",
      ...withDefinitions(RULE_FILE.schema),
    },
  };
}

/** The schema with all that it refers to, each once, in the order of the first reference. */
function withDefinitions(schema: JsonSchema): JsonSchema {
  const found = new Map<unknown, JsonSchema>();
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const { $ref, [DEFINITION]: definition } = node as JsonSchema;
    if (definition !== undefined && !found.has($ref)) {
      found.set($ref, definition);
      visit(definition);
    } else if (definition !== undefined && JSON.stringify(found.get($ref)) !== JSON.stringify(definition)) {
      throw new Error(`Cannot define ${String($ref)}: two shapes have that name`);
    }
    for (const each of Object.values(node)) visit(each);
  };
  visit(schema);
  return { ...schema, $defs: Object.fromEntries(Array.from(found, ([ref, each]) => [nameIn(ref), each])) };
}

function nameIn(ref: unknown): string {
  return String(ref).replace("#/$defs/", "");
}
