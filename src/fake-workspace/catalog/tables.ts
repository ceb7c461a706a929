/** `/api/2.1/unity-catalog/tables`: what SQL made is read and deleted here (databricks-sdk-go service/catalog: TablesService). */

import { PAGE, pageOf } from "../wire/paging.ts";
import { taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { must, queryFlag, shape, text } from "../wire/shape.ts";
import { keptName } from "../world/names.ts";
import type { Column, Table } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { demand, demandOwner, demandPrincipal, demandSight, sees } from "./access.ts";
import { catalogOf, catalogStorage } from "./catalogs.ts";
import { demandFreePlace, demandInLocation } from "./managed-storage.ts";
import { forgetTable } from "./schemas.ts";
import { fullNameOf, newRecord, recordFields, securableOf, touched } from "./securable.ts";

const BASE = "/api/2.1/unity-catalog/tables";

const securable = (world: World, fullName: string) => securableOf(world, "table", fullName);
export const tableOf = (world: World, fullName: string): Table =>
  world.tables.get(securable(world, fullName).fullName)!;

function tableJson(world: World, one: Table): Record<string, unknown> {
  return {
    ...recordFields(world, one),
    full_name: fullNameOf(one),
    catalog_name: one.catalog,
    schema_name: one.schema,
    table_id: one.id,
    table_type: one.external ? "EXTERNAL" : "MANAGED",
    data_source_format: "DELTA",
    storage_location: one.url,
    properties: one.properties,
    columns: one.columns.map((column, position) => toldColumn(one, column, position)),
    browse_only: false,
  };
}

function toldColumn(table: Table, { name, type, nullable, comment }: Column, position: number) {
  const partition = table.partitionedBy.indexOf(name);
  const head = /^[a-z]+/.exec(type)![0];
  return {
    name,
    type_text: type,
    type_name: TYPE_NAMES[head] ?? head.toUpperCase(),
    type_json: JSON.stringify({ name, type, nullable, metadata: {} }),
    position,
    nullable,
    comment,
    partition_index: partition < 0 ? undefined : partition,
  };
}

/** Where the API's word is not the SQL's (databricks-sdk-go catalog.ColumnTypeName). */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  bigint: "LONG",
  smallint: "SHORT",
  tinyint: "BYTE",
  timestamp_ntz: "TIMESTAMP_NTZ",
};

export type TableWish = Pick<Table, "columns" | "partitionedBy" | "clusteredBy" | "properties" | "comment"> & {
  readonly fullName: string;
  /** Of an external table. */
  readonly url: string | undefined;
};

/** Throws TABLE_ALREADY_EXISTS. */
export function makeTable(world: World, caller: string, wish: TableWish): Table {
  const [catalogName = "", schemaName = "", tableName = ""] = wish.fullName.split(".");
  const schema = securableOf(world, "schema", `${catalogName}.${schemaName}`);
  demand(world, caller, "USE_CATALOG", securableOf(world, "catalog", catalogName));
  demand(world, caller, "USE_SCHEMA", schema);
  demand(world, caller, "CREATE_TABLE", schema);
  const name = keptName(tableName, "Table");
  const fullName = `${schema.fullName}.${name}`;
  if (world.tables.has(fullName)) throw taken("TABLE_ALREADY_EXISTS", `Table '${fullName}' already exists`);
  const kept = newRecord(world, caller, `table ${fullName}`, { name, comment: wish.comment });
  const [catalog = "", inSchema = ""] = schema.fullName.split(".");
  let url = `${catalogStorage(world, catalogOf(world, catalog))}/tables/${kept.id}`;
  if (wish.url !== undefined) {
    url = demandInLocation(world, caller, wish.url, "CREATE_EXTERNAL_TABLE");
    demandFreePlace(world, url, "CreateTable");
  }
  const { columns, partitionedBy, clusteredBy, properties } = wish;
  const made: Table = {
    ...kept,
    catalog,
    schema: inSchema,
    columns,
    partitionedBy,
    clusteredBy,
    properties: { "delta.minReaderVersion": "1", "delta.minWriterVersion": "2", ...properties },
    external: wish.url !== undefined,
    url,
    rows: 0,
  };
  world.tables.set(fullName, made);
  return made;
}

/** Of the API and of SQL. */
export function dropTable(world: World, caller: string, fullName: string): void {
  const one = tableOf(world, fullName);
  demandOwner(world, caller, securable(world, fullNameOf(one)));
  forgetTable(world, one);
}

const LIST = shape({
  ...PAGE,
  catalog_name: must(text),
  schema_name: must(text),
  include_browse: queryFlag,
  include_manifest_capabilities: queryFlag,
  omit_columns: queryFlag,
  omit_properties: queryFlag,
  omit_username: queryFlag,
});
const GET = shape({
  include_browse: queryFlag,
  include_delta_metadata: queryFlag,
  include_manifest_capabilities: queryFlag,
});

export const TABLE_ROUTES: readonly Route[] = [
  route("GET", BASE, { query: LIST }, ({ world, caller, query }) => {
    const schema = securableOf(world, "schema", `${query.catalog_name}.${query.schema_name}`).fullName;
    const all = [...world.tables].filter(
      ([fullName, one]) => `${one.catalog}.${one.schema}` === schema && sees(world, caller, securable(world, fullName)),
    );
    const shown = all.map(([, one]) => {
      const { columns, properties, ...rest } = tableJson(world, one);
      return {
        ...rest,
        columns: query.omit_columns === true ? undefined : columns,
        properties: query.omit_properties === true ? undefined : properties,
      };
    });
    return pageOf(world, { list: `tables of ${schema}`, field: "tables", all: shown }, query);
  }),

  route("GET", `${BASE}/{full_name}`, { query: GET }, ({ world, caller, at }) => {
    demandSight(world, caller, securable(world, at["full_name"]!));
    return tableJson(world, tableOf(world, at["full_name"]!));
  }),

  route("GET", `${BASE}/{full_name}/exists`, {}, ({ world, at }) => ({
    table_exists: world.tables.has(at["full_name"]!.toLowerCase()),
  })),

  // Only the owner can be changed: all else is SQL.
  route("PATCH", `${BASE}/{full_name}`, { body: shape({ owner: must(text) }) }, ({ world, caller, at, body }) => {
    const one = tableOf(world, at["full_name"]!);
    demandOwner(world, caller, securable(world, fullNameOf(one)));
    demandPrincipal(world, body.owner);
    world.tables.set(fullNameOf(one), { ...one, ...touched(world, caller), owner: body.owner });
  }),

  route("DELETE", `${BASE}/{full_name}`, {}, ({ world, caller, at }) => dropTable(world, caller, at["full_name"]!)),
];
