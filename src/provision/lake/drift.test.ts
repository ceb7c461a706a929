/** Changes by hand, things that were there before, and what may not be changed: found, reported, and repaired where it is ours. */
import { expect } from "bun:test";
import type { Workspace } from "../../fake-workspace/wire/port.ts";
import { ENGINEER, ENGINEER_TOKEN, ROBOT } from "../../fake-workspace/world/settings.ts";
import {
  apply,
  destroy,
  endLakes,
  failuresOf,
  lakeTest,
  linesOf,
  planOf,
  removal,
  startLake,
  type TestLake,
  writesOf,
} from "./lake.suite.ts";

const LONG_MS = 300_000;
endLakes();
const TABLES = "expanso_catalog.sensor_data";
const OLD = "s3://somewhere-else/old";

/** A set-up that is whole. */
async function whole(more: Parameters<typeof startLake>[0] = {}): Promise<TestLake> {
  const lake = await startLake(more);
  expect(failuresOf(await apply(lake))).toEqual([]);
  return lake;
}

type Kind = "credentials" | "locations" | "catalogs" | "schemas" | "volumes" | "tables";

/** As a person with the workspace's own page would change it. */
function edit(workspace: Workspace, kind: Kind, name: string, change: object): void {
  const map = workspace.world()[kind] as Map<string, object>;
  expect(map.has(name)).toBe(true);
  map.set(name, { ...map.get(name), ...change });
}

const nameOf = (lake: TestLake, use: string) => `${lake.naming.prefix}_${use}_us_west_2`.replaceAll("-", "_");
const bucketOf = (lake: TestLake, use: string) => `s3://${lake.naming.prefix}-${use}-us-west-2`;
const urlOf = (lake: TestLake, use: string) => lake.workspace.world().locations.get(nameOf(lake, use))!.url;

/** Plan, apply, and nothing left to do. Returns the plan's lines. */
async function repaired(lake: TestLake, adopt = false, force = false): Promise<string[]> {
  const lines = linesOf(await planOf(lake, adopt, { force }));
  expect(failuresOf(await apply(lake, adopt, { force }))).toEqual([]);
  expect(linesOf(await planOf(lake))).toEqual([]);
  expect(lake.workspace.journal.complaints()).toEqual([]);
  return lines;
}

lakeTest(
  "a location that points to the wrong bucket is tried first, then repaired, read back and tried again",
  async () => {
    const lake = await whole();
    const name = nameOf(lake, "raw-data");
    edit(lake.workspace, "locations", name, { url: OLD });
    lake.workspace.journal.clear();
    const right = bucketOf(lake, "raw-data");
    expect(await repaired(lake)).toEqual([`update external location ${name}: url: ${OLD} -> ${right}`]);
    const calls = lake.workspace.journal.entries().filter(({ method }) => method !== "GET");
    const bodies = calls.map(({ method, body }) => [method, body as object]);
    const patched = bodies.findIndex(([method]) => method === "PATCH");
    const credential = `${lake.naming.prefix}_us_west_2`;
    expect(bodies.slice(patched - 1, patched + 2)).toEqual([
      ["POST", { storage_credential_name: credential, url: `${right}/`, external_location_name: name }],
      ["PATCH", { url: `${right}/`, credential_name: credential, force: true, skip_validation: false }],
      ["POST", { storage_credential_name: credential, external_location_name: name }],
    ]);
  },
  LONG_MS,
);

lakeTest(
  "locations that were swapped, or moved in a circle, are all repaired although no two may overlap at any moment",
  async () => {
    const lake = await whole();
    const circle = ["raw-data", "validated-data", "anomalies-data"];
    for (const [at, use] of circle.entries()) {
      edit(lake.workspace, "locations", nameOf(lake, use), { url: bucketOf(lake, circle[(at + 1) % 3]!) });
    }
    edit(lake.workspace, "locations", nameOf(lake, "checkpoints"), { url: bucketOf(lake, "metadata") });
    edit(lake.workspace, "locations", nameOf(lake, "metadata"), { url: bucketOf(lake, "checkpoints") });
    expect(await repaired(lake)).toHaveLength(5);
    for (const use of [...circle, "checkpoints", "metadata"]) expect(urlOf(lake, use)).toBe(bucketOf(lake, use));
  },
  LONG_MS,
);

