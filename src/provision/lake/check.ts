/** Who we are to the workspace, and that its metastore is where the buckets are: before anything else is asked. */
import { AgentError } from "../../core/errors.ts";
import { hasCode } from "../../databricks/failure.ts";
import { Metastore } from "../../databricks/shapes/securables.ts";
import { Me } from "../../databricks/shapes/workspace.ts";
import type { Pace } from "../../databricks/wire.ts";
import type { Facts } from "../facts.ts";
import { type Lake, unity } from "./lake.ts";

export async function checkWorkspace(lake: Lake, pace: Pace): Promise<Partial<Facts>> {
  const [me, metastore] = await Promise.all([readMe(lake, pace), readMetastore(lake, pace)]);
  checkMetastore(lake, metastore);
  return { databricksUser: me.userName };
}

export function readMe(lake: Lake, pace: Pace): Promise<Me> {
  const path = ["api", "2.0", "preview", "scim", "v2", "Me"];
  return lake.workspace.read(Me, { doing: "ask the workspace who we are", method: "GET", path }, pace);
}

export function readMetastore(lake: Lake, pace: Pace): Promise<Metastore> {
  const call = unity("read the metastore", "GET", ["metastore_summary"]);
  return lake.workspace.read(Metastore, call, pace).catch(noMetastore);
}

function noMetastore(error: unknown): never {
  if (!hasCode(error, "METASTORE_DOES_NOT_EXIST", "METASTORE_NOT_FOUND")) throw error;
  const advice =
    "An account admin can assign one: account console > Catalog > the metastore of the region > Workspaces";
  throw new AgentError("Cannot use the workspace: no Unity Catalog metastore is assigned to it", {
    advice,
    tryHint: "databricks metastores current",
    cause: error,
  });
}

export function checkMetastore(lake: Lake, { cloud, region }: Metastore): void {
  if (cloud !== undefined && cloud.toLowerCase() !== "aws") {
    const advice = "Set DATABRICKS_HOST to a workspace on AWS";
    throw new AgentError(`Cannot use the workspace: it is on ${cloud}, and the buckets are on AWS`, {
      advice,
      tryHint: "agent config show",
    });
  }
  const { region: wanted } = lake.naming;
  if (region !== undefined && region !== wanted) {
    throw new AgentError(`Cannot use the workspace: its metastore is in ${region}, and the buckets are in ${wanted}`, {
      advice: `Use buckets in ${region}, or set DATABRICKS_HOST to a workspace in ${wanted}`,
      tryHint: `export AWS_REGION=${region}`,
    });
  }
}
