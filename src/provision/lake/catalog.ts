/** The catalog and the schema of the five tables. The catalog's managed storage is in the metadata bucket and cannot be moved. */
import { AgentError, TransientError } from "../../core/errors.ts";
import { counted } from "../../core/readable-numbers.ts";
import { TABLE_OF_STAGE } from "../../core/stage.ts";
import { pagesOf } from "../../databricks/answer.ts";
import { hasCode } from "../../databricks/failure.ts";
import { Catalog, Schema, Securable } from "../../databricks/shapes/securables.ts";
import { HEARTBEATS_TABLE, QUARANTINE_TABLE, schemaFullName } from "../../lakehouse/names.ts";
import { bucketUrl, locationName, MANAGED_PREFIX } from "../names.ts";
import type { Doing, Resource, Spared } from "../resource.ts";
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
import { ABOUT, foreignContentsText, LAKE_ID, marked, NAMED, sparedByComment, VOLUME_USES } from "./names.ts";
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
    spares: async ({ comment }, doing) => [
      ...sparedByComment(comment),
      ...sparedContents(await foreignInCatalog(lake, doing)),
    ],
    remove: async (actual, doing, goes) => {
      const foreign = await foreignInCatalog(lake, doing);
      refuseForeign(`delete ${id}`, goes.has("foreign-objects") ? [] : foreign);
      await securable.asOwner(actual, doing, async () => {
        for (const { kind, names } of foreign) {
          for (const one of names) await deleteForeign(lake, kind, `${name}.${one}`, doing);
        }
        if ((await namesIn(lake, "schemas", { catalog_name: name }, doing)).includes("default")) {
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
    within: LAKE_ID.catalog(lake.catalog),
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
    spares: async ({ comment }, doing) => [
      ...sparedByComment(comment),
      ...sparedContents(await foreignInSchema(lake, doing)),
    ],
    remove: async (actual, doing, goes) => {
      const foreign = await foreignInSchema(lake, doing);
      refuseForeign(`delete ${id}`, goes.has("foreign-objects") ? [] : foreign);
      await securable.asOwner(actual, doing, async () => {
        for (const { kind, names } of foreign) {
          for (const one of names) await deleteForeign(lake, kind, `${fullName}.${one}`, doing);
        }
        await deleteUnlessUsed(lake, `delete ${id}`, ["schemas", fullName], doing);
      });
    },
  };
}

/** What others put there, by kind. `name, with 2 tables` where a name alone says too little. */
type ForeignContents = {
  readonly kind: "schema" | "table" | "volume";
  readonly names: readonly string[];
  readonly shown: readonly string[];
};

/** Ours are gone by then, and may still be listed for a moment: so they are left out by name. */
async function foreignInSchema(lake: Lake, doing: Doing): Promise<readonly ForeignContents[]> {
  const own = new Set<string>([...Object.values(TABLE_OF_STAGE), QUARANTINE_TABLE, HEARTBEATS_TABLE, ...VOLUME_USES]);
  const contents = await contentsOf(lake, lake.schema, doing);
  return contents.map(({ kind, names }) => {
    const theirs = names.filter((name) => !own.has(name));
    return { kind, names: theirs, shown: theirs };
  });
}

async function foreignInCatalog(lake: Lake, doing: Doing): Promise<readonly ForeignContents[]> {
  const schemas = await namesIn(lake, "schemas", { catalog_name: lake.catalog }, doing);
  const names = schemas.filter((one) => ![...BUILT_IN, lake.schema].includes(one));
  const shown = await Promise.all(
    names.map(async (name, at) => (at < NAMED ? await withCounts(lake, name, doing) : name)),
  );
  const inDefault = schemas.includes("default") ? await contentsOf(lake, "default", doing) : [];
  return [
    { kind: "schema", names, shown },
    ...inDefault.map(({ kind, names: inside }) => {
      const full = inside.map((name) => `default.${name}`);
      return { kind, names: full, shown: full };
    }),
  ];
}

async function withCounts(lake: Lake, schema: string, doing: Doing): Promise<string> {
  const counts = (await contentsOf(lake, schema, doing)).filter(({ names }) => names.length > 0);
  const inside = counts.map(({ kind, names }) => counted(names.length, kind));
  return inside.length === 0 ? schema : `${schema}, with ${inside.join(" and ")}`;
}

async function contentsOf(lake: Lake, schema: string, doing: Doing) {
  const query = { catalog_name: lake.catalog, schema_name: schema };
  const [tables, volumes] = await Promise.all([
    namesIn(lake, "tables", query, doing),
    namesIn(lake, "volumes", query, doing),
  ]);
  return [
    { kind: "table", names: tables },
    { kind: "volume", names: volumes },
  ] as const;
}

function sparedContents(foreign: readonly ForeignContents[]): readonly Spared[] {
  return textsOf(foreign).map((because) => ({ kind: "foreign-objects", because }));
}

function textsOf(foreign: readonly ForeignContents[]): readonly string[] {
  return foreign.flatMap(({ kind, shown }) => (shown.length === 0 ? [] : [foreignContentsText(kind, shown)]));
}

/** One by one, as they were named: a deletion by force would take more. A schema of others goes with all that is in it. */
async function deleteForeign(lake: Lake, kind: ForeignContents["kind"], fullName: string, doing: Doing): Promise<void> {
  const force = kind === "schema" ? { query: { force: true } } : {};
  const needs = `ownership of ${kind} ${fullName}`;
  await deleteThing(
    lake,
    unity(`delete ${kind} ${fullName}`, "DELETE", [`${kind}s`, fullName], { needs, ...force }),
    doing,
  );
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

/** What another person put there since the plan was made: it is named, and kept. */
function refuseForeign(what: string, foreign: readonly ForeignContents[]): void {
  const texts = textsOf(foreign);
  if (texts.length === 0) return;
  throw new AgentError(`Cannot ${what}: ${texts.join("; ")}`, { advice: "Delete them by hand if they are not needed" });
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
