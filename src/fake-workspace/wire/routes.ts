/** Every call that the fake workspace understands. */
import { CATALOG_ROUTES } from "../catalog/catalogs.ts";
import { EXTERNAL_LOCATION_ROUTES } from "../catalog/external-locations.ts";
import { PERMISSION_ROUTES } from "../catalog/permissions.ts";
import { SCHEMA_ROUTES } from "../catalog/schemas.ts";
import { STORAGE_CREDENTIAL_ROUTES } from "../catalog/storage-credentials.ts";
import { TABLE_ROUTES } from "../catalog/tables.ts";
import { VOLUME_ROUTES } from "../catalog/volumes.ts";
import { DASHBOARD_ROUTES } from "../files/dashboards.ts";
import { WORKSPACE_TREE_ROUTES } from "../files/workspace-tree.ts";
import { JOB_ROUTES } from "../jobs/jobs.ts";
import { RUN_ROUTES } from "../jobs/runs.ts";
import { STATEMENT_ROUTES } from "../sql/statements.ts";
import { WAREHOUSE_ROUTES } from "../sql/warehouses.ts";
import { IDENTITY_ROUTES } from "../world/identity.ts";
import type { Route } from "./route.ts";

export const ROUTES: readonly Route[] = [
  ...IDENTITY_ROUTES,
  ...STORAGE_CREDENTIAL_ROUTES,
  ...EXTERNAL_LOCATION_ROUTES,
  ...CATALOG_ROUTES,
  ...SCHEMA_ROUTES,
  ...VOLUME_ROUTES,
  ...TABLE_ROUTES,
  ...PERMISSION_ROUTES,
  ...WAREHOUSE_ROUTES,
  ...STATEMENT_ROUTES,
  ...WORKSPACE_TREE_ROUTES,
  ...JOB_ROUTES,
  ...RUN_ROUTES,
  ...DASHBOARD_ROUTES,
];
