/**
 * Writes docs/schema/: of the files that people write (profile, map, rules) from the shapes that the agent reads them by, of a
 * schematized row from the table of columns. A test compares.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileSchemas } from "./file-schemas.ts";
import { schematizedSchema } from "./schematized-schema.ts";

for (const [name, schema] of Object.entries({ schematized: schematizedSchema(), ...fileSchemas() })) {
  const path = `docs/schema/${name}.schema.json`;
  writeFileSync(join(import.meta.dir, "../..", path), `${JSON.stringify(schema, null, 2)}\n`);
  console.log(`wrote ${path}`);
}
