/** What destroy keeps in Databricks: what was adopted, what is in things of others, and what others put into ours. */
import { expect } from "bun:test";
import { shippedQuestions } from "../load/shipped-questions.ts";
import {
  apply,
  contentsOf,
  endLakes,
  failuresOf,
  lakeTest,
  linesOf,
  planOf,
  removal,
  startLake,
  type TestLake,
} from "./lake.suite.ts";

const LONG_MS = 300_000;
endLakes();
const TABLES = "expanso_catalog.sensor_data";
const ADOPTED = "it was there before the first apply, and was taken over with --adopt";

async function whole(more: Parameters<typeof startLake>[0] = {}): Promise<TestLake> {
  const lake = await startLake(more);
  expect(failuresOf(await apply(lake))).toEqual([]);
  return lake;
}

type Kind = "credentials" | "locations" | "catalogs" | "schemas" | "volumes" | "tables";

function setComment(lake: TestLake, kind: Kind, name: string, comment: string): void {
  const map = lake.workspace.world()[kind] as Map<string, object>;
  expect(map.has(name)).toBe(true);
  map.set(name, { ...map.get(name), comment });
}

/** All that is left, each by its name. */
const left = (lake: TestLake) =>
  Object.values(contentsOf(lake.workspace))
    .flatMap((names) => names as string[])
    .map((name) => name.replace(/ .*/, ""));

lakeTest(
  "what was adopted stays with all that it needs, and the rest goes; with --adopted it goes too",
  async () => {
    const builtIn = ["expanso_catalog.default", "expanso_catalog.information_schema"];
    const [volume, table] = [`${TABLES}.raw`, `${TABLES}.sensor_readings_ingestion`];
    for (const kinds of [
      ["volumes", "tables"],
      ["credentials", "locations", "catalogs", "schemas"],
    ] as const) {
      const lake = await whole();
      const credential = `${lake.naming.prefix}_us_west_2`;
      const location = (use: string) => `${lake.naming.prefix}_${use}_us_west_2`;
      const all: Readonly<Record<Kind, readonly [string, string]>> = {
        credentials: [credential, `storage credential ${credential}`],
        locations: [location("raw_data"), `external location ${location("raw_data")}`],
        catalogs: ["expanso_catalog", "catalog expanso_catalog"],
        schemas: [TABLES, `schema ${TABLES}`],
        volumes: [volume, `volume ${volume}`],
        tables: [table, `table ${table}`],
      };
      const adopted = kinds.map((kind) => all[kind][1]);
      for (const kind of kinds) setComment(lake, kind, all[kind][0], "made by hand");
      expect(linesOf(await planOf(lake))).toHaveLength(kinds.length);
      expect(failuresOf(await apply(lake, true))).toEqual([]);
      expect(linesOf(await planOf(lake))).toEqual([]);
      const { kept, outcomes } = await removal(lake, []);
      expect(kept.sort()).toEqual(adopted.map((id) => `Cannot destroy ${id}: ${ADOPTED}`).sort());
      expect(failuresOf(outcomes).filter((line) => !/^skipped .* was left: .* still needs it$/.test(line))).toEqual([]);
      const needed = [TABLES, ...builtIn, "expanso_catalog", location("metadata"), location("raw_data"), credential];
      const own = kinds.map((kind) => all[kind][0]).filter((name) => !needed.includes(name));
      expect(left(lake).sort()).toEqual([...needed, ...own].sort());
      const every = await removal(lake, ["adopted"]);
      expect([every.kept, failuresOf(every.outcomes)]).toEqual([[], []]);
      expect(every.remarks.map(({ resource, message }) => `${resource}: ${message}`).sort()).toEqual(
        adopted.map((id) => `${id}: ${ADOPTED}: deleted too`).sort(),
      );
      expect(left(lake)).toEqual([]);
      expect(lake.workspace.journal.complaints()).toEqual([]);
    }
  },
  LONG_MS,
);

