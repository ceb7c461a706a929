/** The Databricks half of provision against the strict fake workspace, over HTTP, with moto's roles and buckets behind it. */
import { expect, test } from "bun:test";
import { ROBOT, ROBOT_SECRET } from "../../fake-workspace/world/settings.ts";
import {
  apply,
  contentsOf,
  destroy,
  endLakes,
  failuresOf,
  lakeTest,
  linesOf,
  planOf,
  startLake,
  writesOf,
} from "./lake.suite.ts";
import { isLetIn } from "./validate.ts";

const PEOPLE = { AGENT_LAKE_READERS: "analysts", AGENT_LAKE_LOADER: ROBOT };
/** moto takes seconds to start. */
const LONG_MS = 300_000;
endLakes();

lakeTest(
  "in an empty workspace everything is made; the second plan has nothing to do, and the second apply calls nothing",
  async () => {
    const lake = await startLake({ env: PEOPLE });
    const { prefix } = lake.naming;
    const lines = linesOf(await planOf(lake));
    expect(writesOf(lake.workspace)).toEqual([]);
    const short = lines.map((line) => line.replaceAll("expanso_catalog.sensor_data.", "").replaceAll(prefix, "PREFIX"));
    expect(short).toEqual([
      "create storage credential PREFIX_us_west_2: it does not exist",
      "create role PREFIX-unity-catalog-us-west-2: it does not exist",
      "create access of storage credential PREFIX_us_west_2: Unity Catalog cannot use the role yet",
      ...[
        "raw_data",
        "validated_data",
        "anomalies_data",
        "schematized_data",
        "aggregated_data",
        "checkpoints",
        "metadata",
      ].map((use) => `create external location PREFIX_${use}_us_west_2: it does not exist`),
      "create catalog expanso_catalog: it does not exist",
      "create schema expanso_catalog.sensor_data: it does not exist",
      ...["raw", "validated", "anomalies", "schematized", "aggregated", "checkpoints"].map(
        (use) => `create volume ${use}: it does not exist`,
      ),
      ...["ingestion", "validated", "anomalies", "schematized", "aggregated", "quarantine", "heartbeats"].map(
        (name) => `create table sensor_readings_${name}: it does not exist`,
      ),
      ...["raw_data", "validated_data", "anomalies_data", "schematized_data", "aggregated_data", "metadata"].map(
        (use) => `create grants on external location PREFIX_${use}_us_west_2: READ_FILES to ${ROBOT}`,
      ),
      `create grants on catalog expanso_catalog: USE_CATALOG to analysts; USE_CATALOG to ${ROBOT}`,
      `create grants on schema expanso_catalog.sensor_data: USE_SCHEMA to analysts; USE_SCHEMA, CREATE_TABLE to ${ROBOT}`,
      ...["raw", "validated", "anomalies", "schematized", "aggregated"].map(
        (use) => `create grants on volume ${use}: READ_VOLUME to ${ROBOT}`,
      ),
      `create grants on volume checkpoints: READ_VOLUME, WRITE_VOLUME to ${ROBOT}`,
      ...["ingestion", "validated", "anomalies", "schematized", "aggregated", "quarantine", "heartbeats"].map(
        (name) => `create grants on table sensor_readings_${name}: SELECT to analysts; SELECT, MODIFY to ${ROBOT}`,
      ),
    ]);

    expect(failuresOf(await apply(lake))).toEqual([]);
    const made = writesOf(lake.workspace).length;
    expect(linesOf(await planOf(lake))).toEqual([]);
    expect(await apply(lake)).toEqual([]);
    expect(writesOf(lake.workspace)).toHaveLength(made);
    expect(contentsOf(lake.workspace)["locations"]).toEqual(
      [
        "aggregated-data",
        "anomalies-data",
        "checkpoints",
        "metadata",
        "raw-data",
        "schematized-data",
        "validated-data",
      ].map((use) => `${`${prefix}_${use}_us_west_2`.replaceAll("-", "_")} s3://${prefix}-${use}-us-west-2`),
    );
    expect(lake.workspace.journal.complaints()).toEqual([]);

    expect(failuresOf(await destroy(lake))).toEqual([]);
    const nothing = {
      credentials: [],
      locations: [],
      catalogs: [],
      schemas: [],
      volumes: [],
      tables: [],
      jobs: [],
      dashboards: [],
      notebooks: [],
    };
    expect(contentsOf(lake.workspace)).toEqual(nothing);
    expect(await destroy(lake)).toEqual([]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "file events are always said, never left to a default; SQL waits for its warehouse; grants are seen before a step is done",
  async () => {
    const lake = await startLake({
      env: { ...PEOPLE, AGENT_FILE_EVENTS: "on" },
      // Not more: waits of steps that run beside each other add up on the clock of this world.
      workspace: { grantReadsThatLag: 2, statementAsksPending: 3, validationsThatFailFirst: 4 },
    });
    expect(failuresOf(await apply(lake))).toEqual([]);
    const entries = lake.workspace.journal.entries();
    const locations = entries.filter(({ method, path }) => method === "POST" && path.endsWith("/external-locations"));
    const events = locations.map(({ body }) => {
      const { name, enable_file_events, file_event_queue, skip_validation } = body as Record<string, unknown>;
      return [
        String(name).replace(`${lake.naming.prefix}_`, ""),
        enable_file_events,
        file_event_queue,
        skip_validation,
      ];
    });
    expect(events.sort()).toEqual([
      ["aggregated_data_us_west_2", true, { managed_sqs: {} }, false],
      ["anomalies_data_us_west_2", true, { managed_sqs: {} }, false],
      ["checkpoints_us_west_2", false, undefined, false],
      ["metadata_us_west_2", false, undefined, false],
      ["raw_data_us_west_2", true, { managed_sqs: {} }, false],
      ["schematized_data_us_west_2", true, { managed_sqs: {} }, false],
      ["validated_data_us_west_2", true, { managed_sqs: {} }, false],
    ]);
    expect(entries.filter(({ path }) => path.endsWith("/start"))).toHaveLength(1);
    lake.workspace.set({ grantReadsThatLag: 0 });
    expect(linesOf(await planOf(lake))).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "a service principal provisions as well as a person",
  async () => {
    const env = { DATABRICKS_TOKEN: "", DATABRICKS_CLIENT_ID: ROBOT, DATABRICKS_CLIENT_SECRET: ROBOT_SECRET };
    const lake = await startLake({ env });
    expect(failuresOf(await apply(lake))).toEqual([]);
    const logins = lake.workspace.journal.entries().filter(({ path }) => path === "/oidc/v1/token");
    expect(logins).toHaveLength(1);
    expect(new Set(lake.workspace.journal.entries().map(({ caller }) => caller))).toEqual(new Set([null, ROBOT]));
  },
  LONG_MS,
);

lakeTest(
  "a workspace that is elsewhere, or is none, is refused before anything is asked of it",
  async () => {
    const refused = async (more: Parameters<typeof startLake>[0]) => {
      const lake = await startLake(more);
      const error = await planOf(lake).catch((caught: unknown) => caught as Error);
      expect(writesOf(lake.workspace)).toEqual([]);
      return error instanceof Error ? error.message : "planned";
    };
    const elsewhere = "Cannot use the workspace: its metastore is in eu-west-1, and the buckets are in us-west-2";
    expect(await refused({ workspace: { region: "eu-west-1" } })).toBe(elsewhere);
    expect(await refused({ env: { DATABRICKS_TOKEN: "dapi-old" } })).toMatch(
      /^Cannot .*: Databricks refuses the token: /,
    );
    expect(await refused({ env: { DATABRICKS_HOST: "" } })).toBe("Cannot reach Databricks: DATABRICKS_HOST is not set");
    expect(await refused({ env: { DATABRICKS_TOKEN: "" } })).toContain("DATABRICKS_TOKEN is not set");
    const both = { DATABRICKS_CLIENT_ID: "a", DATABRICKS_CLIENT_SECRET: "b" };
    expect(await refused({ env: both })).toContain("there is a token and a service principal");
  },
  LONG_MS,
);

test("who may list has been let in, whatever is there to read; any other failure is not let in", () => {
  const proofs = (failing: readonly string[]) =>
    ["READ", "LIST", "WRITE", "DELETE", "PATH_EXISTS"].map((operation) => {
      return { operation, passed: !failing.includes(operation), message: "" };
    });
  expect(isLetIn(proofs([]))).toBe(true);
  expect(isLetIn(proofs(["READ"]))).toBe(true);
  expect(isLetIn(proofs(["READ", "LIST"]))).toBe(false);
  expect(isLetIn(proofs(["LIST"]))).toBe(false);
  expect(isLetIn(proofs(["READ", "PATH_EXISTS"]))).toBe(false);
});

lakeTest(
  "a location that was made read only, elsewhere and empty, is repaired",
  async () => {
    const lake = await startLake();
    expect(failuresOf(await apply(lake))).toEqual([]);
    const { locations } = lake.workspace.world();
    const name = `${lake.naming.prefix}_raw_data_us_west_2`;
    locations.set(name, { ...locations.get(name)!, url: "s3://nobodys-bucket", readOnly: true });
    expect(failuresOf(await apply(lake, false, { force: true }))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
  },
  LONG_MS,
);
