/** `/api/2.1/unity-catalog/external-locations` (databricks-sdk-go service/catalog: ExternalLocationsService). */

import { PAGE, pageOf } from "../wire/paging.ts";
import { invalid, Problem, taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { type Checked, flag, must, object, oneOf, queryFlag, shape, text } from "../wire/shape.ts";
import { checkedUrl, contains, overlaps } from "../wire/urls.ts";
import { keptName } from "../world/names.ts";
import type { Credential, Location } from "../world/things.ts";
import type { World } from "../world/world.ts";
import {
  demand,
  demandOnMetastore,
  demandOwner,
  demandOwnerOrAdmin,
  demandPrincipal,
  demandSight,
  isMetastoreAdmin,
  sees,
} from "./access.ts";
import { newRecord, recordFields, securableOf, touched } from "./securable.ts";
import { credentialOf } from "./storage-credentials.ts";
import { demandAccess, mayManageFileEvents, tooEarly } from "./validation.ts";

const BASE = "/api/2.1/unity-catalog/external-locations";
const QUEUE = shape({
  managed_sqs: shape({ queue_url: text, managed_resource_id: text }),
  provided_sqs: shape({ queue_url: must(text), managed_resource_id: text }),
});
const ENCRYPTION = shape({
  sse_encryption_details: shape({ algorithm: oneOf("AWS_SSE_S3", "AWS_SSE_KMS"), aws_kms_key_arn: text }),
});

const FIELDS = {
  comment: text,
  enable_file_events: flag,
  encryption_details: ENCRYPTION,
  fallback: flag,
  file_event_queue: QUEUE,
  read_only: flag,
  skip_validation: flag,
  // Of the answer; the SDKs' request types have them as well, and they do nothing.
  effective_enable_file_events: flag,
  effective_file_event_queue: object,
};
const CREATE = shape({ name: must(text), url: must(text), credential_name: must(text), ...FIELDS });
const UPDATE = shape({
  ...FIELDS,
  credential_name: text,
  force: flag,
  isolation_mode: oneOf("ISOLATION_MODE_OPEN", "ISOLATION_MODE_ISOLATED"),
  new_name: text,
  owner: text,
  url: text,
});

const securable = (world: World, name: string) => securableOf(world, "external_location", name);
const locationOf = (world: World, name: string): Location => world.locations.get(securable(world, name).fullName)!;
const credentialById = (world: World, id: string): Credential | undefined =>
  [...world.credentials.values()].find((one) => one.id === id);

function locationJson(world: World, one: Location): Record<string, unknown> {
  const slash = world.settings.slashesByChance && world.chance(`slash of ${one.name}`) < 0.5;
  const queue = one.queueId === null ? undefined : { managed_sqs: { managed_resource_id: one.queueId } };
  return {
    ...recordFields(world, one),
    // With or without a slash: terraform-provider-databricks suppresses the difference (ucDirectoryPathSlashOnlySuppressDiff).
    url: slash ? `${one.url}/` : one.url,
    credential_id: one.credentialId,
    credential_name: credentialById(world, one.credentialId)?.name,
    read_only: one.readOnly,
    fallback: one.fallback,
    isolation_mode: one.isolation,
    browse_only: false,
    enable_file_events: one.fileEvents,
    effective_enable_file_events: one.queueId !== null,
    file_event_queue: queue,
    effective_file_event_queue: queue,
  };
}

function demandFree(world: World, name: string): void {
  if (!world.locations.has(name)) return;
  throw taken("EXTERNAL_LOCATION_ALREADY_EXISTS", `External Location '${name}' already exists`);
}

function demandNoOverlap(world: World, url: string, self: string | null): void {
  const other = [...world.locations.values()].find((one) => one.name !== self && overlaps(one.url, url));
  if (other !== undefined) {
    throw invalid(`Input path url '${url}' overlaps with an existing external location '${other.name}'`);
  }
}

/** Tables and volumes that need this url to be a location. */
function dependantsOf(world: World, url: string): readonly string[] {
  const under = (place: string | null) => place !== null && contains(url, place);
  return [
    ...[...world.catalogs.values()].filter((one) => under(one.storageRoot)).map(({ name }) => `catalog ${name}`),
    ...[...world.schemas.values()].filter((one) => under(one.storageRoot)).map(({ name }) => `schema ${name}`),
    ...[...world.volumes.values()].filter((one) => one.external && under(one.url)).map(({ name }) => `volume ${name}`),
    ...[...world.tables.values()].filter((one) => under(one.url)).map(({ name }) => `table ${name}`),
    ...[...world.droppedPlaces].filter(under).map(() => "managed table that was dropped"),
  ];
}

function demandUnused(world: World, one: Location, what: string): void {
  const used = dependantsOf(world, one.url);
  if (used.length === 0) return;
  // After terraform-provider-databricks issues 2188 and 4746; the code is not documented.
  throw new Problem(
    400,
    "INVALID_STATE",
    `Cannot ${what} external location (name = ${one.name}) because the location has ${used.length} dependent objects (${used.slice(0, 5).join(", ")}). You may use force option to ${what} it.`,
  );
}

type Events = Pick<Checked<typeof FIELDS>, "enable_file_events" | "file_event_queue">;

/** "Default to true. Set to false to disable" and "if enable_file_events is not false, [file_event_queue] must be defined" (service/catalog/model.go). */
function demandQueue({ enable_file_events, file_event_queue }: Events): void {
  if (enable_file_events !== false && file_event_queue === undefined) {
    throw invalid("file_event_queue must be defined when enable_file_events is not false.");
  }
  const id = file_event_queue?.managed_sqs?.managed_resource_id;
  if (id !== undefined && id !== "") throw invalid("managed_resource_id is set by Databricks and must not be given.");
  const queues = [file_event_queue?.managed_sqs, file_event_queue?.provided_sqs].filter((one) => one !== undefined);
  if (file_event_queue !== undefined && queues.length !== 1)
    throw invalid("file_event_queue must hold exactly one queue.");
}

/** The queue that Databricks makes when the role lets it; null when it cannot: "the actual applied value may differ". */
async function queueFor(world: World, name: string, credential: Credential, url: string): Promise<string | null> {
  return (await mayManageFileEvents(world, credential.roleArn, url)) ? world.nextUuid(`queue of ${name}`) : null;
}

/** Reads back whether the credential reaches the place, as a create or an update without skip_validation does. */
async function demandReach(world: World, credential: Credential, url: string, readOnly: boolean): Promise<void> {
  const early = tooEarly(world, credential.roleArn);
  const { roleArn, externalId } = credential;
  await demandAccess(world, { roleArn, externalId, url, readOnly: readOnly || credential.readOnly }, early);
}

/**
 * "The caller must be the owner … or be a metastore admin. In the second case, the admin can only update the name"
 * (service/catalog/interface.go). Whether an admin may also take the ownership is not documented for locations: a setting.
 */
const adminMay = (world: World) => (world.settings.adminMayTakeLocations ? ["new_name", "owner"] : ["new_name"]);

export const EXTERNAL_LOCATION_ROUTES: readonly Route[] = [
  route("POST", BASE, { body: CREATE }, async ({ world, caller, body }) => {
    demandOnMetastore(world, caller, "CREATE_EXTERNAL_LOCATION");
    const name = keptName(body.name, "External Location");
    const credential = credentialOf(world, body.credential_name);
    if (!isMetastoreAdmin(world, caller)) {
      demand(world, caller, "CREATE_EXTERNAL_LOCATION", securableOf(world, "storage_credential", credential.name));
    }
    demandFree(world, name);
    const url = checkedUrl(body.url);
    demandNoOverlap(world, url, null);
    demandQueue(body);
    if (body.skip_validation !== true) await demandReach(world, credential, url, body.read_only ?? false);
    const fileEvents = body.enable_file_events !== false;
    const queueId = fileEvents ? await queueFor(world, name, credential, url) : null;
    demandFree(world, name);
    demandNoOverlap(world, url, null);
    const made: Location = {
      ...newRecord(world, caller, `location ${name}`, { name, comment: body.comment }),
      url,
      credentialId: credential.id,
      readOnly: body.read_only ?? false,
      fallback: body.fallback ?? false,
      isolation: "ISOLATION_MODE_OPEN",
      fileEvents,
      queueId,
    };
    world.locations.set(name, made);
    return locationJson(world, made);
  }),

  route(
    "GET",
    BASE,
    { query: shape({ ...PAGE, include_browse: queryFlag, include_unbound: queryFlag }) },
    ({ world, caller, query }) => {
      const all = [...world.locations.values()].filter(({ name }) => sees(world, caller, securable(world, name)));
      return pageOf(
        world,
        { list: "external-locations", field: "external_locations", all: all.map((one) => locationJson(world, one)) },
        query,
      );
    },
  ),

  route("GET", `${BASE}/{name}`, { query: shape({ include_browse: queryFlag }) }, ({ world, caller, at }) => {
    demandSight(world, caller, securable(world, at["name"]!));
    return locationJson(world, locationOf(world, at["name"]!));
  }),

  route("PATCH", `${BASE}/{name}`, { body: UPDATE }, async ({ world, caller, at, body }) => {
    const before = locationOf(world, at["name"]!);
    demandOwnerOrAdmin(world, caller, securable(world, before.name), {
      fields: Object.keys(body),
      adminMay: adminMay(world),
    });
    demandPrincipal(world, body.owner);
    const name = body.new_name === undefined ? before.name : keptName(body.new_name, "External Location");
    if (name !== before.name) demandFree(world, name);
    const credential =
      body.credential_name === undefined
        ? credentialById(world, before.credentialId)
        : credentialOf(world, body.credential_name);
    const url = body.url === undefined ? before.url : checkedUrl(body.url);
    const moved = url !== before.url || credential?.id !== before.credentialId;
    if (url !== before.url) {
      demandNoOverlap(world, url, before.name);
      if (body.force !== true) demandUnused(world, before, "update");
    }
    if (body.enable_file_events !== undefined || body.file_event_queue !== undefined) demandQueue(body);
    const readOnly = body.read_only ?? before.readOnly;
    if (moved && body.skip_validation !== true && credential !== undefined)
      await demandReach(world, credential, url, readOnly);
    const fileEvents = body.enable_file_events ?? before.fileEvents;
    const queueId =
      !fileEvents || credential === undefined
        ? null
        : (before.queueId ?? (await queueFor(world, name, credential, url)));
    const after: Location = {
      ...locationOf(world, before.name),
      ...touched(world, caller),
      name,
      url,
      credentialId: credential?.id ?? before.credentialId,
      owner: body.owner ?? before.owner,
      comment: body.comment ?? before.comment,
      readOnly,
      fallback: body.fallback ?? before.fallback,
      isolation: body.isolation_mode ?? before.isolation,
      fileEvents,
      queueId,
    };
    world.locations.delete(before.name);
    world.locations.set(name, after);
    return locationJson(world, after);
  }),

  route("DELETE", `${BASE}/{name}`, { query: shape({ force: queryFlag }) }, ({ world, caller, at, query }) => {
    const one = locationOf(world, at["name"]!);
    demandOwner(world, caller, securable(world, one.name));
    if (query.force !== true) demandUnused(world, one, "delete");
    world.locations.delete(one.name);
    world.grants.forget(one.id);
  }),
];
