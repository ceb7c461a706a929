/**
 * The named queries in the workspace: one SQL notebook beside the dashboard, a cell for each. Why no saved queries:
 * docs/decisions.md.
 */

import { quotedName } from "../../databricks/sql.ts";
import type { NamedQuery } from "../../lakehouse/named-queries.ts";
import type { LakeNames } from "../../lakehouse/names.ts";
import type { Lake, LakeWish } from "../lake/lake.ts";
import { LAKE_ID } from "../lake/names.ts";
import { MANAGED_BY, MANAGED_BY_KEY, type Resource } from "../resource.ts";
import { notebookFolder, sourceResource } from "./notebook.ts";

const HEADER = "-- Databricks notebook source";
const MARK = `-- ${MANAGED_BY_KEY}=${MANAGED_BY}`;
const CELL = "\n\n-- COMMAND ----------\n\n";

export const queriesPath = (lake: LakeWish) => `${notebookFolder(lake)}/queries`;

export function queriesResource(lake: Lake, queries: readonly NamedQuery[]): Resource<string> {
  const path = queriesPath(lake);
  return sourceResource(lake, {
    id: LAKE_ID.notebook(path),
    path,
    source: queriesNotebook(queries, lake),
    mark: MARK,
    import: { format: "SOURCE", language: "SQL" },
    exportFormat: "SOURCE",
  });
}

/** The first cells say which tables are meant, so that the queries stay as they are everywhere else. */
export function queriesNotebook(queries: readonly NamedQuery[], { catalog, schema }: LakeNames): string {
  const cells = [
    `${HEADER}\n${MARK}\n-- Run these two cells first, then any other, on a SQL warehouse.\nUSE CATALOG ${quotedName(catalog)}`,
    `USE SCHEMA ${quotedName(schema)}`,
    ...queries.map(({ name, about, sql }) => `-- DBTITLE 1,${name}\n-- ${about}\n${sql}`),
  ];
  return `${cells.join(CELL)}\n`;
}