lakeTest(
  "a location with contents under its wrong url is not repaired without --force, and says what would break",
  async () => {
    const lake = await whole();
    const name = nameOf(lake, "raw-data");
    edit(lake.workspace, "locations", name, { url: "s3://somewhere-else" });
    edit(lake.workspace, "volumes", `${TABLES}.raw`, { url: `${OLD}/readings`, comment: "of somebody", name: "raw" });
    const before = linesOf(await planOf(lake));
    expect(before[0]).toContain("; breaks volume expanso_catalog.sensor_data.raw");
    const outcome = failuresOf(await apply(lake)).find((line) => line.startsWith("failed update external"));
    expect(outcome).toContain("volume expanso_catalog.sensor_data.raw would break");
    expect(urlOf(lake, "raw-data")).toBe("s3://somewhere-else");
    expect(failuresOf(await apply(lake, true, { force: true }))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "settings of a location, the role of the credential, and grants that are missing are put right",
  async () => {
    const lake = await whole({ env: { AGENT_LAKE_READERS: "analysts", AGENT_LAKE_LOADER: ROBOT } });
    const { workspace } = lake;
    const credential = `${lake.naming.prefix}_us_west_2`;
    const raw = nameOf(lake, "raw-data");
    edit(workspace, "locations", raw, { fileEvents: true, readOnly: true });
    edit(workspace, "credentials", credential, { roleArn: "arn:aws:iam::123456789012:role/old" });
    workspace.world().grants.forget(workspace.world().schemas.get(TABLES)!.id);
    const lines = linesOf(await planOf(lake));
    expect(lines.filter((line) => !line.startsWith("create access"))).toEqual([
      `update storage credential ${credential}: role: arn:aws:iam::123456789012:role/old -> arn:aws:iam::123456789012:role/${lake.naming.prefix}-unity-catalog-us-west-2`,
      `update external location ${raw}: read only: on -> off`,
      `update external location ${raw}: file events: on -> off`,
      `update grants on schema ${TABLES}: missing: USE_SCHEMA to analysts`,
      `update grants on schema ${TABLES}: missing: USE_SCHEMA, CREATE_TABLE to ${ROBOT}`,
    ]);
    // With its new role the credential may be given a new external id: the role trusts that in the same run.
    expect(failuresOf(await apply(lake))).toEqual([]);
    workspace.set({ grantReadsThatLag: 0 });
    expect(linesOf(await planOf(lake))).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "a volume that names another place is replaced, its files untouched; a managed one is never",
  async () => {
    const lake = await whole();
    const volume = `${TABLES}.checkpoints`;
    edit(lake.workspace, "volumes", volume, { url: OLD });
    expect(await repaired(lake)).toEqual([
      `replace volume ${volume}: place: ${OLD} -> ${bucketOf(lake, "checkpoints")}`,
    ]);
    edit(lake.workspace, "volumes", volume, { url: OLD, external: false });
    expect(linesOf(await planOf(lake))).toEqual([
      `Cannot use volume ${volume}: it is a managed volume, with files of its own`,
    ]);
    expect(failuresOf(await apply(lake, true))[0]).toContain("its files would go with it");
    expect(lake.workspace.world().volumes.get(volume)!.url).toBe(OLD);
  },
  LONG_MS,
);

lakeTest(
  "columns that are missing are added; a column of another type is reported and left",
  async () => {
    const lake = await whole();
    const table = `${TABLES}.sensor_readings_anomalies`;
    const { columns } = lake.workspace.world().tables.get(table)!;
    const without = columns.filter(({ name }) => !["humidity", "severity", "_rescued_data"].includes(name));
    edit(lake.workspace, "tables", table, { columns: without });
    expect(await repaired(lake)).toEqual([`update table ${table}: columns: + humidity, severity, _rescued_data`]);
    expect(
      new Set(
        lake.workspace
          .world()
          .tables.get(table)!
          .columns.map(({ name }) => name),
      ),
    ).toEqual(new Set(columns.map(({ name }) => name)));
    const other = columns.map((one) => (one.name === "timestamp" ? { ...one, type: "string" } : one));
    edit(lake.workspace, "tables", table, { columns: other });
    expect(linesOf(await planOf(lake))).toEqual([
      `update table ${table}: type of timestamp: string -> timestamp, which cannot be changed in place`,
    ]);
    expect(failuresOf(await apply(lake))[0]).toContain("the type of a column stays as it was made");
  },
  LONG_MS,
);

lakeTest(
  "what is not ours is refused by its comment, taken over by --adopt, and its own words stay",
  async () => {
    const lake = await whole();
    const { workspace } = lake;
    const credential = `${lake.naming.prefix}_us_west_2`;
    const raw = nameOf(lake, "raw-data");
    const table = `${TABLES}.sensor_readings_ingestion`;
    edit(workspace, "locations", raw, { comment: "made by hand", url: OLD });
    edit(workspace, "tables", table, { comment: undefined });
    edit(workspace, "schemas", TABLES, { comment: "it is managed-by=agent-provision-too" });
    edit(workspace, "credentials", credential, { comment: "shared" });
    const not = "its comment does not say managed-by=agent-provision";
    expect(linesOf(await planOf(lake))).toEqual([
      `Cannot use storage credential ${credential}: ${not}`,
      `Cannot use external location ${raw}: ${not}`,
      `Cannot use schema ${TABLES}: ${not}`,
      `Cannot use table ${table}: ${not}`,
    ]);
    workspace.journal.clear();
    await destroy(lake);
    expect([...workspace.world().locations.keys()]).toContain(raw);
    expect(workspace.world().tables.has(table)).toBe(true);
    expect(failuresOf(await apply(lake, true))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    expect(workspace.world().locations.get(raw)!.comment).toBe(
      "made by hand managed-by=agent-provision agent-provision-adopted",
    );
    expect(urlOf(lake, "raw-data")).toBe(bucketOf(lake, "raw-data"));
  },
  LONG_MS,
);

lakeTest(
  "a catalog whose managed storage is elsewhere is refused with the reason, as it can never be moved",
  async () => {
    const lake = await whole();
    edit(lake.workspace, "catalogs", "expanso_catalog", { storageRoot: null });
    const refused = `Cannot use catalog expanso_catalog: its managed storage is the metastore's, not ${bucketOf(lake, "metadata")}/unity-catalog, and can never be moved`;
    expect(linesOf(await planOf(lake))).toEqual([refused]);
    expect(linesOf(await planOf(lake, true))).toEqual([]);
    edit(lake.workspace, "catalogs", "expanso_catalog", { storageRoot: OLD });
    expect(linesOf(await planOf(lake))).toEqual([refused.replace("the metastore's", OLD)]);
  },
  LONG_MS,
);

lakeTest(
  "another owner's location in the way is named, with its owner",
  async () => {
    const lake = await startLake();
    await apply(lake);
    const raw = nameOf(lake, "raw-data");
    const { locations } = lake.workspace.world();
    const mine = locations.get(raw)!;
    lake.workspace.world().volumes.delete(`${TABLES}.raw`);
    locations.delete(raw);
    locations.set("theirs", { ...mine, name: "theirs", owner: "someone@example.com", comment: "theirs", id: "x" });
    const failures = failuresOf(await apply(lake));
    expect(failures[0]).toMatch(
      new RegExp(
        `Cannot point external location ${raw} to ${bucketOf(lake, "raw-data")}: it overlaps external location "theirs" \\(.*, of someone@example.com\\)$`,
      ),
    );
    expect(failures.filter((line) => line.startsWith("skipped"))).toHaveLength(1);
  },
  LONG_MS,
);

/** No one's admin: what a colleague without rights would be. */
const GUEST = {
  name: "guest@example.com",
  groups: ["analysts"],
  token: "dapi-fake-guest",
  clientSecret: null,
  metastoreAdmin: false,
};
const ADMIN = { ...GUEST, name: "admin@example.com", groups: [], token: "dapi-fake-admin", metastoreAdmin: true };
const ENGINEER_PERSON = { name: ENGINEER, groups: [], token: ENGINEER_TOKEN, clientSecret: null, metastoreAdmin: true };

lakeTest(
  "without the permission the step says which one is missing and whom to ask, and the rest is not touched",
  async () => {
    const lake = await startLake({ workspace: { people: [GUEST] }, env: { DATABRICKS_TOKEN: GUEST.token } });
    const outcomes = await apply(lake);
    const [first] = outcomes;
    expect(first).toMatchObject({
      result: "failed",
      problem: {
        missing: "CREATE STORAGE CREDENTIAL on Metastore 'metastore-us-west-2'",
        advice:
          "An admin of the workspace's metastore can grant what is missing: CREATE STORAGE CREDENTIAL on Metastore 'metastore-us-west-2'",
        try: "agent config check --live",
      },
    });
    expect(outcomes.slice(1).every(({ result }) => result === "skipped")).toBe(true);
    expect(writesOf(lake.workspace)).toEqual(["POST /storage-credentials"]);
  },
  LONG_MS,
);

lakeTest(
  "what a colleague owns is taken over by a request of its own, before it is changed; where that is denied, the message says what they can run",
  async () => {
    const lake = await whole({ workspace: { people: [ENGINEER_PERSON, ADMIN, GUEST] } });
    const credential = `${lake.naming.prefix}_us_west_2`;
    edit(lake.workspace, "credentials", credential, { roleArn: "arn:aws:iam::123456789012:role/old" });
    lake.workspace.journal.clear();
    const asAdmin = { env: { DATABRICKS_TOKEN: ADMIN.token } };
    expect(failuresOf(await apply(lake, false, asAdmin))).toEqual([]);
    const patches = lake.workspace.journal.entries().filter(({ method }) => method === "PATCH");
    expect(patches.map(({ status, body }) => [status, Object.keys(body as object)])).toEqual([
      [403, ["aws_iam_role", "skip_validation", "force"]],
      [200, ["owner"]],
      [200, ["aws_iam_role", "skip_validation", "force"]],
    ]);
    // A metastore admin may not give a location a new owner, as the documentation has it: its owner has to.
    const raw = nameOf(lake, "raw-data");
    edit(lake.workspace, "locations", raw, { readOnly: true });
    const [told] = (await apply(lake, false, asAdmin)).filter(({ result }) => result === "failed");
    expect(told!.problem!.message).toContain(`it belongs to "${ENGINEER}", and we are "${ADMIN.name}"`);
    expect(told!.problem).toMatchObject({
      missing: `ownership of external location ${raw}`,
      advice: `"${ENGINEER}" can run this command, which gives it to "${ADMIN.name}"`,
      try: `databricks api patch /api/2.1/unity-catalog/external-locations/${raw} --json '{"owner":"${ADMIN.name}"}'`,
    });
  },
  LONG_MS,
);

lakeTest(
  "destroy leaves what others put into the schema and the catalog, and names it",
  async () => {
    const lake = await whole();
    const { tables, schemas } = lake.workspace.world();
    tables.set(`${TABLES}.report`, {
      ...tables.get(`${TABLES}.sensor_readings_raw`)!,
      ...tables.values().next().value!,
      name: "report",
    });
    const { kept } = await removal(lake, []);
    expect(kept).toEqual([
      `Cannot destroy schema ${TABLES}: it holds 1 table that agent provision did not make (report)`,
    ]);
    expect(schemas.has(TABLES)).toBe(true);
    expect([...tables.keys()]).toEqual([`${TABLES}.report`]);
    tables.delete(`${TABLES}.report`);
    expect(failuresOf(await destroy(lake))).toEqual([]);
    expect(schemas.size).toBe(0);
  },
  LONG_MS,
);
