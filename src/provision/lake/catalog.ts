/** The catalog and the schema of the five tables. The catalog's managed storage is in the metadata bucket and cannot be moved. */
import { AgentError, TransientError } from "../../core/errors.ts";
import { TABLE_OF_STAGE } from "../../core/stage.ts";
import { pagesOf } from "../../databricks/answer.ts";
import { hasCode } from "../../databricks/failure.ts";
import { Catalog, Schema, Securable } from "../../databricks/shapes/securables.ts";
import { HEARTBEATS_TABLE, QUARANTINE_TABLE, schemaFullName } from "../../lakehouse/names.ts";
import { bucketUrl, locationName, MANAGED_PREFIX } from "../names.ts";
import type { Doing, Resource } from "../resource.ts";
import {
  createThing,
  deleteThing,
  foreignByComment,
  type Lake,
  type LakeWish,
  plainUrl,
  sameUrl,
  unity,
} from "./lake.ts";
import { ABOUT, LAKE_ID, marked, VOLUME_USES } from "./names.ts";
import { SecurableCalls } from "./securable.ts";

/** Every catalog has these from the start: Databricks makes them. */
const BUILT_IN = ["default", "information_schema"];

/** Beside the heartbeats and rule sets of the nodes, which have prefixes of their own. */
export const storageRoot = ({ naming }: LakeWish) => `${bucketUrl("metadata", naming)}${MANAGED_PREFIX}`;

export function catalogResource(lake: Lake): Resource<Catalog> {
  const name = lake.catalog;
  const id = LAKE_ID.catalog(name);
  const root = storageRoot(lake);
  const securable = new SecurableCalls(lake, { id, path: ["catalogs", name], shape: Catalog });
  return {
    id,
    side: "databricks",
    needs: [LAKE_ID.location(locationName("metadata", lake.naming))],
    // GET first: CREATE CATALOG IF NOT EXISTS can fail on one that exists, where the metastore has no root.
    read: (doing) => securable.read(doing),
    foreign: (actual) => {
      const is = actual.storage_root;
      const elsewhere = `its managed storage is ${is === undefined ? "the metastore's" : plainUrl(is)}, not ${root}, and can never be moved`;
      return foreignByComment(actual) ?? (sameUrl(is, root) ? null : elsewhere);
    },
    diff: (actual) => securable.adoption(actual),
    create: async (doing) => {
      const body = { name, comment: marked(ABOUT.catalog), storage_root: root };
      const needs = `CREATE_CATALOG on the metastore and CREATE_MANAGED_STORAGE on ${LAKE_ID.location(locationName("metadata", lake.naming))}`;
      await createThing(lake, unity(`create ${id}`, "POST", ["catalogs"], { body, needs }), doing);
    },
    remove: async (actual, doing) => {
      const schemas = await namesIn(lake, "schemas", { catalog_name: name }, doing);
      refuseForeign(
        `delete ${id}`,
        "schemas",
        schemas.filter((one) => ![...BUILT_IN, lake.schema].includes(one)),
      );
      await securable.asOwner(actual, doing, async () => {
        if (schemas.includes("default")) {
          await deleteUnlessUsed(lake, `delete schema ${name}.default`, ["schemas", `${name}.default`], doing);
        }
        await deleteUnlessUsed(lake, `delete ${id}`, ["catalogs", name], doing);
      });
    },
  };
}

export function schemaResource(lake: Lake): Resource<Schema> {
  const fullName = schemaFullName(lake);
  const id = LAKE_ID.schema(fullName);
  const securable = new SecurableCalls(lake, { id, path: ["schemas", fullName], shape: Schema });
  return {
    id,
    side: "databricks",
    needs: [LAKE_ID.catalog(lake.catalog)],
    read: (doing) => securable.read(doing),
    foreign: foreignByComment,
    diff: (actual) => securable.adoption(actual),
    create: async (doing) => {
      const body = {
        name: lake.schema,
        catalog_name: lake.catalog,
        comment: marked(ABOUT.schema),
      };
      const needs = `USE_CATALOG and CREATE_SCHEMA on ${LAKE_ID.catalog(lake.catalog)}`;
      await createThing(lake, unity(`create ${id}`, "POST", ["schemas"], { body, needs }), doing);
    },
    remove: async (actual, doing) => {
      const query = { catalog_name: lake.catalog, schema_name: lake.schema };
      // Ours have just been deleted, and may still be listed for a moment.
      const ours: Record<string, readonly string[]> = {
        tables: [...Object.values(TABLE_OF_STAGE), QUARANTINE_TABLE, HEARTBEATS_TABLE],
        volumes: VOLUME_USES,
      };
      for (const [what, own] of Object.entries(ours)) {
        const names = await namesIn(lake, what, query, doing);
        refuseForeign(
          `delete ${id}`,
          what,
          names.filter((one) => !own.includes(one)),
        );
      }
      await securable.asOwner(actual, doing, () =>
        deleteUnlessUsed(lake, `delete ${id}`, ["schemas", fullName], doing),
      );
    },
  };
}

async function namesIn(
  lake: Lake,
  kind: string,
  query: Record<string, string>,
  doing: Doing,
): Promise<readonly string[]> {
  const call = unity(`list the ${kind} of ${Object.values(query).join(".")}`, "GET", [kind], {
    query: { max_results: 0, ...query },
  });
  return (await lake.workspace.list(pagesOf(kind, Securable), call, doing)).map(({ name }) => name);
}

/** What another person put there is deleted only by that person: it is named, and kept. */
function refuseForeign(what: string, kind: string, names: readonly string[]): void {
  if (names.length === 0) return;
  throw new AgentError(
    `Cannot ${what}: it holds ${kind} that agent provision did not make: ${names.slice(0, 5).join(", ")}`,
    { advice: "Delete them by hand if they are not needed" },
  );
}

/**
 * Without force, unknown contents stay. Known contents were looked for before; so this may be
 * what was just deleted and is still counted, and is tried again.
 */
async function deleteUnlessUsed(lake: Lake, what: string, path: readonly string[], doing: Doing): Promise<void> {
  try {
    await deleteThing(lake, unity(what, "DELETE", path, { needs: what.replace("delete", "ownership of") }), doing);
  } catch (error) {
    if (!hasCode(error, "CATALOG_NOT_EMPTY", "SCHEMA_NOT_EMPTY")) throw error;
    const why = "something that agent provision did not make is in it";
    throw new TransientError(`Cannot ${what}: ${error.said} (${error.errorCode}): ${why}`, {
      advice: "Look at it in the workspace (Catalog), and delete by hand what is not needed",
      cause: error,
    });
  }
}
