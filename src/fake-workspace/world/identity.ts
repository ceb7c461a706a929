/** Who am I, and which metastore is this (databricks-sdk-go: CurrentUser.Me, Metastores.Summary, Metastores.Current). */
import { absent } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import type { World } from "./world.ts";

const CREATED_AT_MS = 1_700_000_000_000;

function demandMetastore(world: World): void {
  if (world.settings.metastoreAssigned) return;
  throw absent("METASTORE_DOES_NOT_EXIST", "No metastore assigned for the current workspace.");
}

export const IDENTITY_ROUTES: readonly Route[] = [
  route("GET", "/api/2.0/preview/scim/v2/Me", {}, ({ world, caller }) => {
    const person = world.settings.people.find(({ name }) => name === caller)!;
    return {
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
      id: String(world.workspaceId),
      userName: person.name,
      displayName: person.name,
      active: true,
      emails: person.name.includes("@") ? [{ type: "work", value: person.name, primary: true }] : undefined,
      groups: person.groups.map((display) => ({ display, type: "direct", value: display, $ref: `Groups/${display}` })),
    };
  }),

  route("GET", "/api/2.1/unity-catalog/metastore_summary", {}, ({ world }) => {
    demandMetastore(world);
    const { region, metastoreRoot } = world.settings;
    return {
      metastore_id: world.metastoreId,
      global_metastore_id: `aws:${region}:${world.metastoreId}`,
      name: `metastore-${region}`,
      cloud: "aws",
      region,
      owner: world.metastoreOwner,
      storage_root: metastoreRoot ?? undefined,
      privilege_model_version: "1.0",
      external_access_enabled: false,
      delta_sharing_scope: "INTERNAL",
      created_at: CREATED_AT_MS,
      created_by: world.metastoreOwner,
    };
  }),

  route("GET", "/api/2.1/unity-catalog/current-metastore-assignment", {}, ({ world }) => {
    demandMetastore(world);
    const { metastoreId: metastore_id, workspaceId: workspace_id } = world;
    return { metastore_id, workspace_id, default_catalog_name: "hive_metastore" };
  }),
];