lakeTest(
  "a notebook, a module, the queries and a dashboard that were adopted stay with their folder, unless it is said",
  async () => {
    const notebook = {
      name: "load",
      source: "# Databricks notebook source\nprint(1)\n",
      modules: [{ name: "part.py", source: "X = 1\n" }],
    };
    const shipped = { notebook, questions: shippedQuestions() };
    const lake = await startLake(shipped);
    expect(failuresOf(await apply(lake))).toEqual([]);
    const { tree, dashboards } = lake.workspace.world();
    const folder = `/Shared/${lake.naming.prefix}-agent-us-west-2`;
    for (const name of ["load", "part.py", "queries"]) {
      const path = `${folder}/${name}`;
      const found = tree.get(path)!;
      const theirs = (text: string) => text.replaceAll("managed-by=agent-provision", "mine");
      if (found.kind === "NOTEBOOK") tree.set(path, { ...found, source: theirs(found.source) });
      if (found.kind === "FILE") tree.set(path, { ...found, content: Buffer.from(theirs(found.content.toString())) });
    }
    const [id, dashboard] = [...dashboards][0]!;
    dashboards.set(id, {
      ...dashboard,
      serialized: dashboard.serialized.replaceAll("managed-by=agent-provision", "mine"),
    });
    expect(linesOf(await planOf(lake))).toHaveLength(4);
    expect(failuresOf(await apply(lake, true))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    // Also by the next version, which changes them.
    const newer = { ...shipped, notebook: { ...notebook, source: `${notebook.source}print(2)\n` } };
    expect(linesOf(await planOf(lake, false, newer))).toEqual([
      `update notebook ${folder}/load: source: another -> that of this version of the agent`,
    ]);
    expect(failuresOf(await apply(lake, false, newer))).toEqual([]);
    const { kept } = await removal(lake, [], newer);
    expect(kept.sort()).toEqual(
      [
        `Cannot destroy dashboard ${folder}/${lake.naming.prefix}-readings-us-west-2.lvdash.json: ${ADOPTED}`,
        `Cannot destroy notebook ${folder}/load: ${ADOPTED}`,
        `Cannot destroy notebook ${folder}/queries: ${ADOPTED}`,
        `Cannot destroy workspace file ${folder}/part.py: ${ADOPTED}`,
      ].sort(),
    );
    expect([...tree.keys()].filter((path) => path.startsWith(folder)).sort()).toEqual([
      folder,
      ...[`${lake.naming.prefix}-readings-us-west-2.lvdash.json`, "load", "part.py", "queries"].map(
        (name) => `${folder}/${name}`,
      ),
    ]);
    expect([...dashboards.values()].map(({ trashed }) => trashed)).toEqual([false]);
    const all = await removal(lake, ["adopted"], newer);
    expect([all.kept, failuresOf(all.outcomes), tree.has(folder)]).toEqual([[], [], false]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "what others put into the folder, the schema and the catalog is named before anything is deleted, stays, and goes with --foreign-objects",
  async () => {
    const notebook = { name: "load", source: "# Databricks notebook source\nprint(1)\n" };
    const lake = await whole({ notebook });
    const { tables, volumes, schemas, tree } = lake.workspace.world();
    const folder = `/Shared/${lake.naming.prefix}-agent-us-west-2`;
    const [table, schema] = [
      tables.get(`${TABLES}.sensor_readings_raw`) ?? tables.values().next().value!,
      schemas.get(TABLES)!,
    ];
    const volume = volumes.get(`${TABLES}.raw`)!;
    const mine = { owner: table.owner, comment: "mine" };
    tables.set(`${TABLES}.report`, { ...table, ...mine, id: "t1", name: "report" });
    schemas.set("expanso_catalog.theirs", { ...schema, ...mine, id: "s1", name: "theirs" });
    tables.set("expanso_catalog.theirs.a", { ...table, ...mine, id: "t2", schema: "theirs", name: "a" });
    tables.set("expanso_catalog.theirs.b", { ...table, ...mine, id: "t3", schema: "theirs", name: "b" });
    volumes.set("expanso_catalog.default.files", {
      ...volume,
      ...mine,
      id: "v1",
      schema: "default",
      name: "files",
      external: false,
    });
    tree.set(`${folder}/mine`, { ...tree.get(`${folder}/load`)!, path: `${folder}/mine` });
    lake.workspace.journal.clear();
    const { kept, outcomes } = await removal(lake, []);
    expect(kept.sort()).toEqual([
      "Cannot destroy catalog expanso_catalog: it holds 1 schema that agent provision did not make (theirs, with 2 tables); it holds 1 volume that agent provision did not make (default.files)",
      `Cannot destroy schema ${TABLES}: it holds 1 table that agent provision did not make (report)`,
      `Cannot destroy workspace folder ${folder}: it holds 1 object that agent provision did not make (mine)`,
    ]);
    expect(failuresOf(outcomes).filter((line) => !line.startsWith("skipped"))).toEqual([]);
    expect([[...tables.keys()].sort(), [...volumes.keys()], tree.has(`${folder}/mine`)]).toEqual([
      [`${TABLES}.report`, "expanso_catalog.theirs.a", "expanso_catalog.theirs.b"],
      ["expanso_catalog.default.files"],
      true,
    ]);
    const all = await removal(lake, ["foreign-objects"]);
    expect([all.kept, all.remarks.length, failuresOf(all.outcomes)]).toEqual([[], 4, []]);
    expect([left(lake), tree.has(folder)]).toEqual([[], false]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "a destroy under another prefix, with the same names of catalog and schema, touches nothing of the first set-up",
  async () => {
    const lake = await whole();
    const before = contentsOf(lake.workspace);
    lake.workspace.journal.clear();
    const other = { env: { S3_BUCKET_PREFIX: "other" } };
    const { kept, outcomes } = await removal(lake, [], other);
    // The role is a stand-in, of the first prefix.
    const ofDatabricks = (all: typeof outcomes) => all.filter(({ step }) => step.side === "databricks");
    expect(ofDatabricks(outcomes)).toEqual([]);
    expect(kept.at(-1)).toContain("Cannot destroy catalog expanso_catalog: its managed storage is ");
    expect(kept).toContain(
      `Cannot destroy table ${TABLES}.sensor_readings_ingestion: it is in catalog expanso_catalog, which is not ours`,
    );
    const every = await removal(lake, ["adopted", "foreign-objects"], other);
    expect([ofDatabricks(every.outcomes), contentsOf(lake.workspace)]).toEqual([[], before]);
  },
  LONG_MS,
);

lakeTest(
  "what is in a schema whose mark a person has overwritten is not deleted",
  async () => {
    const lake = await whole();
    setComment(lake, "schemas", TABLES, "Sensor readings, described by the assistant");
    const before = lake.workspace.world().tables.size;
    const { kept } = await removal(lake, []);
    expect(kept).toContain(`Cannot destroy volume ${TABLES}.raw: it is in schema ${TABLES}, which is not ours`);
    expect(lake.workspace.world().tables.size).toBe(before);
  },
  LONG_MS,
);
