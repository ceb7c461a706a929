/** Every call that the fake workspace understands. */
import { CATALOG_ROUTES } from "./catalogs.ts";
import { EXTERNAL_LOCATION_ROUTES } from "./external-locations.ts";
import { IDENTITY_ROUTES } from "./identity.ts";
import { PERMISSION_ROUTES } from "./permissions.ts";
import type { Route } from "./route.ts";
import { SCHEMA_ROUTES } from "./schemas.ts";
import { STORAGE_CREDENTIAL_ROUTES } from "./storage-credentials.ts";
import { TABLE_ROUTES } from "./tables.ts";
import { VOLUME_ROUTES } from "./volumes.ts";

export const ROUTES: readonly Route[] = [
  ...IDENTITY_ROUTES,
  ...STORAGE_CREDENTIAL_ROUTES,
  ...EXTERNAL_LOCATION_ROUTES,
  ...CATALOG_ROUTES,
  ...SCHEMA_ROUTES,
  ...VOLUME_ROUTES,
  ...TABLE_ROUTES,
  ...PERMISSION_ROUTES,
];
