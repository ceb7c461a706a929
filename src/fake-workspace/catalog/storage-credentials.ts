/** `/api/2.1/unity-catalog/storage-credentials` (databricks-sdk-go service/catalog: StorageCredentialsService). */

import { PAGE, pageOf } from "../wire/paging.ts";
import { denied, invalid, misused, Problem, taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { flag, must, oneOf, queryFlag, shape, text } from "../wire/shape.ts";
import { checkedUrl, overlaps } from "../wire/urls.ts";
import { keptName } from "../world/names.ts";
import type { Credential } from "../world/things.ts";
import type { World } from "../world/world.ts";
import {
  demandOnMetastore,
  demandOwner,
  demandOwnerOrAdmin,
  demandPrincipal,
  demandSight,
  holds,
  isMetastoreAdmin,
  owns,
  sees,
} from "./access.ts";
import { metastoreOf, newRecord, recordFields, securableOf, touched } from "./securable.ts";
import { resultsOf, tooEarly, usableRole } from "./validation.ts";

const BASE = "/api/2.1/unity-catalog/storage-credentials";
const ROLE = shape({ role_arn: must(text) });
const ROLE_ARN = /^arn:(aws|aws-us-gov|aws-cn):iam::\d{12}:role\/[\w+=,.@/-]{1,577}$/;

const securable = (world: World, name: string) => securableOf(world, "storage_credential", name);

export function credentialOf(world: World, name: string): Credential {
  return world.credentials.get(securable(world, name).fullName)!;
}

function checkedArn(arn: string): string {
  if (!ROLE_ARN.test(arn)) throw invalid(`Role ARN '${arn}' is not the ARN of an IAM role.`);
  return arn;
}

function credentialJson(world: World, one: Credential): Record<string, unknown> {
  return {
    ...recordFields(world, one),
    id: one.id,
    full_name: one.name,
    aws_iam_role: {
      role_arn: one.roleArn,
      external_id: one.externalId,
      unity_catalog_iam_arn: world.settings.masterRoleArn,
    },
    read_only: one.readOnly,
    used_for_managed_storage: [...world.catalogs.values()].some(
      ({ storageRoot }) =>
        storageRoot !== null && locationsOf(world, one).some(({ url }) => overlaps(url, storageRoot)),
    ),
    isolation_mode: one.isolation,
  };
}

const locationsOf = (world: World, one: Credential) =>
  [...world.locations.values()].filter(({ credentialId }) => credentialId === one.id);

function demandUnused(world: World, one: Credential, what: string): void {
  const used = locationsOf(world, one).length;
  if (used === 0) return;
  // The text of terraform-provider-databricks issue 4000; the code is not documented.
  throw new Problem(
    400,
    "INVALID_STATE",
    `Storage credential '${one.name}' has 0 directly dependent external table(s) and ${used} dependent storage location(s). You may use force option to ${what} it.`,
  );
}

/** Without skip_validation the role has to be one that Unity Catalog can become. */
async function demandUsable(world: World, roleArn: string, externalId: string, early: boolean): Promise<void> {
  const usable = await usableRole(world, roleArn, externalId, early);
  if ("reason" in usable) throw denied(usable.reason);
}

const CREATE = shape({
  name: must(text),
  aws_iam_role: ROLE,
  comment: text,
  read_only: flag,
  skip_validation: flag,
});

const UPDATE = shape({
  aws_iam_role: ROLE,
  comment: text,
  force: flag,
  isolation_mode: oneOf("ISOLATION_MODE_OPEN", "ISOLATION_MODE_ISOLATED"),
  new_name: text,
  owner: text,
  read_only: flag,
  skip_validation: flag,
});

const VALIDATE = shape({
  aws_iam_role: ROLE,
  external_location_name: text,
  read_only: flag,
  storage_credential_name: text,
  url: text,
});

export const STORAGE_CREDENTIAL_ROUTES: readonly Route[] = [
  route("POST", BASE, { body: CREATE }, async ({ world, caller, body }) => {
    demandOnMetastore(world, caller, "CREATE_STORAGE_CREDENTIAL");
    const name = keptName(body.name, "Storage Credential");
    if (body.aws_iam_role === undefined)
      throw misused("Missing required field: aws_iam_role (this workspace is on AWS)");
    const roleArn = checkedArn(body.aws_iam_role.role_arn);
    const demandFree = () => {
      if (!world.credentials.has(name)) return;
      throw taken("STORAGE_CREDENTIAL_ALREADY_EXISTS", `Storage Credential '${name}' already exists`);
    };
    demandFree();
    const externalId = world.nextUuid(`external id of ${name}`);
    if (body.skip_validation !== true) {
      await demandUsable(world, roleArn, externalId, tooEarly(world, roleArn));
    }
    demandFree();
    const made: Credential = {
      ...newRecord(world, caller, `credential ${name}`, { name, comment: body.comment }),
      roleArn,
      externalId,
      readOnly: body.read_only ?? false,
      isolation: "ISOLATION_MODE_OPEN",
    };
    world.credentials.set(name, made);
    return credentialJson(world, made);
  }),

  route("GET", BASE, { query: shape({ ...PAGE, include_unbound: queryFlag }) }, ({ world, caller, query }) => {
    const all = [...world.credentials.values()].filter(({ name }) => sees(world, caller, securable(world, name)));
    return pageOf(
      world,
      { list: "storage-credentials", field: "storage_credentials", all: all.map((one) => credentialJson(world, one)) },
      query,
    );
  }),

  route("GET", `${BASE}/{name}`, {}, ({ world, caller, at }) => {
    demandSight(world, caller, securable(world, at["name"]!));
    return credentialJson(world, credentialOf(world, at["name"]!));
  }),

  route("PATCH", `${BASE}/{name}`, { body: UPDATE }, async ({ world, caller, at, body }) => {
    const before = credentialOf(world, at["name"]!);
    // "If the caller is a metastore admin, only the owner field can be changed."
    demandOwnerOrAdmin(world, caller, securable(world, before.name), {
      fields: Object.keys(body),
      adminMay: ["owner"],
    });
    demandPrincipal(world, body.owner);
    const { aws_iam_role, force, new_name, skip_validation } = body;
    const roleArn = aws_iam_role === undefined ? before.roleArn : checkedArn(aws_iam_role.role_arn);
    if (roleArn !== before.roleArn && force !== true) demandUnused(world, before, "update");
    // Whether Databricks gives a new external id with a new role is not documented: by chance, so that no one relies on either.
    const renewed = roleArn !== before.roleArn && world.chance(`renew ${before.name}`) < 0.5;
    const externalId = renewed ? world.nextUuid(`external id of ${before.name}`) : before.externalId;
    if (aws_iam_role !== undefined && skip_validation !== true) {
      await demandUsable(world, roleArn, externalId, tooEarly(world, roleArn));
    }
    const name = new_name === undefined ? before.name : keptName(new_name, "Storage Credential");
    if (name !== before.name && world.credentials.has(name)) {
      throw taken("STORAGE_CREDENTIAL_ALREADY_EXISTS", `Storage Credential '${name}' already exists`);
    }
    const after: Credential = {
      ...credentialOf(world, before.name),
      ...touched(world, caller),
      name,
      roleArn,
      externalId,
      owner: body.owner ?? before.owner,
      comment: body.comment ?? before.comment,
      readOnly: body.read_only ?? before.readOnly,
      isolation: body.isolation_mode ?? before.isolation,
    };
    world.credentials.delete(before.name);
    world.credentials.set(name, after);
    return credentialJson(world, after);
  }),

  route("DELETE", `${BASE}/{name}`, { query: shape({ force: queryFlag }) }, ({ world, caller, at, query }) => {
    const one = credentialOf(world, at["name"]!);
    demandOwner(world, caller, securable(world, one.name));
    if (query.force !== true) demandUnused(world, one, "delete");
    world.credentials.delete(one.name);
    world.grants.forget(one.id);
  }),

  route(
    "POST",
    "/api/2.1/unity-catalog/validate-storage-credentials",
    { body: VALIDATE },
    async ({ world, caller, body }) => {
      const given = body.storage_credential_name;
      const credential = given === undefined ? null : credentialOf(world, given);
      if (credential === null && body.aws_iam_role === undefined) {
        throw misused("Either storage_credential_name or aws_iam_role must be given");
      }
      demandToValidate(world, caller, credential);
      const { url, readOnly } = placeToValidate(world, body.url, body.external_location_name);
      const roleArn = body.aws_iam_role?.role_arn ?? credential?.roleArn ?? "";
      const early = tooEarly(world, roleArn);
      const probe = {
        roleArn,
        externalId: credential?.externalId ?? "",
        url,
        readOnly: body.read_only ?? (readOnly || (credential?.readOnly ?? false)),
      };
      return { isDir: true, results: await resultsOf(world, probe, early) };
    },
  ),
];

/** "…or have the CREATE_EXTERNAL_LOCATION privilege on the metastore and the storage credential." */
function demandToValidate(world: World, caller: string, credential: Credential | null): void {
  if (isMetastoreAdmin(world, caller)) return;
  const one = credential === null ? null : securable(world, credential.name);
  if (one !== null && owns(world, caller, one)) return;
  const privilege = "CREATE_EXTERNAL_LOCATION";
  if (holds(world, caller, privilege, metastoreOf(world)) && one !== null && holds(world, caller, privilege, one))
    return;
  throw denied(`User does not have CREATE EXTERNAL LOCATION on Storage Credential '${credential?.name ?? ""}'.`);
}

/** "If both are provided, the url will be used for validation, and external_location_name will be ignored when checking overlapping urls." */
function placeToValidate(world: World, url: string | undefined, location: string | undefined) {
  const named =
    location === undefined
      ? undefined
      : world.locations.get(securableOf(world, "external_location", location).fullName);
  if (url === undefined) {
    if (named === undefined) throw misused("At least one of external_location_name and url must be given");
    return { url: named.url, readOnly: named.readOnly };
  }
  const wanted = checkedUrl(url);
  const other = [...world.locations.values()].find((one) => one.name !== named?.name && overlaps(one.url, wanted));
  if (other !== undefined) {
    throw invalid(`Input path url '${url}' overlaps with an existing external location '${other.name}'`);
  }
  return { url: wanted, readOnly: false };
}
