/** The workspace: who asks (SCIM), what is in its folders. */
import { Text, type } from "./ark.ts";

export const Me = type({ userName: Text, "groups?": type({ "display?": "string" }).array() });
export type Me = typeof Me.infer;

/** https://docs.databricks.com/api/workspace/workspace */
export const WorkspaceObject = type({ object_type: Text });
/** An empty folder has no `objects`. */
export const WorkspaceList = type({ "objects?": type({ path: Text }).array() });
export const DashboardObject = type({ resource_id: Text });
export const ExportedSource = type({ "content?": "string" });
