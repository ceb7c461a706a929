/** Carries a statement out on the world's tables, schemas and volumes. */
import { demand, demandOwner } from "../catalog/access.ts";
import { makeSchema } from "../catalog/schemas.ts";
import { fullNameOf, securableOf, touched } from "../catalog/securable.ts";
import { dropTable, makeTable, tableOf } from "../catalog/tables.ts";
import { makeVolume } from "../catalog/volumes.ts";
import { Problem } from "../wire/problem.ts";
import type { Column, SqlCall, SqlResult, Table } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { describedQuery } from "./describe-query.ts";
import { runOnSecurable } from "./grant-run.ts";
import { demandPlainNames, type SqlStatement, statementOf } from "./statement.ts";
import { SqlProblem } from "./words.ts";

const NOTHING: SqlResult = { columns: [], rows: [] };
const DESCRIPTION = ["col_name", "data_type", "comment"].map((name) => ({ name, type: "STRING" }));
const TABLE_LIST = [
  { name: "database", type: "STRING" },
  { name: "tableName", type: "STRING" },
  { name: "isTemporary", type: "BOOLEAN" },
];

/** Throws SqlProblem for every failure: to SQL a refusal is a failed statement over a 200. */
export async function runSql(world: World, caller: string, call: SqlCall): Promise<SqlResult> {
  try {
    const prepared = world.settings.queryAnswers.find(({ statement }) => isStatement(statement, call.text));
    if (prepared !== undefined) return prepared;
    if (world.engine !== null && isQuery(call.text)) return await world.engine(call);
    const described = describedQuery(call.text);
    if (described !== null) {
      for (const names of described.tables) readable(world, caller, fullName(names, 3, call));
      return { columns: DESCRIPTION, rows: described.columns.map((name) => [name, "string", null]) };
    }
    const values = new Map([...call.parameters].map(([name, { value }]) => [name, value]));
    return run(world, caller, statementOf(call.text, values), call);
  } catch (error) {
    if (error instanceof Problem) throw sqlProblemOf(error);
    throw error;
  }
}

/** After its comments it begins with a word that only reads. */
function isQuery(text: string): boolean {
  return /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|\()*(?:SELECT|WITH|VALUES|FROM)\b/i.test(text);
}

