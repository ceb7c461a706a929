/** Which privileges exist on which securable (docs.databricks.com: Unity Catalog privileges; databricks-sdk-go catalog.Privilege). */
import type { SecurableType } from "./securable.ts";

const IN_SCHEMA = ["APPLY_TAG", "MANAGE", "MODIFY", "SELECT", "READ_VOLUME", "WRITE_VOLUME", "EXECUTE", "REFRESH"];
const OF_SCHEMA = [
  "ALL_PRIVILEGES",
  "USE_SCHEMA",
  "CREATE_TABLE",
  "CREATE_VOLUME",
  "CREATE_FUNCTION",
  "CREATE_MODEL",
  "CREATE_MATERIALIZED_VIEW",
  "EXTERNAL_USE_SCHEMA",
  ...IN_SCHEMA,
];

export const PRIVILEGES: Record<SecurableType, readonly string[]> = {
  metastore: [
    "CREATE_CATALOG",
    "CREATE_CONNECTION",
    "CREATE_EXTERNAL_LOCATION",
    "CREATE_PROVIDER",
    "CREATE_RECIPIENT",
    "CREATE_SERVICE_CREDENTIAL",
    "CREATE_SHARE",
    "CREATE_STORAGE_CREDENTIAL",
    "MANAGE_ALLOWLIST",
    "SET_SHARE_PERMISSION",
    "USE_MARKETPLACE_ASSETS",
    "USE_PROVIDER",
    "USE_RECIPIENT",
    "USE_SHARE",
  ],
  catalog: ["USE_CATALOG", "CREATE_SCHEMA", "BROWSE", ...OF_SCHEMA],
  schema: OF_SCHEMA,
  table: ["ALL_PRIVILEGES", "APPLY_TAG", "MANAGE", "MODIFY", "SELECT"],
  volume: ["ALL_PRIVILEGES", "APPLY_TAG", "MANAGE", "READ_VOLUME", "WRITE_VOLUME"],
  external_location: [
    "ALL_PRIVILEGES",
    "BROWSE",
    "CREATE_EXTERNAL_TABLE",
    "CREATE_EXTERNAL_VOLUME",
    "CREATE_FOREIGN_SECURABLE",
    "CREATE_MANAGED_STORAGE",
    "EXTERNAL_USE_LOCATION",
    "MANAGE",
    "READ_FILES",
    "WRITE_FILES",
  ],
  storage_credential: [
    "ALL_PRIVILEGES",
    "CREATE_EXTERNAL_LOCATION",
    "CREATE_EXTERNAL_TABLE",
    "MANAGE",
    "READ_FILES",
    "WRITE_FILES",
  ],
};

/** ALL_PRIVILEGES is everything but these. */
const NOT_IN_ALL = new Set(["MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION", "ALL_PRIVILEGES"]);

/** Whether holding `held` on a securable is holding `wanted` on it. */
export const covers = (held: string, wanted: string): boolean =>
  held === wanted || (held === "ALL_PRIVILEGES" && !NOT_IN_ALL.has(wanted));
