/** Writes notebooks/dashboard.lvdash.json over the queries of notebooks/queries.sql. A test compares them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readNamedQueries } from "../../src/lakehouse/named-queries.ts";
import { dashboardText } from "./lake-dashboard.ts";

const notebooks = join(import.meta.dir, "../../notebooks");
const queries = readNamedQueries(readFileSync(join(notebooks, "queries.sql"), "utf8"));
writeFileSync(join(notebooks, "dashboard.lvdash.json"), dashboardText(queries));
console.log("wrote notebooks/dashboard.lvdash.json");
