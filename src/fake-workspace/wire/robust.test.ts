/** The fake answers every request as an API does: nonsense is a 4xx with an error_code, never a failure of the fake. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { makeCatalog } from "../world/scene.ts";
import { type Ask, askOf } from "./ask.ts";
import type { Workspace } from "./port.ts";
import { ROUTES } from "./routes.ts";
import { startWorkspace } from "./workspace.ts";

let workspace: Workspace;
let ask: Ask;

beforeAll(async () => {
  workspace = await startWorkspace();
  ask = askOf(workspace);
  await makeCatalog(ask);
});
afterAll(() => workspace.stop());

/** Fields that requests have, with values that may or may not fit. */
const FIELDS = [
  "name",
  "catalog_name",
  "schema_name",
  "url",
  "credential_name",
  "storage_root",
  "aws_iam_role",
  "changes",
  "statement",
  "warehouse_id",
  "path",
  "content",
  "job_id",
  "run_id",
  "tasks",
  "new_settings",
  "display_name",
  "serialized_dashboard",
  "skip_validation",
  "enable_file_events",
  "force",
  "owner",
];
const NAMES = [
  "acme",
  "acme.sensors",
  "acme.sensors.t",
  "root",
  "lake",
  "0123456789abcdef",
  "s3://acme-root/x",
  "1",
  "`",
  "",
];
const value = fc.oneof(
  fc.constantFrom(...NAMES),
  fc.boolean(),
  fc.integer(),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom("SELECT 1", "DROP TABLE", "CREATE TABLE acme.sensors.t (a INT)", "GRANT", "'"),
);
const body = fc.oneof(
  fc.constant(undefined),
  fc.constant("{"),
  fc.jsonValue({ maxDepth: 2 }),
  fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 5 }),
);
const query = fc.dictionary(
  fc.constantFrom(
    "max_results",
    "page_token",
    "name",
    "path",
    "job_id",
    "run_id",
    "catalog_name",
    "schema_name",
    "force",
  ),
  fc.constantFrom(...NAMES, "-1", "true", "99999999999999999999"),
  { maxKeys: 3 },
);

test("random calls of every route: an answer, and when it is a refusal, one with a code", async () => {
  const call = fc.record({
    route: fc.constantFrom(...ROUTES),
    names: fc.array(fc.constantFrom(...NAMES, "%zz")),
    query,
    body,
  });
  const property = fc.asyncProperty(call, async ({ route, names, query, body }) => {
    let next = 0;
    const path = route.template.replace(/\{\w+\}/g, () => {
      const name = names[next++] ?? "acme";
      return name === "%zz" ? name : encodeURIComponent(name);
    });
    const search = Object.entries(query).map(([key, one]) => `${key}=${encodeURIComponent(one)}`);
    const answer = await ask(`${route.method} ${path}?${search.join("&")}`, route.method === "GET" ? undefined : body);
    // Without AWS, calls that ask AWS cannot be answered: that is the test's own gap, not the fake's.
    const noAws = String(answer.body["message"]).includes("without an AWS endpoint");
    if (answer.status === 200 || noAws) return;
    expect([400, 403, 404, 409, 501]).toContain(answer.status);
    expect(answer.body).toMatchObject({ error_code: expect.any(String), message: expect.any(String) });
  });
  await fc.assert(property, { numRuns: cases(1_500), endOnFailure: true });
});

test("pages of any size show every element once, in any mixture of sizes", async () => {
  const names = ["l1", "l2", "l3", "l4", "l5", "l6", "l7"];
  workspace.reset();
  workspace.set({ pageSize: 3 });
  await makeCatalog(ask);
  for (const name of names) {
    const location = { name, url: `s3://acme-${name}`, credential_name: "lake", skip_validation: true };
    await ask("POST /api/2.1/unity-catalog/external-locations", { ...location, enable_file_events: false });
  }
  const property = fc.asyncProperty(fc.array(fc.nat({ max: 5 }), { minLength: 1 }), async (sizes) => {
    const seen: string[] = [];
    let token: unknown;
    let page = 0;
    do {
      const size = sizes[page++ % sizes.length];
      const more = token === undefined ? "" : `&page_token=${token}`;
      const { body } = await ask(`GET /api/2.1/unity-catalog/external-locations?max_results=${size}${more}`);
      seen.push(...(body["external_locations"] as { name: string }[]).map(({ name }) => name));
      token = body["next_page_token"];
    } while (token !== undefined);
    expect(seen).toEqual(["root", "raw", ...names]);
  });
  await fc.assert(property, { numRuns: cases(30) });
});
