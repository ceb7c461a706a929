/** The named queries and the dashboard over them that come with the agent, inside the binary. */
import dashboard from "../../../notebooks/dashboard.lvdash.json" with { type: "json" };
import queries from "../../../notebooks/queries.sql" with { type: "text" };
import type { DashboardContent } from "../../databricks/shapes/dashboards.ts";
import { type NamedQuery, readNamedQueries } from "../../lakehouse/named-queries.ts";

export type Questions = {
  readonly queries: readonly NamedQuery[];
  /** The content of an .lvdash.json, without catalog and schema. */
  readonly dashboard: DashboardContent;
};

export function shippedQuestions(): Questions {
  return { queries: readNamedQueries(queries), dashboard };
}