function isStatement(pattern: string, text: string): boolean {
  const plain = (one: string) => one.trim().replace(/;$/, "").replace(/\s+/g, " ");
  const parts = plain(pattern).split("*");
  const escaped = parts.map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`, "i").test(plain(text));
}

/** The error class and SQLSTATE that SQL has for what the API refuses (docs.databricks.com: error classes). */
const CLASSES: Readonly<Record<string, readonly [code: string, state: string]>> = {
  CATALOG_DOES_NOT_EXIST: ["NO_SUCH_CATALOG_EXCEPTION", "42704"],
  SCHEMA_DOES_NOT_EXIST: ["SCHEMA_NOT_FOUND", "42704"],
  TABLE_DOES_NOT_EXIST: ["TABLE_OR_VIEW_NOT_FOUND", "42P01"],
  TABLE_ALREADY_EXISTS: ["TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"],
  SCHEMA_ALREADY_EXISTS: ["SCHEMA_ALREADY_EXISTS", "42P06"],
  RESOURCE_ALREADY_EXISTS: ["VOLUME_ALREADY_EXISTS", "42000"],
  PERMISSION_DENIED: ["INSUFFICIENT_PERMISSIONS", "42501"],
};

function sqlProblemOf(problem: Problem): SqlProblem {
  const [code, state] = CLASSES[String(problem.code)] ?? [String(problem.code), "42000"];
  return new SqlProblem(code, state, problem.message);
}

function run(world: World, caller: string, one: SqlStatement, call: SqlCall): SqlResult {
  const full = (names: readonly string[], parts: 1 | 2 | 3) => fullName(names, parts, call);
  switch (one.what) {
    case "create-table": {
      const name = full(one.name, 3);
      if (one.ifNotExists && world.tables.has(name)) return NOTHING;
      makeTable(world, caller, { ...one, fullName: name });
      return NOTHING;
    }
    case "add-columns":
      return addColumns(world, caller, full(one.name, 3), one.columns);
    case "set-properties": {
      const before = tableToChange(world, caller, full(one.name, 3));
      const properties = { ...before.properties, ...one.properties };
      world.tables.set(fullNameOf(before), { ...before, ...touched(world, caller), properties });
      return NOTHING;
    }
    case "drop-table": {
      const name = full(one.name, 3);
      if (one.ifExists && !world.tables.has(name)) return NOTHING;
      dropTable(world, caller, name);
      return NOTHING;
    }
    case "create-schema": {
      const [catalog = "", name = ""] = full(one.name, 2).split(".");
      if (one.ifNotExists && world.schemas.has(`${catalog}.${name}`)) return NOTHING;
      makeSchema(world, caller, { catalog, name, comment: one.comment, storageRoot: one.url });
      return NOTHING;
    }
    case "create-volume": {
      const [catalog = "", schema = "", name = ""] = full(one.name, 3).split(".");
      if (one.ifNotExists && world.volumes.has(`${catalog}.${schema}.${name}`)) return NOTHING;
      makeVolume(world, caller, { catalog, schema, name, comment: one.comment, url: one.url });
      return NOTHING;
    }
    case "describe":
      return describe(readable(world, caller, full(one.name, 3)));
    case "show-tables":
      return showTables(world, full(one.schema.length === 0 ? [call.schema ?? "default"] : one.schema, 2));
    case "count": {
      const { rows } = readable(world, caller, full(one.name, 3));
      return { columns: [{ name: one.as, type: "LONG" }], rows: [[String(rows)]] };
    }
    case "securable":
      runOnSecurable(world, caller, one.statement, full);
      return NOTHING;
    case "one":
      return { columns: [{ name: String(one.value), type: "INT" }], rows: [[String(one.value)]] };
  }
}

/** The call's `catalog` and `schema` precede a name with fewer parts. */
function fullName(names: readonly string[], parts: 1 | 2 | 3, { catalog, schema }: SqlCall): string {
  const defaults = { 1: [], 2: [catalog], 3: [catalog, schema] }[parts];
  const missing = parts - names.length;
  if (missing < 0)
    throw new SqlProblem("IDENTIFIER_TOO_MANY_NAME_PARTS", "42601", `${names.join(".")} has too many parts.`);
  const given = [...defaults.slice(0, missing), ...names];
  if (given.length !== parts || given.some((one) => one === undefined)) {
    throw new SqlProblem("SCHEMA_NOT_FOUND", "42704", `No catalog and schema are given for ${names.join(".")}.`);
  }
  return given.join(".").toLowerCase();
}

function tableToChange(world: World, caller: string, name: string): Table {
  const one = securableOf(world, "table", name);
  demandOwner(world, caller, one);
  return tableOf(world, name);
}

function readable(world: World, caller: string, name: string): Table {
  demand(world, caller, "SELECT", securableOf(world, "table", name));
  return tableOf(world, name);
}

function addColumns(world: World, caller: string, name: string, columns: readonly Column[]): SqlResult {
  const before = tableToChange(world, caller, name);
  const twice = columns.find((one) => before.columns.some((old) => old.name.toLowerCase() === one.name.toLowerCase()));
  if (twice !== undefined) {
    // DELTA's own: adding a column is not idempotent, so a client looks first.
    throw new SqlProblem(
      "FIELD_ALREADY_EXISTS",
      "42710",
      `Cannot add column, because \`${twice.name}\` already exists in ${name}.`,
    );
  }
  if (before.properties["delta.columnMapping.mode"] === undefined) demandPlainNames(columns);
  const wrong = columns.find(({ nullable }) => !nullable);
  if (wrong !== undefined) {
    throw new SqlProblem(
      "DELTA_ADD_COLUMN_NOT_NULL",
      "0AKDC",
      `Column \`${wrong.name}\` of a table that exists cannot be NOT NULL.`,
    );
  }
  world.tables.set(name, { ...before, ...touched(world, caller), columns: [...before.columns, ...columns] });
  return NOTHING;
}

function describe({ columns, partitionedBy, clusteredBy }: Table): SqlResult {
  const rowOf = ({ name, type, comment }: Column) => [name, type, comment ?? null];
  const section = (title: string, names: readonly string[]) =>
    names.length === 0
      ? []
      : [
          [title, "", ""],
          ["# col_name", "data_type", "comment"],
          ...names.map((name) => rowOf(columns.find((one) => one.name.toLowerCase() === name.toLowerCase())!)),
        ];
  const rows = [
    ...columns.map(rowOf),
    ...section("# Partition Information", partitionedBy),
    ...section("# Clustering Information", clusteredBy),
  ];
  return { columns: DESCRIPTION, rows };
}

function showTables(world: World, schema: string): SqlResult {
  const found = securableOf(world, "schema", schema).fullName;
  const here = [...world.tables.values()].filter((one) => `${one.catalog}.${one.schema}` === found);
  return { columns: TABLE_LIST, rows: here.map((one) => [one.schema, one.name, "false"]) };
}
