/** What is under a url of Unity Catalog: managed storage, tables and volumes. */
import { AgentError } from "../../core/errors.ts";
import { pagesOf } from "../../databricks/answer.ts";
import { isMissing } from "../../databricks/failure.ts";
import { Placed } from "../../databricks/shapes/securables.ts";
import { BUCKET_USES, bucketUrl, credentialName } from "../names.ts";
import type { Doing } from "../resource.ts";
import { type Lake, listLocations, overlaps, plainUrl, unity } from "./lake.ts";

/** A metastore with more schemas than this is not searched: that would take minutes. */
const SCHEMAS_SEARCHED = 300;
/** Catalogs that keep nothing in our buckets. */
const OTHERS = /^(SYSTEM|FOREIGN|DELTASHARING|INTERNAL)_?CATALOG$/;

type NamedPlace = { readonly what: string; readonly place: string | undefined };
type Query = Readonly<Record<string, string>>;

/**
 * What of our catalog breaks when a location gives up this url. What is in one of our buckets does not: each has, in the
 * end, its own location again.
 */
export async function dependantsUnder(lake: Lake, url: string, doing: Doing): Promise<readonly string[]> {
  if (url === "") return [];
  const catalogs = (await list(lake, "catalogs", {}, doing)).filter((one) => nameOf(one) === lake.catalog);
  const ours = BUCKET_USES.map((use) => bucketUrl(use, lake.naming));
  return (await placedIn(lake, catalogs, doing))
    .filter(({ place }) => isUnder(place, url) && !ours.some((bucket) => isUnder(place, bucket)))
    .map(({ what }) => what);
}

/** Everything under any of them, in every catalog that we can see. */
export async function allUnder(lake: Lake, urls: readonly string[], doing: Doing): Promise<readonly string[]> {
  const catalogs = (await list(lake, "catalogs", {}, doing)).filter(
    ({ catalog_type = "" }) => !OTHERS.test(catalog_type),
  );
  return (await placedIn(lake, catalogs, doing))
    .filter(({ place }) => urls.some((url) => isUnder(place, url)))
    .map(({ what }) => what);
}

/**
 * What of Unity Catalog rests on the buckets and the role, and breaks when they go: locations first, then what is in them, by
 * name. Empty: nothing does.
 */
export async function restsOnBuckets(lake: Lake, doing: Doing): Promise<readonly string[]> {
  const urls = BUCKET_USES.map((use) => bucketUrl(use, lake.naming));
  const credential = credentialName(lake.naming);
  const locations = (await listLocations(lake, doing)).filter(
    ({ url, credential_name }) =>
      credential_name.toLowerCase() === credential || urls.some((bucket) => overlaps(url, bucket)),
  );
  if (locations.length === 0) return [];
  // They are the answer. What is in them is named as far as it can be seen.
  const inside = await allUnder(lake, urls, doing).catch((error: unknown) => {
    if (error instanceof AgentError) return [];
    throw error;
  });
  return [...locations.map(({ name }) => `external location ${name}`), ...inside];
}

async function placedIn(lake: Lake, catalogs: readonly Placed[], doing: Doing): Promise<readonly NamedPlace[]> {
  const schemas = (
    await Promise.all(catalogs.map((one) => listIfThere(lake, "schemas", { catalog_name: nameOf(one) }, doing)))
  ).flat();
  if (schemas.length > SCHEMAS_SEARCHED) {
    const advice = "If nothing in the buckets is needed, delete their external locations by hand, with --force";
    throw new AgentError(`Cannot look through the metastore: it has ${schemas.length} schemas`, {
      advice,
      tryHint: "databricks external-locations list",
    });
  }
  const inside = await Promise.all(
    schemas
      .filter((schema) => nameOf(schema) !== "information_schema")
      .flatMap((schema) => {
        const query = { catalog_name: schema.catalog_name ?? "", schema_name: nameOf(schema) };
        return [placed("table", "tables", query), placed("volume", "volumes", query)];
      }),
  );
  async function placed(label: string, kind: string, query: Query): Promise<NamedPlace[]> {
    const found = await listIfThere(lake, kind, query, doing);
    return found.map((one) => ({ what: `${label} ${fullNameOf(one)}`, place: one.storage_location }));
  }
  return [
    ...catalogs.map((one) => ({ what: `catalog ${fullNameOf(one)}`, place: one.storage_root })),
    ...schemas.map((one) => ({ what: `schema ${fullNameOf(one)}`, place: one.storage_root })),
    ...inside.flat(),
  ];
}

/** A catalog or a schema that was just listed may have gone meanwhile: then nothing is in it. */
async function listIfThere(lake: Lake, kind: string, query: Query, doing: Doing): Promise<readonly Placed[]> {
  return await list(lake, kind, query, doing).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    return [];
  });
}

function list(lake: Lake, kind: string, query: Query, doing: Doing): Promise<readonly Placed[]> {
  const of = Object.values(query).join(".");
  const call = unity(`list the ${kind}${of === "" ? "" : ` of ${of}`}`, "GET", [kind], {
    query: { max_results: 0, ...query },
  });
  return lake.workspace.list(pagesOf(kind, Placed), call, doing);
}

const nameOf = ({ name }: Placed) => name.toLowerCase();
const fullNameOf = (one: Placed) => one.full_name ?? nameOf(one);

function isUnder(place: string | undefined, url: string): boolean {
  return place !== undefined && `${plainUrl(place)}/`.startsWith(`${plainUrl(url)}/`);
}
