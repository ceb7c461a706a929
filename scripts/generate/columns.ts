/** Writes notebooks/columns.py from the table of columns that `agent provision` has too. A test compares them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { columnsModule } from "./lake-columns.ts";

writeFileSync(join(import.meta.dir, "../../notebooks/columns.py"), columnsModule());
console.log("wrote notebooks/columns.py");
