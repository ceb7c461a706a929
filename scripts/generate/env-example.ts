/** Writes `.env.example` from the table of settings; src/tidy.test.ts refuses one that differs. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { envExample } from "../../src/core/settings/example.ts";

writeFileSync(join(import.meta.dir, "../../.env.example"), envExample());
