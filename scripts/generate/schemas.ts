/** Writes docs/schema/schematized.schema.json from the table of columns and the shipped profiles. A test compares them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { schematizedSchema } from "./schematized-schema.ts";

const path = join(import.meta.dir, "../../docs/schema/schematized.schema.json");
writeFileSync(path, `${JSON.stringify(schematizedSchema(), null, 2)}\n`);
console.log("wrote docs/schema/schematized.schema.json");
