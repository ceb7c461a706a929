/** The calls of Unity Catalog as its documentation and SDKs make them, with the traps of each. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Ask, askOf, UC } from "../wire/ask.ts";
import type { Workspace } from "../wire/port.ts";
import { startWorkspace } from "../wire/workspace.ts";
import { makeCatalog, makeCredential, makeLocation, ROLE_ARN } from "../world/scene.ts";
import { DEFAULT_SETTINGS, ENGINEER } from "../world/settings.ts";

const ADMIN = {
  name: "admin@example.com",
  groups: [],
  token: "dapi-fake-admin",
  clientSecret: null,
  metastoreAdmin: true,
};

let workspace: Workspace;
let ask: Ask;

beforeAll(async () => {
  workspace = await startWorkspace({ people: [...DEFAULT_SETTINGS.people, ADMIN] });
  ask = askOf(workspace);
});
beforeEach(() => workspace.reset());
afterAll(() => workspace.stop());

test("a credential is made for a role that does not exist yet, and shows the external id and the role that will come", async () => {
  // terraform-provider-databricks docs/guides/unity-catalog.md: credential first, role second.
  const made = await makeCredential(ask, "Lake");
  expect(made.body).toMatchObject({
    name: "lake",
    full_name: "lake",
    owner: ENGINEER,
    isolation_mode: "ISOLATION_MODE_OPEN",
  });
  const { external_id } = made.body["aws_iam_role"] as { external_id: string };
  expect(external_id).toMatch(/^[0-9a-f-]{36}$/);
  expect((await ask(`GET ${UC}/storage-credentials/LAKE`)).body).toEqual(made.body);
  await ask(`DELETE ${UC}/storage-credentials/lake`);
  const again = (await makeCredential(ask)).body["aws_iam_role"] as { external_id: string };
  expect(again.external_id).not.toBe(external_id);
});

test("already exists is a 400 with a code of its own, and what is missing a 404 with another", async () => {
  await makeCatalog(ask);
  const again: Readonly<Record<string, [string, object]>> = {
    STORAGE_CREDENTIAL_ALREADY_EXISTS: ["storage-credentials", { name: "LAKE", aws_iam_role: { role_arn: ROLE_ARN } }],
    EXTERNAL_LOCATION_ALREADY_EXISTS: [
      "external-locations",
      { name: "raw", url: "s3://other", credential_name: "lake" },
    ],
    CATALOG_ALREADY_EXISTS: ["catalogs", { name: "acme", storage_root: "s3://acme-root/uc" }],
    SCHEMA_ALREADY_EXISTS: ["schemas", { name: "sensors", catalog_name: "acme" }],
  };
  for (const [error_code, [path, body]] of Object.entries(again)) {
    expect(await ask(`POST ${UC}/${path}`, body)).toMatchObject({ status: 400, body: { error_code } });
  }
  const missing: Readonly<Record<string, string>> = {
    STORAGE_CREDENTIAL_DOES_NOT_EXIST: "storage-credentials/none",
    EXTERNAL_LOCATION_DOES_NOT_EXIST: "external-locations/none",
    CATALOG_DOES_NOT_EXIST: "catalogs/none",
    SCHEMA_DOES_NOT_EXIST: "schemas/acme.none",
    TABLE_DOES_NOT_EXIST: "tables/acme.sensors.none",
    RESOURCE_DOES_NOT_EXIST: "volumes/acme.sensors.none",
  };
  for (const [error_code, path] of Object.entries(missing)) {
    expect(await ask(`GET ${UC}/${path}`)).toMatchObject({ status: 404, body: { error_code } });
  }
});

test("unknown fields, wrong types, missing fields and missing bodies are refused, and complained of", async () => {
  const cases: [unknown, string][] = [
    [undefined, "MALFORMED_REQUEST"],
    ["{", "MALFORMED_REQUEST"],
    [{ name: 1 }, "MALFORMED_REQUEST"],
    [{ name: "a", storage_rot: "s3://a" }, "MALFORMED_REQUEST"],
    [{ comment: "a" }, "INVALID_PARAMETER_VALUE"],
    [{ name: null }, "MALFORMED_REQUEST"],
  ];
  for (const [body, error_code] of cases) {
    expect(await ask(`POST ${UC}/catalogs`, body)).toMatchObject({ status: 400, body: { error_code } });
  }
  expect(await ask(`GET ${UC}/catalogs?page_size=5`)).toMatchObject({ status: 400 });
  expect(workspace.journal.complaints()).toHaveLength(cases.length + 1);
});

test("a PATCH without a body is refused: an SDK that drops it would otherwise see a 200", async () => {
  await makeCredential(ask);
  expect(await ask(`PATCH ${UC}/storage-credentials/lake`)).toMatchObject({ status: 400 });
  expect(await ask(`PATCH ${UC}/storage-credentials/lake`, { comment: "ours" })).toMatchObject({
    body: { comment: "ours" },
  });
});

test("locations may not overlap, with or without a slash, and their credential must exist", async () => {
  await makeCredential(ask);
  expect(await makeLocation(ask, "raw", "s3://acme-raw/")).toMatchObject({ status: 200 });
  for (const url of ["s3://acme-raw", "s3://acme-raw/", "s3://acme-raw/deeper"]) {
    expect(await makeLocation(ask, "other", url)).toMatchObject({
      status: 400,
      body: {
        error_code: "INVALID_PARAMETER_VALUE",
        message: expect.stringContaining("overlaps with an existing external location"),
      },
    });
  }
  expect(await makeLocation(ask, "other", "s3://acme-raw-2")).toMatchObject({ status: 200 });
  const unknown = { name: "third", url: "s3://third", credential_name: "none", enable_file_events: false };
  expect(await ask(`POST ${UC}/external-locations`, unknown)).toMatchObject({
    body: { error_code: "STORAGE_CREDENTIAL_DOES_NOT_EXIST" },
  });
});

test("file events are on unless they are switched off, and then a queue has to be named", async () => {
  await makeCredential(ask);
  const body = { name: "raw", url: "s3://acme-raw", credential_name: "lake", skip_validation: true };
  expect(await ask(`POST ${UC}/external-locations`, body)).toMatchObject({ status: 400 });
  const off = await ask(`POST ${UC}/external-locations`, { ...body, enable_file_events: false });
  expect(off.body).toMatchObject({ enable_file_events: false, effective_enable_file_events: false });
});

test("a url is read back with or without a slash at its end", async () => {
  await makeCredential(ask);
  await makeLocation(ask, "raw", "s3://acme-raw");
  const urls = new Set<unknown>();
  for (let i = 0; i < 20; i++) urls.add((await ask(`GET ${UC}/external-locations/raw`)).body["url"]);
  expect(urls).toEqual(new Set(["s3://acme-raw", "s3://acme-raw/"]));
});

test("a list begins with an empty page that has a token, and ends where there is none", async () => {
  await makeCredential(ask);
  for (const n of [1, 2, 3]) await makeLocation(ask, `l${n}`, `s3://acme-${n}`);
  const first = await ask(`GET ${UC}/external-locations?max_results=0`);
  expect(first.body).toEqual({ external_locations: [], next_page_token: expect.any(String) });
  const names: unknown[] = [];
  let token = first.body["next_page_token"];
  while (token !== undefined) {
    const page = await ask(`GET ${UC}/external-locations?max_results=2&page_token=${token}`);
    names.push(...(page.body["external_locations"] as { name: string }[]).map(({ name }) => name));
    token = page.body["next_page_token"];
  }
  expect(names).toEqual(["l1", "l2", "l3"]);
});

test("an admin who is not the owner may change the owner of a credential, and only the name of a location", async () => {
  await makeCredential(ask);
  await makeLocation(ask, "raw", "s3://acme-raw");
  const admin = askOf(workspace, "dapi-fake-admin");
  const refused = { status: 403, body: { error_code: "PERMISSION_DENIED" } };
  expect(await admin(`PATCH ${UC}/storage-credentials/lake`, { comment: "mine", owner: ADMIN.name })).toMatchObject(
    refused,
  );
  expect(await admin(`PATCH ${UC}/external-locations/raw`, { url: "s3://new" })).toMatchObject(refused);
  expect(await admin(`PATCH ${UC}/external-locations/raw`, { owner: ADMIN.name })).toMatchObject(refused);
  expect(await admin(`DELETE ${UC}/external-locations/raw`)).toMatchObject(refused);
  expect(await admin(`PATCH ${UC}/storage-credentials/lake`, { owner: ADMIN.name })).toMatchObject({ status: 200 });
  expect(await admin(`PATCH ${UC}/external-locations/raw`, { new_name: "raw2" })).toMatchObject({ status: 200 });
});

test("what a metastore admin may do with what others own differs from kind to kind", async () => {
  // databricks-sdk-go service/catalog/interface.go: Update and Delete of each service.
  await makeCatalog(ask);
  const volume = { catalog_name: "acme", schema_name: "sensors", name: "v", volume_type: "MANAGED" };
  await ask(`POST ${UC}/volumes`, volume);
  const admin = askOf(workspace, "dapi-fake-admin");
  const may: [call: string, body: object | undefined, status: number][] = [
    [`PATCH ${UC}/catalogs/acme`, { comment: "mine" }, 403],
    [`PATCH ${UC}/catalogs/acme`, { owner: "nobody" }, 404],
    [`PATCH ${UC}/catalogs/acme`, { owner: ENGINEER }, 200],
    [`PATCH ${UC}/schemas/acme.sensors`, { comment: "mine" }, 403],
    [`PATCH ${UC}/schemas/acme.sensors`, { owner: ENGINEER }, 200],
    [`PATCH ${UC}/volumes/acme.sensors.v`, { comment: "mine" }, 200],
    [`DELETE ${UC}/volumes/acme.sensors.v`, undefined, 200],
    [`DELETE ${UC}/schemas/acme.sensors`, undefined, 403],
    [`DELETE ${UC}/catalogs/acme?force=true`, undefined, 200],
    [`DELETE ${UC}/external-locations/raw`, undefined, 403],
    [`DELETE ${UC}/storage-credentials/lake?force=true`, undefined, 403],
  ];
  for (const [call, body, status] of may) expect([call, (await admin(call, body)).status]).toEqual([call, status]);
});

test("what is in use is neither moved nor deleted without force", async () => {
  await makeCatalog(ask);
  const refused = { status: 400, body: { error_code: "INVALID_STATE" } };
  expect(await ask(`DELETE ${UC}/storage-credentials/lake`)).toMatchObject(refused);
  expect(await ask(`DELETE ${UC}/external-locations/root`)).toMatchObject(refused);
  const moved = { url: "s3://elsewhere", skip_validation: true };
  expect(await ask(`PATCH ${UC}/external-locations/root`, moved)).toMatchObject(refused);
  expect(await ask(`PATCH ${UC}/external-locations/root`, { ...moved, force: true })).toMatchObject({ status: 200 });
  expect(await ask(`DELETE ${UC}/storage-credentials/lake?force=true`)).toMatchObject({ status: 200 });
});

test("a managed table that was dropped still keeps its location: only force deletes that one", async () => {
  await makeCatalog(ask);
  const call = { statement: "CREATE TABLE acme.sensors.t (a INT)", warehouse_id: "0123456789abcdef" };
  await ask("POST /api/2.0/sql/statements", call);
  await ask(`DELETE ${UC}/tables/acme.sensors.t`);
  await ask(`DELETE ${UC}/catalogs/acme?force=true`);
  const refused = await ask(`DELETE ${UC}/external-locations/root`);
  expect(refused.body["message"]).toContain("managed table that was dropped");
  expect(await ask(`DELETE ${UC}/external-locations/root?force=true`)).toMatchObject({ status: 200 });
});

test("a catalog needs a storage root in a location, keeps it for ever, and is not empty when it is new", async () => {
  await makeCredential(ask);
  await makeLocation(ask, "root", "s3://acme-root");
  expect(await ask(`POST ${UC}/catalogs`, { name: "acme" })).toMatchObject({
    status: 400,
    body: { error_code: "INVALID_STATE" },
  });
  expect(await ask(`POST ${UC}/catalogs`, { name: "acme", storage_root: "s3://nowhere" })).toMatchObject({
    status: 400,
  });
  expect(await ask(`POST ${UC}/catalogs`, { name: "Acme", storage_root: "s3://acme-root/uc" })).toMatchObject({
    body: { name: "acme", storage_root: "s3://acme-root/uc" },
  });
  expect(await ask(`PATCH ${UC}/catalogs/acme`, { storage_root: "s3://acme-root/other" })).toMatchObject({
    status: 400,
  });
  expect(await ask(`DELETE ${UC}/catalogs/acme`)).toMatchObject({
    status: 400,
    body: { error_code: "CATALOG_NOT_EMPTY" },
  });
  expect(await ask(`DELETE ${UC}/schemas/acme.default`)).toMatchObject({ status: 200 });
  expect(await ask(`DELETE ${UC}/catalogs/acme`)).toMatchObject({ status: 200 });
});

test("an external volume is in a location and not upon another one; a managed one names no place", async () => {
  await makeCatalog(ask);
  const volume = { catalog_name: "acme", schema_name: "sensors", name: "landing", volume_type: "EXTERNAL" };
  const make = (more: object) => ask(`POST ${UC}/volumes`, { ...volume, ...more });
  expect(await make({})).toMatchObject({ status: 400 });
  expect(await make({ storage_location: "s3://nowhere/a" })).toMatchObject({ status: 400 });
  expect(await make({ volume_type: "MANAGED", storage_location: "s3://acme-raw/a" })).toMatchObject({ status: 400 });
  expect(await make({ storage_location: "s3://acme-raw/a" })).toMatchObject({
    body: { full_name: "acme.sensors.landing" },
  });
  expect(await make({ storage_location: "s3://acme-raw/b" })).toMatchObject({
    body: { error_code: "RESOURCE_ALREADY_EXISTS" },
  });
  const upon = await make({ name: "other", storage_location: "s3://acme-raw/a/b" });
  expect(upon.body["message"]).toContain("LOCATION_OVERLAP");
  expect(await ask(`DELETE ${UC}/schemas/acme.sensors`)).toMatchObject({ body: { error_code: "SCHEMA_NOT_EMPTY" } });
  expect(await ask(`DELETE ${UC}/schemas/acme.sensors?force=true`)).toMatchObject({ status: 200 });
  expect(await ask(`GET ${UC}/volumes/acme.sensors.landing`)).toMatchObject({ status: 404 });
});
