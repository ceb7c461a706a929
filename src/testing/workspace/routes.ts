/** Every call that the fake workspace understands. */
import { CATALOG_ROUTES } from "./catalogs.ts";
import { DASHBOARD_ROUTES } from "./dashboards.ts";
import { EXTERNAL_LOCATION_ROUTES } from "./external-locations.ts";
import { IDENTITY_ROUTES } from "./identity.ts";
import { JOB_ROUTES } from "./jobs.ts";
import { PERMISSION_ROUTES } from "./permissions.ts";
import type { Route } from "./route.ts";
import { RUN_ROUTES } from "./runs.ts";
import { SCHEMA_ROUTES } from "./schemas.ts";
import { STATEMENT_ROUTES } from "./statements.ts";
import { STORAGE_CREDENTIAL_ROUTES } from "./storage-credentials.ts";
import { TABLE_ROUTES } from "./tables.ts";
import { VOLUME_ROUTES } from "./volumes.ts";
import { WAREHOUSE_ROUTES } from "./warehouses.ts";
import { WORKSPACE_TREE_ROUTES } from "./workspace-tree.ts";

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
