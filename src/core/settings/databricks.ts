/** The settings of the Databricks half of `agent provision`: a part of the one table (table.ts). */
import { may, must, secretText } from "./entry.ts";
import * as kind from "./kind.ts";

const name = kind.text("lower-case letters, digits and _, the first a letter", "NAME", /^[a-z][a-z0-9_]{0,127}$/);

export const DATABRICKS_SETTINGS = {
  databricksHost: may(
    "DATABRICKS_HOST",
    kind.text(
      "a host name or https://HOST",
      "URL",
      /^(https:\/\/)?[A-Za-z0-9._-]{1,253}(:\d{1,5})?\/?(\?o=\d{1,20})?$|^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}\/?$/,
    ),
    "The Databricks workspace.",
  ),
  databricksToken: may({ env: "DATABRICKS_TOKEN", secret: true }, secretText, "A token of that workspace."),
  databricksClientId: may(
    "DATABRICKS_CLIENT_ID",
    kind.text("an application id", "ID", /^[\w.@:=-]{1,256}$/),
    "Instead of a token: the service principal that provisions (OAuth).",
  ),
  databricksClientSecret: may(
    { env: "DATABRICKS_CLIENT_SECRET", secret: true },
    secretText,
    "Goes with the service principal.",
  ),
  databricksConfigProfile: may(
    "DATABRICKS_CONFIG_PROFILE",
    kind.text("a profile's name", "NAME", /^[^\0\r\n[\]]{1,256}$/),
    "Host and credentials are taken from this profile of ~/.databrickscfg, where the settings above do not give them.",
  ),
  databricksWarehouseId: may(
    "DATABRICKS_WAREHOUSE_ID",
    kind.text("letters and digits", "ID", /^[A-Za-z0-9_-]{1,64}$/),
    "The SQL warehouse that statements run on. Not set: the only one that the workspace shows.",
  ),
  databricksCatalog: must("DATABRICKS_CATALOG", name, "expanso_catalog", "The catalog of the tables."),
  databricksSchema: must("DATABRICKS_SCHEMA", name, "sensor_data", "The schema of the tables."),
  lakeReaders: must(
    "AGENT_LAKE_READERS",
    kind.principals,
    "",
    "Readers of the tables: users, groups or service principals' application ids, separated by commas.",
  ),
  lakeLoader: may(
    "AGENT_LAKE_LOADER",
    kind.text("a user's name or a service principal's application id", "NAME", /^[^\0\r\n,]{1,256}$/),
    "The identity that runs the job that loads the tables. Not set: that of the person who provisions.",
  ),
  jobNodeType: may(
    "AGENT_JOB_NODE_TYPE",
    kind.text("a node type such as m5d.large", "TYPE", /^[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}$/),
    "The job that loads the tables runs on one machine of this type, with disks of its own. Not set: serverless.",
  ),
};
