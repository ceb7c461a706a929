/** Dashboards: https://docs.databricks.com/api/workspace/lakeview, and what they hold, as an .lvdash.json has it. */
import { type } from "./ark.ts";

export const DashboardDraft = type({
  "etag?": "string",
  "serialized_dashboard?": "string",
  "warehouse_id?": "string",
  "lifecycle_state?": "string",
  "update_time?": "string",
});
export type DashboardDraft = typeof DashboardDraft.infer;

export const PublishedDashboard = type({ "embed_credentials?": "boolean", "revision_create_time?": "string" });
export type PublishedDashboard = typeof PublishedDashboard.infer;

const Dataset = type({
  "[string]": "unknown",
  "name?": "string",
  "displayName?": "string",
  "queryLines?": "string[]",
  "catalog?": "string",
  "schema?": "string",
});

const Widget = type({
  "[string]": "unknown",
  "queries?": type({
    "query?": { "datasetName?": "string", "fields?": type({ "expression?": "string" }).array() },
  }).array(),
});

const DashboardPage = type({
  "[string]": "unknown",
  "name?": "string",
  "displayName?": "string",
  "layout?": type({ "[string]": "unknown", "widget?": Widget }).array(),
});

export const DashboardContent = type({
  "[string]": "unknown",
  "datasets?": Dataset.array(),
  "pages?": DashboardPage.array(),
  "uiSettings?": "unknown",
});
export type DashboardContent = typeof DashboardContent.infer;
