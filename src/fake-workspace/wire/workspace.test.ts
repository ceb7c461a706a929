/** The server itself: who may call, what is refused, faults on demand, the journal, and the process of its own. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { DEFAULT_SETTINGS, ENGINEER, ENGINEER_TOKEN, ROBOT, ROBOT_SECRET } from "../world/settings.ts";
import { type Ask, askOf, UC } from "./ask.ts";
import type { Workspace } from "./port.ts";
import { startWorkspace } from "./workspace.ts";

const ME = "/api/2.0/preview/scim/v2/Me";

let workspace: Workspace;
let ask: Ask;
let nowMs = 1_750_000_000_000;

beforeAll(async () => {
  workspace = await startWorkspace({}, { now: () => nowMs });
  ask = askOf(workspace);
});
beforeEach(() => {
  workspace.reset();
  workspace.set({ callsPerSecond: null });
});
afterAll(() => workspace.stop());

test("a personal access token says who calls; no token is a 401 with a number for a code, a wrong one a 403", async () => {
  expect((await ask(`GET ${ME}`)).body).toMatchObject({ userName: ENGINEER, groups: [{ display: "engineers" }] });
  const none = await fetch(workspace.url + ME);
  expect([none.status, await none.json()]).toEqual([401, expect.objectContaining({ error_code: 401 })]);
  expect(await askOf(workspace, "dapi-other")(`GET ${ME}`)).toMatchObject({ status: 403, body: { error_code: "403" } });
});

async function askToken(body: string, basic = `${ROBOT}:${ROBOT_SECRET}`, type = "application/x-www-form-urlencoded") {
  // databricks-sdk-go config/auth_m2m.go: client credentials in the header, scope all-apis.
  const headers = { authorization: `Basic ${Buffer.from(basic).toString("base64")}`, "content-type": type };
  const answer = await fetch(`${workspace.url}/oidc/v1/token`, { method: "POST", body, headers });
  return { status: answer.status, body: (await answer.json()) as { access_token: string; error: string } };
}

test("a service principal gets a token for its secret, which expires", async () => {
  const config = await fetch(`${workspace.url}/.well-known/databricks-config`);
  expect(await config.json()).toMatchObject({ oidc_endpoint: `${workspace.url}/oidc`, host_type: "WORKSPACE_HOST" });
  const found = await fetch(`${workspace.url}/oidc/.well-known/oauth-authorization-server`);
  expect(await found.json()).toMatchObject({ token_endpoint: `${workspace.url}/oidc/v1/token` });
  const { status, body } = await askToken("grant_type=client_credentials&scope=all-apis");
  expect([status, body]).toEqual([200, expect.objectContaining({ token_type: "Bearer", expires_in: 3_600 })]);
  const robot = askOf(workspace, body.access_token);
  expect((await robot(`GET ${ME}`)).body).toMatchObject({ userName: ROBOT });
  nowMs += 3_600_000;
  expect(await robot(`GET ${ME}`)).toMatchObject({ status: 401, body: { error_code: "UNAUTHENTICATED" } });
});

test("a token is refused for a wrong secret, grant, scope or form", async () => {
  const good = "grant_type=client_credentials&scope=all-apis";
  expect(await askToken(good, `${ROBOT}:wrong`)).toMatchObject({ status: 401, body: { error: "invalid_client" } });
  expect(await askToken("grant_type=password&scope=all-apis")).toMatchObject({
    body: { error: "unsupported_grant_type" },
  });
  expect(await askToken("grant_type=client_credentials&scope=sql")).toMatchObject({ body: { error: "invalid_scope" } });
  expect(await askToken(`${good}&client_id=a`)).toMatchObject({ body: { error: "invalid_request" } });
  expect(await askToken("{}", undefined, "application/json")).toMatchObject({ body: { error: "invalid_request" } });
});

test("a workspace may have no metastore, and no warehouse", async () => {
  workspace.set({ metastoreAssigned: false, warehouses: [] });
  workspace.reset();
  expect(await ask(`GET ${UC}/metastore_summary`)).toMatchObject({
    status: 404,
    body: { error_code: "METASTORE_DOES_NOT_EXIST" },
  });
  expect((await ask("GET /api/2.0/sql/warehouses")).body).toEqual({});
  workspace.set({ metastoreAssigned: true, warehouses: DEFAULT_SETTINGS.warehouses });
});

test("the metastore shows its region, and the workspace's id is beyond 2^53", async () => {
  expect((await ask(`GET ${UC}/metastore_summary`)).body).toMatchObject({ region: "us-west-2", cloud: "aws" });
  const { body } = await ask(`GET ${UC}/current-metastore-assignment`);
  expect(body["workspace_id"]).toBeGreaterThan(2n ** 53n);
});

test("a route that does not exist is a 404 that a test can find afterwards", async () => {
  expect(await ask("GET /api/2.0/unity-catalog/catalogs")).toMatchObject({
    status: 404,
    body: { error_code: "ENDPOINT_NOT_FOUND", details: [{ "@type": "type.googleapis.com/google.rpc.RequestInfo" }] },
  });
  expect(await ask(`DELETE ${UC}/catalogs`)).toMatchObject({ status: 404 });
  expect(workspace.journal.complaints().map(({ path }) => path)).toEqual([
    "/api/2.0/unity-catalog/catalogs",
    `${UC}/catalogs`,
  ]);
});

test("a call without a User-Agent is refused", async () => {
  // fetch always sends one.
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(Number(new URL(workspace.url).port), "127.0.0.1", () => {
      socket.write(
        `GET ${ME} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${ENGINEER_TOKEN}\r\nConnection: close\r\n\r\n`,
      );
    });
    let text = "";
    socket.on("data", (part) => {
      text += part;
    });
    socket.on("close", () => resolve(text));
  });
  expect(answer).toStartWith("HTTP/1.1 400");
  expect(answer).toContain("User-Agent");
});

test("names in a path are encoded parts: a slash or a question mark in a name is not a path or a query", async () => {
  const found = await ask(`GET ${UC}/catalogs/${encodeURIComponent("a b/c?d")}`);
  expect(found).toMatchObject({
    status: 404,
    body: { error_code: "CATALOG_DOES_NOT_EXIST", message: "Catalog 'a b/c?d' does not exist." },
  });
});

test("faults: a refusal with Retry-After, once, at the call that is meant, and what is left of them", async () => {
  workspace.faults.add({ what: "refuse", method: "GET", path: `${UC}/*`, status: 429, retry_after: "2", after: 1 });
  const path = `${UC}/metastore_summary`;
  expect((await ask(`GET ${ME}`)).status).toBe(200);
  expect((await ask(`GET ${path}`)).status).toBe(200);
  expect(workspace.faults.left()).toHaveLength(1);
  const refused = await ask(`GET ${path}`);
  expect([refused.status, refused.body["error_code"], refused.headers.get("retry-after")]).toEqual([
    429,
    "REQUEST_LIMIT_EXCEEDED",
    "2",
  ]);
  expect((await ask(`GET ${path}`)).status).toBe(200);
  expect(workspace.faults.left()).toEqual([]);
});

test("faults: the answer is lost although it was done; the connection ends and nothing was done", async () => {
  const make = (name: string) =>
    ask(`POST ${UC}/storage-credentials`, {
      name,
      aws_iam_role: { role_arn: "arn:aws:iam::123456789012:role/lake" },
      skip_validation: true,
    });
  workspace.faults.add({ what: "lose-answer", method: "POST" });
  workspace.faults.add({ what: "close", method: "POST" });
  await expect(make("kept")).rejects.toThrow();
  expect(await ask(`GET ${UC}/storage-credentials/kept`)).toMatchObject({ status: 200 });
  await expect(make("never")).rejects.toThrow();
  expect(await ask(`GET ${UC}/storage-credentials/never`)).toMatchObject({ status: 404 });
  expect(await make("kept")).toMatchObject({ body: { error_code: "STORAGE_CREDENTIAL_ALREADY_EXISTS" } });
});

test("faults: a proxy's page instead of JSON, and an answer that comes late", async () => {
  workspace.faults.add({ what: "html", status: 502 });
  const page = await ask(`GET ${ME}`);
  expect([page.status, page.headers.get("content-type")]).toEqual([502, "text/html"]);
  workspace.faults.add({ what: "slow", delay_ms: 50 });
  const startedAt = performance.now();
  expect((await ask(`GET ${ME}`)).status).toBe(200);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(45);
  expect(() => workspace.faults.add({ what: "nonsense" as "slow" })).toThrow();
});

test("faults: half of an answer is not an answer, although it was done", async () => {
  workspace.faults.add({ what: "half-answer", method: "POST" });
  await expect(
    ask("POST /api/2.0/lakeview/dashboards", { display_name: "a", parent_path: "/Shared" }),
  ).rejects.toThrow();
  expect(await ask("POST /api/2.0/lakeview/dashboards", { display_name: "a", parent_path: "/Shared" })).toMatchObject({
    body: { error_code: "RESOURCE_ALREADY_EXISTS" },
  });
});

test("every answer may come late, as over a network", async () => {
  workspace.set({ delayMs: 30 });
  const startedAt = performance.now();
  await Promise.all([ask(`GET ${ME}`), ask(`GET ${ME}`), ask(`GET ${ME}`)]);
  const tookMs = performance.now() - startedAt;
  workspace.set({ delayMs: 0 });
  expect(tookMs).toBeGreaterThanOrEqual(28);
});

test("too many calls a second are 429 with Retry-After", async () => {
  workspace.set({ callsPerSecond: 2 });
  const statuses = [(await ask(`GET ${ME}`)).status, (await ask(`GET ${ME}`)).status, (await ask(`GET ${ME}`)).status];
  expect(statuses).toEqual([200, 200, 429]);
  nowMs += 1_001;
  expect((await ask(`GET ${ME}`)).status).toBe(200);
});

test("the journal has every call with its body, and no secret", async () => {
  await ask(`POST ${UC}/catalogs`, { name: "acme", client_secret: "s3cr3t" });
  await askToken("grant_type=client_credentials&scope=all-apis");
  const entries = workspace.journal.entries();
  expect(entries[0]).toEqual({
    method: "POST",
    path: `${UC}/catalogs`,
    caller: ENGINEER,
    userAgent: "test/1.0",
    body: { name: "acme", client_secret: "(hidden)" },
    status: 400,
    errorCode: "MALFORMED_REQUEST",
    fault: undefined,
  });
  const text = JSON.stringify(entries);
  for (const secret of ["s3cr3t", ENGINEER_TOKEN, ROBOT_SECRET, Buffer.from(ROBOT_SECRET).toString("base64")]) {
    expect(text).not.toContain(secret);
  }
});

test("as a process of its own it prints where it is, and is asked and steered under /-/", async () => {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "main.ts"), "--settings", '{"region":"eu-west-1"}'],
    {
      stdin: "pipe",
      stdout: "pipe",
      env: { PATH: process.env["PATH"] ?? "" },
    },
  );
  const { value } = await child.stdout.getReader().read();
  const { url, token } = JSON.parse(new TextDecoder().decode(value)) as { url: string; token: string };
  const other = askOf({ ...workspace, url }, token);
  expect((await other(`GET ${UC}/metastore_summary`)).body).toMatchObject({ region: "eu-west-1" });
  expect(await other("POST /-/faults", { what: "refuse", status: 503 })).toMatchObject({ status: 200 });
  expect((await other(`GET ${ME}`)).status).toBe(503);
  expect(await other("PATCH /-/settings", { regoin: "a" })).toMatchObject({ status: 400 });
  expect(await other("PATCH /-/settings", { region: "us-east-1" })).toMatchObject({ status: 200 });
  expect((await other(`GET ${UC}/metastore_summary`)).body).toMatchObject({ region: "us-east-1" });
  expect((await other("GET /-/journal")).body).toHaveLength(3);
  expect((await other("GET /-/complaints")).body).toEqual([] as never);
  await other("POST /-/reset");
  expect((await other("GET /-/journal")).body).toHaveLength(0);
  child.stdin.end();
  expect(await child.exited).toBe(0);
});
