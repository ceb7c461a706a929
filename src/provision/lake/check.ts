/** Who we are to the workspace, and that its metastore is where the buckets are: before anything else is asked. */
import { AgentError } from "../../core/errors.ts";
import type { Pace } from "../../databricks/wire.ts";
import { hasCode } from "../../databricks/failure.ts";
import { type Json, mustHaveText, textAt } from "../../databricks/json.ts";
import { type Lake, unity } from "./lake.ts";
import type { Facts } from "../facts.ts";

export async function checkWorkspace(lake: Lake, pace: Pace): Promise<Partial<Facts>> {
  const [me, metastore] = await Promise.all([readMe(lake, pace), readMetastore(lake, pace)]);
  checkMetastore(lake, metastore);
  return { databricksUser: mustHaveText(me, "userName", "who we are") };
}

export function readMe(lake: Lake, pace: Pace): Promise<Json> {
  const path = ["api", "2.0", "preview", "scim", "v2", "Me"];
  return lake.workspace.request({ doing: "ask the workspace who we are", method: "GET", path }, pace);
}

export function readMetastore(lake: Lake, pace: Pace): Promise<Json> {
  return lake.workspace.request(unity("read the metastore", "GET", ["metastore_summary"]), pace).catch(noMetastore);
}

function noMetastore(error: unknown): never {
  if (!hasCode(error, "METASTORE_DOES_NOT_EXIST", "METASTORE_NOT_FOUND")) throw error;
  throw new AgentError("Cannot use the workspace: no Unity Catalog metastore is assigned to it", {
    tryHint: "an account admin assigns one: account console > Catalog > the metastore of the region > Workspaces",
    cause: error,
  });
}

export function checkMetastore(lake: Lake, metastore: Json): void {
  const cloud = textAt(metastore, "cloud");
  if (cloud !== undefined && cloud.toLowerCase() !== "aws") {
    throw new AgentError(`Cannot use the workspace: it is on ${cloud}, and the buckets are on AWS`, {
      tryHint: "DATABRICKS_HOST of a workspace on AWS",
    });
  }
  const region = textAt(metastore, "region");
  const { region: wanted } = lake.naming;
  if (region !== undefined && region !== wanted) {
    throw new AgentError(`Cannot use the workspace: its metastore is in ${region}, and the buckets are in ${wanted}`, {
      tryHint: `AWS_REGION=${region}, or DATABRICKS_HOST of a workspace in ${wanted}`,
    });
  }
}
