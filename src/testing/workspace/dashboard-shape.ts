/**
 * What `serialized_dashboard` holds: the text of an .lvdash.json. The fields, the grids and the versions are those that the 47
 * dashboards with pages in databricks-demos/dbdemos-notebooks, databricks/bundle-examples and databricks/cli have: all of them pass.
 * Databricks takes nearly anything here and shows an empty dashboard; the fake names what is wrong.
 */
import { invalid } from "./problem.ts";
import { type Body, flag, int, listOf, must, object, oneOf, shape, text } from "./shape.ts";

/** By a page's layoutVersion; an empty one is the older grid. */
const GRID_COLUMNS: Readonly<Record<string, number>> = { "": 6, GRID_V1: 12 };

/** Versions of the spec that were seen of each kind of widget. */
const WIDGETS: Readonly<Record<string, readonly number[]>> = {
  area: [3],
  bar: [3],
  combo: [1],
  counter: [2],
  "filter-date-picker": [2],
  "filter-date-range-picker": [2],
  "filter-multi-select": [2],
  "filter-single-select": [2],
  "forecast-line": [1],
  heatmap: [3],
  histogram: [3],
  line: [3],
  pie: [3],
  pivot: [3],
  scatter: [3],
  "symbol-map": [2],
  table: [1, 2],
};

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
const PAGE = shape({
  name: must(text),
  displayName: must(text),
  layout: listOf(shape({ widget: must(WIDGET), position: must(POSITION) })),
  pageType: text,
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
  const pageNames = pages.map(({ name }) => name);
  demandDistinct("page", pageNames);
  for (const { layout = [], layoutVersion } of pages) {
    const widgetNames = layout.map(({ widget }) => widget.name);
    demandDistinct("widget", widgetNames);
    for (const { widget, position } of layout) {
      demandPosition(widget.name, position, GRID_COLUMNS[layoutVersion ?? ""]!);
      demandWidget(widget, names);
    }
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

function demandWidget(widget: ReturnType<typeof WIDGET.is>, datasets: readonly string[]): void {
  const { name, queries = [], spec } = widget;
  const looks = [spec, widget.textbox_spec, widget.multilineTextboxSpec].filter((one) => one !== undefined);
  if (looks.length !== 1) throw invalid(`Widget ${name} needs one of spec, textbox_spec, multilineTextboxSpec.`);
  for (const { query } of queries) {
    if (datasets.includes(query.datasetName)) continue;
    throw invalid(`Widget ${name} asks the dataset "${query.datasetName}", which is none.`);
  }
  if (spec === undefined) return;
  demandSpec(name, spec);
  const fields = queries.flatMap(({ query }) => (query.fields ?? []).map((field) => field.name));
  const unknown = fieldNamesIn(spec["encodings"]).find((one) => !fields.includes(one));
  if (unknown === undefined) return;
  throw invalid(`Widget ${name} shows the field "${unknown}", which its queries do not have.`);
}

/** The older form is version 0 and a spec of its own. */
function demandSpec(widget: string, { version, widgetType, viz_spec, dashboard_parameter_spec }: Body): void {
  if (version === 0 && (viz_spec ?? dashboard_parameter_spec) !== undefined) return;
  const versions = WIDGETS[String(widgetType)];
  if (versions === undefined) throw invalid(`Widget ${widget} is of an unknown type: ${widgetType}.`);
  if (typeof version === "number" && versions.includes(version)) return;
  throw invalid(`Widget ${widget} (${widgetType}) has version ${version}: ${versions.join(" or ")} was expected.`);
}

/** Every `fieldName` in the encodings, however deep: axes have one, tables a list of columns. */
function fieldNamesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(fieldNamesIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as Body).flatMap(([key, one]) =>
    key === "fieldName" && typeof one === "string" ? [one] : fieldNamesIn(one),
  );
}
