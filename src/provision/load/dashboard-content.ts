/**
 * The content of our dashboard, decided purely: the shipped content with the lake's catalog and schema, and our mark as the
 * first line of each dataset. The mark has a sum of the rest, so that an edit by hand is distinguished from another version's work.
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { asObject, holds } from "../../databricks/json.ts";
import type { DashboardContent } from "../../databricks/shapes/dashboards.ts";
import type { LakeNames } from "../../lakehouse/names.ts";
import { ADOPTED_KEY, MANAGED_BY, MANAGED_BY_KEY } from "../resource.ts";

const SUM_DIGITS = 12;
const MARK = new RegExp(`^-- ${MANAGED_BY_KEY}=${MANAGED_BY} ([0-9a-f]{${SUM_DIGITS}})( ${ADOPTED_KEY})?\\n?$`);

/** As it should be in the workspace. `isAdopted`: the mark says also that another dashboard was there before. */
export function wantedContent(
  shipped: DashboardContent,
  { catalog, schema }: LakeNames,
  isAdopted = false,
): DashboardContent {
  const datasets = (shipped.datasets ?? []).map((dataset) => ({ ...dataset, catalog, schema }));
  const content = { ...shipped, datasets };
  const mark = `-- ${MANAGED_BY_KEY}=${MANAGED_BY} ${sumOf(content)}${isAdopted ? ` ${ADOPTED_KEY}` : ""}\n`;
  return {
    ...content,
    datasets: datasets.map((dataset) => ({ ...dataset, queryLines: [mark, ...(dataset.queryLines ?? [])] })),
  };
}

/** How it looks beside its content (colours, and the like) is the reader's choice: it is kept. */
export function withTheirLook(wanted: DashboardContent, { uiSettings }: DashboardContent): DashboardContent {
  return uiSettings === undefined ? wanted : { ...wanted, uiSettings };
}

/** Databricks adds fields to pages and datasets; into a widget it adds none, so there every difference is one. */
export function isSameContent(actual: DashboardContent, wanted: DashboardContent): boolean {
  const [pages, wantedPages] = [actual.pages ?? [], wanted.pages ?? []];
  return (
    holds(actual.datasets, wanted.datasets) &&
    pages.length === wantedPages.length &&
    wantedPages.every((page, at) => holds(pages[at], page) && isDeepStrictEqual(pages[at]?.layout, page.layout))
  );
}

export type Shown = {
  /** The dataset's. */
  readonly name: string;
  readonly query: string;
  readonly catalog: string;
  readonly schema: string;
  /** Those that a widget asks for, each once. */
  readonly columns: readonly string[];
};

/** What each dataset is asked, and which of its columns the widgets need. */
export function shownOf({ pages = [], datasets = [] }: DashboardContent): readonly Shown[] {
  const widgets = pages.flatMap(({ layout = [] }) => layout.map(({ widget }) => widget));
  const queries = widgets.flatMap((widget) => (widget?.queries ?? []).map(({ query }) => query));
  return datasets.map(({ name = "", queryLines = [], catalog = "", schema = "" }) => {
    const fields = queries.filter((query) => query?.datasetName === name).flatMap((query) => query?.fields ?? []);
    const columns = fields.flatMap(({ expression = "" }) => /`([^`]+)`/.exec(expression)?.[1] ?? []);
    return { name, query: queryLines.join(""), catalog, schema, columns: [...new Set(columns)] };
  });
}

export type Origin = "ours" | "edited" | "foreign";

/** Ours as one of us made it, ours and edited since, or not ours. */
export function originOf(content: DashboardContent): Origin {
  const { datasets = [] } = content;
  const sums = datasets.flatMap(({ queryLines: [first = ""] = [] }) => MARK.exec(first)?.[1] ?? []);
  if (sums.length === 0) return "foreign";
  const isWhole = sums.length === datasets.length && sums.every((sum) => sum === sums[0]);
  return isWhole && sums[0] === sumOf(content) ? "ours" : "edited";
}

/** It took the place of another one, with --adopt. */
export function isAdopted({ datasets = [] }: DashboardContent): boolean {
  return datasets.some(({ queryLines: [first = ""] = [] }) => MARK.exec(first)?.[2] !== undefined);
}

/** Over the fields that we write, without the mark and without fields that Databricks adds. */
function sumOf(content: DashboardContent): string {
  const datasets = (content.datasets ?? []).map(({ name, displayName, catalog, schema, queryLines = [] }) => {
    const lines = queryLines.filter((line) => !MARK.test(line));
    return [name ?? null, displayName ?? null, catalog ?? null, schema ?? null, lines];
  });
  const pages = (content.pages ?? []).map(({ name, displayName, layout = [] }) => {
    return [name ?? null, displayName ?? null, inOrder(layout)];
  });
  return createHash("sha256")
    .update(JSON.stringify([datasets, pages]))
    .digest("hex")
    .slice(0, SUM_DIGITS);
}

/** Keys in the order of the alphabet: Databricks writes them in any order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(asObject(value)).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, inOrder(one)]));
}
