/**
 * An external location: that Unity Catalog may reach a bucket, and with which credential. Made right, by a call that proves
 * it; and one that points elsewhere is found and repaired: tried first, changed, read back, tried again.
 */
import { AgentError, DeniedError, TransientError } from "../../core/errors.ts";
import { STAGES } from "../../core/stage.ts";
import { DatabricksError } from "../../databricks/failure.ts";
import { Location } from "../../databricks/shapes/securables.ts";
import { type BucketUse, bucketName, bucketUrl, credentialName, ID, locationName, unityRoleName } from "../names.ts";
import { IAM_WAIT, pollUntil, READ_BACK_WAIT } from "../poll.ts";
import type { Change, Doing, Resource } from "../resource.ts";
import { allUnder, dependantsUnder } from "./dependants.ts";
import {
  createThing,
  deleteThing,
  foreignByComment,
  type Lake,
  laterInstead,
  plainUrl,
  sameUrl,
  unity,
} from "./lake.ts";
import type { LocationMoves } from "./location-moves.ts";
import { ABOUT, LAKE_ID, marked, sparedByComment } from "./names.ts";
import { SecurableCalls } from "./securable.ts";
import { passes } from "./validate.ts";

const LOCATIONS = "external-locations";

export type LocationActual = {
  readonly location: Location;
  /** What is under a wrong url, and breaks when it is repaired. Empty where the url is right. */
  readonly dependants: readonly string[];
};

export function locationResource(lake: Lake, use: BucketUse, moves: LocationMoves): Resource<LocationActual> {
  const name = locationName(use, lake.naming);
  const id = LAKE_ID.location(name);
  const credential = credentialName(lake.naming);
  const url = bucketUrl(use, lake.naming);
  const securable = new SecurableCalls(lake, { id, path: [LOCATIONS, name], shape: Location });
  // Auto Loader reads the stages, and nothing else is listened to.
  const hasFileEvents = lake.hasFileEvents && (STAGES as readonly string[]).includes(use);
  const context: LocationContext = { lake, id, name, url, credential, securable, moves, hasFileEvents };
  return {
    id,
    side: "databricks",
    needs: [
      ID.bucket(bucketName(use, lake.naming)),
      ID.role(unityRoleName(lake.naming)),
      ID.credential(credential),
      LAKE_ID.access(credential),
    ],
    read: async (doing) => {
      const location = await securable.read(doing);
      if (location === null) return null;
      return {
        location,
        dependants: sameUrl(location.url, url) ? [] : await dependantsUnder(lake, location.url, doing),
      };
    },
    foreign: ({ location }) => foreignByComment(location),
    diff: ({ location, dependants }) => [
      ...securable.adoption(location),
      ...placeChange(context, location, dependants),
      ...settingsChange(context, location),
    ],
    create: (doing) => moves.alone(() => createLocation(context, doing)),
    spares: async ({ location }) => sparedByComment(location.comment),
    remove: async ({ location }, doing) => {
      await securable.asOwner(location, doing, () => deleteLocation(context, location.url, doing));
    },
  };
}

/**
 * A managed table that was dropped can be undropped for days, and till then counts as something that is in the location.
 * So where Databricks refuses, we look for contents. If there are none, the location is deleted by force.
 */
async function deleteLocation({ lake, id, name }: LocationContext, url: string, doing: Doing): Promise<void> {
  const call = unity(`delete ${id}`, "DELETE", [LOCATIONS, name], { needs: `ownership of ${id}` });
  try {
    await deleteThing(lake, call, doing);
  } catch (error) {
    if (!(error instanceof DatabricksError)) throw error;
    const living = await allUnder(lake, [url], doing);
    if (living.length > 0) {
      // Looked at again a few times: what was just deleted may still be listed.
      throw new TransientError(`Cannot delete ${id}: ${listed(living)} is in it`, {
        advice: "Move or drop it",
        cause: error,
      });
    }
    doing.tell(`${id} holds only tables that were dropped: they cannot be undropped any more`);
    await deleteThing(lake, { ...call, query: { force: true } }, doing);
  }
}

type LocationContext = {
  readonly lake: Lake;
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly credential: string;
  readonly securable: SecurableCalls<typeof Location>;
  readonly moves: LocationMoves;
  readonly hasFileEvents: boolean;
};

