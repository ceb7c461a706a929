/** Grants: how they are changed, read late and inherited, and what a person without them gets. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Ask, askOf, UC } from "../wire/ask.ts";
import type { Workspace } from "../wire/port.ts";
import { startWorkspace } from "../wire/workspace.ts";
import { makeCatalog, makeCredential, makeLocation, ROLE_ARN } from "../world/scene.ts";
import { DEFAULT_SETTINGS } from "../world/settings.ts";

const GUEST = {
  name: "guest@example.com",
  groups: ["analysts"],
  token: "dapi-fake-guest",
  clientSecret: null,
  metastoreAdmin: false,
};

let workspace: Workspace;
let ask: Ask;
let guest: Ask;

beforeAll(async () => {
  workspace = await startWorkspace({ people: [...DEFAULT_SETTINGS.people, GUEST] });
  ask = askOf(workspace);
  guest = askOf(workspace, "dapi-fake-guest");
});
beforeEach(() => {
  workspace.reset();
  workspace.set({ grantReadsThatLag: 1 });
});
afterAll(() => workspace.stop());

test("grants are added and taken, read back late, and give the rights that they name", async () => {
  await makeCatalog(ask);
  const path = `${UC}/permissions/schema/acme.sensors`;
  const schema = { name: "more", catalog_name: "acme" };
  expect(await guest(`POST ${UC}/schemas`, schema)).toMatchObject({ status: 403 });
  const grant = { changes: [{ principal: "analysts", add: ["USE_SCHEMA", "SELECT"] }] };
  expect((await ask(`PATCH ${path}`, grant)).body).toEqual({
    privilege_assignments: [{ principal: "analysts", privileges: ["SELECT", "USE_SCHEMA"] }],
  });
  expect((await ask(`GET ${path}`)).body).toEqual({});
  expect((await ask(`GET ${path}`)).body).toHaveProperty("privilege_assignments");
  const onCatalog = { changes: [{ principal: GUEST.name, add: ["USE_CATALOG", "CREATE_SCHEMA"] }] };
  expect(await ask(`PATCH ${UC}/permissions/CATALOG/acme`, onCatalog)).toMatchObject({ status: 200 });
  expect(await guest(`POST ${UC}/schemas`, schema)).toMatchObject({ status: 200 });
});

test("grants refuse unknown principals, privileges that do not fit, and the same one added and taken", async () => {
  await makeCatalog(ask);
  const refused: Readonly<Record<string, object>> = {
    PRINCIPAL_DOES_NOT_EXIST: { principal: "nobody", add: ["SELECT"] },
    "is not applicable": { principal: "analysts", add: ["READ_FILES"] },
    "Privilege USE SCHEMA": { principal: "analysts", add: ["USE SCHEMA"] },
    "Duplicate privileges": { principal: "analysts", add: ["SELECT"], remove: ["SELECT"] },
  };
  for (const [said, change] of Object.entries(refused)) {
    const answer = await ask(`PATCH ${UC}/permissions/schema/acme.sensors`, { changes: [change] });
    expect(JSON.stringify(answer.body)).toContain(said);
    expect(answer.status).toBeGreaterThanOrEqual(400);
  }
});

test("effective permissions say where a privilege comes from", async () => {
  await makeCatalog(ask);
  workspace.set({ grantReadsThatLag: 0 });
  await ask(`PATCH ${UC}/permissions/catalog/acme`, {
    changes: [{ principal: "analysts", add: ["SELECT", "USE_CATALOG"] }],
  });
  expect((await ask(`GET ${UC}/effective-permissions/schema/acme.sensors`)).body).toEqual({
    privilege_assignments: [
      {
        principal: "analysts",
        privileges: [{ privilege: "SELECT", inherited_from_name: "acme", inherited_from_type: "CATALOG" }],
      },
    ],
  });
});

test("a refusal names the missing privilege and the securable; with the privilege the call goes through", async () => {
  await makeCredential(ask);
  await makeLocation(ask, "root", "s3://acme-root");
  const { metastore_id } = (await ask(`GET ${UC}/metastore_summary`)).body;
  const metastore = `metastore/${metastore_id}`;
  const steps: [call: string, body: object, message: string, on: string, privilege: string][] = [
    [
      "storage-credentials",
      { name: "own", aws_iam_role: { role_arn: ROLE_ARN }, skip_validation: true },
      "User does not have CREATE STORAGE CREDENTIAL on Metastore 'metastore-us-west-2'.",
      metastore,
      "CREATE_STORAGE_CREDENTIAL",
    ],
    [
      "external-locations",
      { name: "raw", url: "s3://acme-raw", credential_name: "lake", enable_file_events: false, skip_validation: true },
      "User does not have CREATE EXTERNAL LOCATION on Metastore 'metastore-us-west-2'.",
      metastore,
      "CREATE_EXTERNAL_LOCATION",
    ],
    // On the credential as well (databricks-sdk-go, service/catalog/interface.go: ExternalLocations.Create).
    [
      "external-locations",
      { name: "raw", url: "s3://acme-raw", credential_name: "lake", enable_file_events: false, skip_validation: true },
      "User does not have CREATE EXTERNAL LOCATION on Storage Credential 'lake'.",
      "storage_credential/lake",
      "CREATE_EXTERNAL_LOCATION",
    ],
    [
      "catalogs",
      { name: "acme", storage_root: "s3://acme-root/uc" },
      "User does not have CREATE CATALOG on Metastore 'metastore-us-west-2'.",
      metastore,
      "CREATE_CATALOG",
    ],
    [
      "catalogs",
      { name: "acme", storage_root: "s3://acme-root/uc" },
      "User does not have CREATE MANAGED STORAGE on External Location 'root'.",
      "external_location/root",
      "CREATE_MANAGED_STORAGE",
    ],
  ];
  for (const [call, body, message, on, privilege] of steps) {
    expect(await guest(`POST ${UC}/${call}`, body)).toMatchObject({
      status: 403,
      body: { error_code: "PERMISSION_DENIED", message },
    });
    const changes = [{ principal: GUEST.name, add: [privilege] }];
    expect(await ask(`PATCH ${UC}/permissions/${on}`, { changes })).toMatchObject({ status: 200 });
  }
  for (const [call, body] of [steps[0]!, steps[2]!, steps[4]!]) {
    expect(await guest(`POST ${UC}/${call}`, body)).toMatchObject({ status: 200, body: { owner: GUEST.name } });
  }
});

test("a person sees only what they hold something on", async () => {
  await makeCatalog(ask);
  workspace.set({ emptyPages: false });
  expect(await guest(`GET ${UC}/external-locations/raw`)).toMatchObject({ status: 403 });
  expect((await guest(`GET ${UC}/external-locations?max_results=0`)).body).toEqual({ external_locations: [] });
  await ask(`PATCH ${UC}/permissions/external_location/raw`, {
    changes: [{ principal: "account users", add: ["BROWSE"] }],
  });
  expect((await guest(`GET ${UC}/external-locations?max_results=0`)).body["external_locations"]).toMatchObject([
    { name: "raw" },
  ]);
  workspace.set({ emptyPages: true });
});
