/** Who is granted what, thing by thing: people read tables, the job reads objects and writes tables and checkpoints. */
import { STAGES } from "../../core/stage.ts";
import { heartbeatsFullName, quarantineFullName, schemaFullName, tableFullName } from "../../lakehouse/names.ts";
import { locationName } from "../names.ts";
import type { GrantsWish, GrantWish, Privilege, SecurableKind } from "./grants.ts";
import type { LakeWish } from "./lake.ts";
import { LAKE_ID, VOLUME_USES } from "./names.ts";
import { volumeFullName } from "./volume.ts";

export type Principals = {
  readonly readers: readonly string[];
  /** Null: the job runs as the person who provisions and owns everything. */
  readonly loader: string | null;
};

type WantedPrivileges = { readonly reader: readonly Privilege[]; readonly loader: readonly Privilege[] };

/** Nothing where no one is named. */
export function grantWishes(lake: LakeWish, principals: Principals): readonly GrantsWish[] {
  const wish = (kind: SecurableKind, fullName: string, on: string, wanted: WantedPrivileges): GrantsWish => {
    return { kind, fullName, on, grants: merged(principals, wanted) };
  };
  const schema = schemaFullName(lake);
  const stages = STAGES.map((stage) => tableFullName(lake, stage));
  const tables = [...stages, quarantineFullName(lake), heartbeatsFullName(lake)];
  const all = [
    // The heartbeats are below `nodes/` in metadata. The catalog's managed storage there stays out of reach: Databricks lets
    // no one read that by its path.
    ...[...STAGES, "metadata" as const].map((use) => {
      const name = locationName(use, lake.naming);
      return wish("external_location", name, LAKE_ID.location(name), { reader: [], loader: ["READ_FILES"] });
    }),
    wish("catalog", lake.catalog, LAKE_ID.catalog(lake.catalog), { reader: ["USE_CATALOG"], loader: ["USE_CATALOG"] }),
    wish("schema", schema, LAKE_ID.schema(schema), {
      reader: ["USE_SCHEMA"],
      // The notebook asks for its tables to be made where they are not: Databricks looks at this even where they are.
      loader: ["USE_SCHEMA", "CREATE_TABLE"],
    }),
    ...VOLUME_USES.map((use) => {
      const name = volumeFullName(lake, use);
      const loader: readonly Privilege[] = use === "checkpoints" ? ["READ_VOLUME", "WRITE_VOLUME"] : ["READ_VOLUME"];
      return wish("volume", name, LAKE_ID.volume(name), { reader: [], loader });
    }),
    ...tables.map((name) => {
      return wish("table", name, LAKE_ID.table(name), { reader: ["SELECT"], loader: ["SELECT", "MODIFY"] });
    }),
  ];
  return all.filter(({ grants }) => grants.length > 0);
}

/** A reader who is the loader too gets the loader's privileges, once. */
function merged({ readers, loader }: Principals, wanted: WantedPrivileges): readonly GrantWish[] {
  const grants = readers
    .filter((principal) => principal !== loader)
    .map((principal) => ({ principal, privileges: wanted.reader }));
  if (loader !== null) grants.push({ principal: loader, privileges: wanted.loader });
  return grants.filter(({ privileges }) => privileges.length > 0);
}
