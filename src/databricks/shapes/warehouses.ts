/** SQL warehouses: https://docs.databricks.com/api/workspace/warehouses */
import { Text, type } from "./ark.ts";

export const Warehouse = type({ id: Text, "name?": "string", "state?": "string" });
export type Warehouse = typeof Warehouse.infer;
