/**
 * What `serialized_dashboard` holds: the text of an .lvdash.json, as public examples have it (databricks/dbdemos-notebooks
 * aibi/…/_resources/dashboards). Databricks takes nearly anything here and shows an empty dashboard; the fake names what is wrong.
 */
import { invalid } from "./problem.ts";
import { type Body, flag, int, listOf, must, object, shape, text } from "./shape.ts";

const GRID_COLUMNS = 6;

const QUERY = shape({
  name: must(text),
  query: must(
    shape({
      datasetName: must(text),
      fields: must(listOf(shape({ name: must(text), expression: must(text) }))),
      disaggregated: flag,
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
  layout: must(listOf(shape({ widget: must(WIDGET), position: must(POSITION) }))),
  pageType: text,
  layoutVersion: text,
});
const DATASET = shape({
  name: must(text),
  displayName: must(text),
  query: text,
  queryLines: listOf(text),
  parameters: listOf(object),
  columns: listOf(object),
  catalog: text,
  schema: text,
});
const DASHBOARD = shape({ datasets: must(listOf(DATASET)), pages: must(listOf(PAGE)), uiSettings: object });

/** Throws INVALID_PARAMETER_VALUE with every place that is wrong found first. */
export function demandDashboard(serialized: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(serialized);
  } catch {
    throw invalid("serialized_dashboard is not JSON.");
  }
  const { datasets, pages } = DASHBOARD.is(parsed, "serialized_dashboard");
  demandDistinct(
    "dataset",
    datasets.map(({ name }) => name),
  );
  demandDistinct(
    "page",
    pages.map(({ name }) => name),
  );
  for (const { name, query, queryLines } of datasets) {
    if ((query === undefined) === (queryLines === undefined))
      throw invalid(`Dataset ${name} needs query or queryLines.`);
  }
  for (const { layout } of pages) {
    demandDistinct(
      "widget",
      layout.map(({ widget }) => widget.name),
    );
    for (const { widget, position } of layout) {
      demandPosition(widget.name, position);
      demandWidget(
        widget,
        datasets.map(({ name }) => name),
      );
    }
  }
}

function demandDistinct(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`serialized_dashboard has two of the ${what} "${twice}".`);
}

function demandPosition(widget: string, at: ReturnType<typeof POSITION.is>): void {
  const fits = at.x >= 0 && at.y >= 0 && at.width >= 1 && at.height >= 1 && at.x + at.width <= GRID_COLUMNS;
  if (!fits) throw invalid(`Widget ${widget} does not fit into the grid of ${GRID_COLUMNS} columns.`);
}

function demandWidget(widget: ReturnType<typeof WIDGET.is>, datasets: readonly string[]): void {
  const { name, queries = [], spec } = widget;
  const looks = [spec, widget.textbox_spec, widget.multilineTextboxSpec].filter((one) => one !== undefined);
  if (looks.length !== 1)
    throw invalid(`Widget ${name} needs exactly one of spec, textbox_spec, multilineTextboxSpec.`);
  for (const { query } of queries) {
    if (!datasets.includes(query.datasetName))
      throw invalid(`Widget ${name} asks the dataset "${query.datasetName}", which is none.`);
  }
  if (spec === undefined) return;
  if (!Number.isInteger(spec["version"]) || typeof spec["widgetType"] !== "string") {
    throw invalid(`The spec of widget ${name} needs version and widgetType.`);
  }
  const fields = queries.flatMap(({ query }) => query.fields.map((field) => field.name));
  const unknown = fieldNamesIn(spec["encodings"]).find((one) => !fields.includes(one));
  if (unknown !== undefined)
    throw invalid(`Widget ${name} shows the field "${unknown}", which its queries do not have.`);
}

/** Every `fieldName` in the encodings, however deep: axes have one, tables a list of columns. */
function fieldNamesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(fieldNamesIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as Body).flatMap(([key, one]) =>
    key === "fieldName" && typeof one === "string" ? [one] : fieldNamesIn(one),
  );
}
