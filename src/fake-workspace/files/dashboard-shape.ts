/**
 * What `serialized_dashboard` holds: the text of an .lvdash.json. The fields, the grids and the versions are those that the 47
 * dashboards with pages in databricks-demos/dbdemos-notebooks, databricks/bundle-examples and databricks/cli have: all of them pass.
 * Databricks takes nearly anything here and shows an empty dashboard; the fake names what is wrong.
 */
import { outputColumns } from "../sql/output-columns.ts";
import { invalid } from "../wire/problem.ts";
import { flag, int, listOf, must, object, oneOf, shape, text } from "../wire/shape.ts";
import { type DatasetColumns, demandWidget } from "./dashboard-widget.ts";

/** By a page's layoutVersion; an empty one is the older grid. */
const GRID_COLUMNS: Readonly<Record<string, number>> = { "": 6, GRID_V1: 12 };

const QUERY = shape({
  name: must(text),
  query: must(
    shape({
      datasetName: must(text),
      disaggregated: must(flag),
      // A filter of a parameter has parameters instead.
      fields: listOf(shape({ name: must(text), expression: must(text) })),
      parameters: listOf(object),
      parameterValues: listOf(object),
      cubeGroupingSets: object,
      filters: listOf(object),
      orders: listOf(object),
    }),
  ),
});
const WIDGET = shape({
  name: must(text),
  queries: listOf(QUERY),
  spec: object,
  textbox_spec: text,
  multilineTextboxSpec: object,
});
const POSITION = shape({ x: must(int), y: must(int), width: must(int), height: must(int) });
const PLACED = shape({ widget: must(WIDGET), position: must(POSITION) });
const PAGE = shape({
  name: must(text),
  displayName: must(text),
  layout: listOf(PLACED),
  pageType: oneOf("PAGE_TYPE_CANVAS", "PAGE_TYPE_GLOBAL_FILTERS"),
  layoutVersion: oneOf("GRID_V1"),
});
const DATASET = shape({
  name: must(text),
  displayName: must(text),
  query: text,
  queryLines: listOf(text),
  asset_name: text,
  parameters: listOf(object),
  columns: listOf(object),
  catalog: text,
  schema: text,
});
const DASHBOARD = shape({ datasets: listOf(DATASET), pages: must(listOf(PAGE)), uiSettings: object });

/** Throws INVALID_PARAMETER_VALUE or MALFORMED_REQUEST that names the first place that is wrong. */
export function demandDashboard(serialized: string): void {
  const { datasets = [], pages } = DASHBOARD.is(jsonOf(serialized), "serialized_dashboard");
  const names = datasets.map(({ name }) => name);
  demandDistinct("dataset", names);
  for (const { name, query, queryLines, asset_name } of datasets) {
    const sources = [query, queryLines, asset_name].filter((one) => one !== undefined);
    if (sources.length !== 1) throw invalid(`Dataset ${name} needs one of query, queryLines and asset_name.`);
  }
  const columns = columnsOf(datasets);
  const pageNames = pages.map(({ name }) => name);
  demandDistinct("page", pageNames);
  for (const { layout = [], layoutVersion } of pages) {
    const widgetNames = layout.map(({ widget }) => widget.name);
    demandDistinct("widget", widgetNames);
    for (const { widget, position } of layout) {
      demandPosition(widget.name, position, GRID_COLUMNS[layoutVersion ?? ""]!);
      demandLook(widget, columns);
    }
    demandApart(layout);
  }
}

function jsonOf(serialized: string): unknown {
  try {
    return JSON.parse(serialized);
  } catch {
    throw invalid("serialized_dashboard is not JSON.");
  }
}

function demandDistinct(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`serialized_dashboard has two of the ${what} "${twice}".`);
}

function demandPosition(widget: string, at: ReturnType<typeof POSITION.is>, columns: number): void {
  const fits = at.x >= 0 && at.y >= 0 && at.width >= 1 && at.height >= 1 && at.x + at.width <= columns;
  if (!fits) throw invalid(`Widget ${widget} does not fit into the grid of ${columns} columns.`);
}

/** Two widgets in one place: one of them is not to be seen. */
function demandApart(layout: readonly ReturnType<typeof PLACED.is>[]): void {
  for (const [at, { widget, position: a }] of layout.entries()) {
    const over = layout.slice(at + 1).find(({ position: b }) => {
      return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
    });
    if (over !== undefined) throw invalid(`Widget ${over.widget.name} lies over widget ${widget.name}.`);
  }
}

function demandLook(widget: ReturnType<typeof WIDGET.is>, columns: DatasetColumns): void {
  const { name, queries = [], spec } = widget;
  const looks = [spec, widget.textbox_spec, widget.multilineTextboxSpec].filter((one) => one !== undefined);
  if (looks.length !== 1) throw invalid(`Widget ${name} needs one of spec, textbox_spec, multilineTextboxSpec.`);
  if (spec !== undefined) demandWidget(name, spec, queries, columns);
}

/** What can be read of the columns: a query with `*` or with parameters in its text may have any. */
function columnsOf(datasets: readonly ReturnType<typeof DATASET.is>[]): DatasetColumns {
  return new Map(
    datasets.map(({ name, query, queryLines, columns = [] }) => {
      const calculated = columns.flatMap(({ displayName }) => (typeof displayName === "string" ? [displayName] : []));
      try {
        return [name, [...outputColumns(query ?? queryLines?.join("") ?? ""), ...calculated]];
      } catch {
        return [name, null];
      }
    }),
  );
}