async function createLocation(context: LocationContext, doing: Doing): Promise<void> {
  const { lake, id, name, url, credential, moves } = context;
  await moves.makeRoom(name, url, doing);
  const trial = { credential, url };
  await pollUntil(`the role to reach ${plainUrl(url)}`, IAM_WAIT, doing, () => passes(lake, trial, doing));
  const body = {
    name,
    url,
    credential_name: credential,
    comment: marked(ABOUT.location),
    read_only: false,
    skip_validation: false,
    ...fileEvents(context.hasFileEvents),
  };
  const needs = `CREATE_EXTERNAL_LOCATION on the metastore and on storage credential "${credential}"`;
  const call = unity(`create ${id}`, "POST", [LOCATIONS], { body, needs });
  await createThing(lake, call, doing).catch(laterWhereTheRoleIs);
  moves.settled(name);
}

/** The servers of AWS do not all learn of a role at once: one may let it through and the next refuse it. */
function laterWhereTheRoleIs(error: unknown): never {
  if (error instanceof DeniedError && /\bIAM role\b/i.test(error.message)) {
    throw laterInstead(error);
  }
  throw error;
}

/** Left out it would be on, and then the queue must be named: so it is always said. */
function fileEvents(isOn: boolean): object {
  return isOn ? { enable_file_events: true, file_event_queue: { managed_sqs: {} } } : { enable_file_events: false };
}

function placeChange(context: LocationContext, location: Location, dependants: readonly string[]): Change[] {
  const { url, credential, moves } = context;
  const { url: isUrl, credential_name: isCredential } = location;
  const differences = [
    ...(sameUrl(isUrl, url) ? [] : [`url: ${plainUrl(isUrl)} -> ${plainUrl(url)}`]),
    ...(isCredential.toLowerCase() === credential ? [] : [`credential: ${isCredential} -> ${credential}`]),
  ];
  if (differences.length === 0) return [];
  const broken = dependants.length === 0 ? "" : `; breaks ${listed(dependants)}`;
  return [
    {
      action: "update",
      because: `${differences.join(", ")}${broken}`,
      make: (doing) => moves.alone(() => repair(context, doing)),
    },
  ];
}

/** Reference: the recipe of docs/provision.md, "A location that points to the wrong bucket". */
async function repair(context: LocationContext, doing: Doing): Promise<void> {
  const { lake, id, name, url, credential, securable, moves } = context;
  const actual = await securable.read(doing);
  if (actual === null) throw new AgentError(`Cannot change ${id}: it is gone`, { tryHint: "agent provision apply" });
  const { url: isUrl } = actual;
  if (!sameUrl(isUrl, url)) {
    const dependants = moves.isParked(isUrl) ? [] : await dependantsUnder(lake, isUrl, doing);
    if (dependants.length > 0 && !lake.force) {
      throw new AgentError(
        `Cannot change ${id} from ${plainUrl(isUrl)} to ${plainUrl(url)}: ${listed(dependants)} would break`,
        { advice: "Move or drop them, or use --force if they may break", tryHint: "agent provision apply --force" },
      );
    }
    await moves.makeRoom(name, url, doing);
  }
  const before = { credential, url, location: name };
  await pollUntil(`the role to reach ${plainUrl(url)}`, IAM_WAIT, doing, () => passes(lake, before, doing));
  // A place that may not be written is tried by reading, and an empty one has nothing to read.
  const writable = actual.read_only === true ? { read_only: false } : {};
  const body = { url, credential_name: credential, ...writable, force: true, skip_validation: false };
  await securable.change(actual, doing, body).catch(laterWhereTheRoleIs);
  moves.settled(name);
  await pollUntil(`${id} to be seen at ${plainUrl(url)}`, READ_BACK_WAIT, doing, async () => {
    const now = await securable.read(doing);
    const isThere = sameUrl(now?.url, url) && now?.credential_name.toLowerCase() === credential;
    return isThere ? { value: true } : { notYet: `Databricks accepted the change, and still shows ${now?.url}` };
  });
  const after = { credential, location: name };
  await pollUntil(`${id} to be usable`, IAM_WAIT, doing, () => passes(lake, after, doing));
}

function settingsChange({ securable, hasFileEvents }: LocationContext, location: Location): Change[] {
  const changes: Change[] = [];
  if (location.read_only === true) {
    const make = (doing: Doing) => securable.change(location, doing, { read_only: false }).catch(laterWhereTheRoleIs);
    changes.push({ action: "update", because: "read only: on -> off", make });
  }
  const isOn = location.enable_file_events ?? location.effective_enable_file_events ?? false;
  if (isOn !== hasFileEvents) {
    const because = `file events: ${isOn ? "on -> off" : "off -> on"}`;
    const make = (doing: Doing) =>
      securable.change(location, doing, fileEvents(hasFileEvents)).catch(laterWhereTheRoleIs);
    changes.push({ action: "update", because, make });
  }
  return changes;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
