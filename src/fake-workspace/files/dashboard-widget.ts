/**
 * What a widget of a dashboard must hold so that it shows something: the version of its kind, the encodings, and fields
 * that its dataset has. As 47 published dashboards with pages have it (dashboard-shape.ts), 497 widgets with a spec.
 */
import { invalid } from "../wire/problem.ts";
import type { Body } from "../wire/shape.ts";

type Kind = {
  /** Versions of the spec that were seen. */
  readonly versions: readonly number[];
  /** Of each group at least one encoding is there. */
  readonly needs: readonly (readonly string[])[];
  /** Encodings that are an axis: a scale, and one field or a list of them. */
  readonly axes?: readonly string[];
};

const XY = { needs: [["x"], ["y"]], axes: ["x", "y"] };
const FILTER: Kind = { versions: [2], needs: [["fields"]] };
const KINDS: Readonly<Record<string, Kind>> = {
  area: { versions: [3], ...XY },
  bar: { versions: [3], needs: [["y"]], axes: ["x", "y"] },
  combo: { versions: [1], needs: [["x"], ["y"]], axes: ["x"] },
  counter: { versions: [2], needs: [["value", "period", "target"]] },
  "filter-date-picker": FILTER,
  "filter-date-range-picker": FILTER,
  "filter-multi-select": FILTER,
  "filter-single-select": FILTER,
  "forecast-line": { versions: [1], needs: [["x"], ["y"]], axes: ["x"] },
  heatmap: { versions: [3], ...XY },
  histogram: { versions: [3], ...XY },
  line: { versions: [3], ...XY },
  pie: { versions: [3], needs: [["angle"]], axes: ["angle"] },
  pivot: { versions: [3], needs: [["rows", "columns"], ["cell"]] },
  scatter: { versions: [3], ...XY },
  "symbol-map": { versions: [2], needs: [["coordinates"]] },
  table: { versions: [1, 2], needs: [["columns"]] },
};
const SCALES = ["quantitative", "temporal", "categorical"];

export type WidgetQuery = {
  readonly name: string;
  readonly query: {
    readonly datasetName: string;
    readonly disaggregated: boolean;
    readonly fields?: readonly { readonly name: string; readonly expression: string }[] | undefined;
    readonly parameters?: readonly Body[] | undefined;
  };
};

/** The columns of a dataset by its name; null: they cannot be read from its text. */
export type DatasetColumns = ReadonlyMap<string, readonly string[] | null>;

/** Throws INVALID_PARAMETER_VALUE that names the widget and what is wrong with it. */
export function demandWidget(name: string, spec: Body, queries: readonly WidgetQuery[], columns: DatasetColumns): void {
  const { version, widgetType, encodings } = spec;
  const kind = KINDS[String(widgetType)];
  // The older form is version 0 and a spec of its own.
  if (version === 0 && (spec["viz_spec"] ?? spec["dashboard_parameter_spec"]) !== undefined) return;
  if (kind === undefined) throw invalid(`Widget ${name} is of an unknown type: ${widgetType}.`);
  if (!kind.versions.some((one) => one === version)) {
    throw invalid(`Widget ${name} (${widgetType}) has version ${version}: ${kind.versions.join(" or ")} was expected.`);
  }
  demandEncodings(name, String(widgetType), kind, isBody(encodings) ? encodings : {});
  const isFilter = kind === FILTER;
  if (queries.length === 0 || (queries.length > 1 && !isFilter)) {
    throw invalid(`Widget ${name} (${widgetType}) has ${queries.length} queries: one was expected.`);
  }
  for (const query of queries) demandQuery(name, query, isFilter, columns);
  if (isFilter) demandFilter(name, (encodings as Body)["fields"], queries);
  else demandShown(name, encodings, queries);
}

function demandShown(name: string, encodings: unknown, queries: readonly WidgetQuery[]): void {
  const fields = queries.flatMap(({ query }) => (query.fields ?? []).map((field) => field.name));
  const unknown = fieldNamesIn(encodings).find((one) => !fields.includes(one));
  if (unknown === undefined) return;
  throw invalid(`Widget ${name} shows the field "${unknown}", which its queries do not have.`);
}

function demandEncodings(name: string, type: string, { needs, axes = [] }: Kind, encodings: Body): void {
  const lacking = needs.find((group) => !group.some((one) => encodings[one] !== undefined));
  if (lacking !== undefined) throw invalid(`Widget ${name} (${type}) has no encoding ${lacking.join(" or ")}.`);
  for (const at of axes) {
    const axis = encodings[at];
    if (axis === undefined) continue;
    const { scale, fieldName, fields } = isBody(axis) ? axis : ({} as Body);
    const isScaled = isBody(scale) && SCALES.some((one) => one === scale["type"]);
    const isOne = (typeof fieldName === "string") !== (Array.isArray(fields) && fields.length > 0);
    if (!isScaled || !isOne) throw invalid(`Widget ${name} (${type}): ${at} needs a scale, and a fieldName or fields.`);
  }
  const columns = encodings["columns"];
  if (type !== "table") return;
  const isTable = Array.isArray(columns) && columns.length > 0 && columns.every((one) => isNamed(one, "fieldName"));
  if (!isTable) throw invalid(`Widget ${name} (table) needs columns, each with a fieldName.`);
}

/** A column as it is, or one function of one column: all 1,100 expressions that were seen are of these. */
const PLAIN = /^`([^`]+)`$/;
const GROUPED = /^(?:DATE_TRUNC\("[A-Z]+", `([^`]+)`\)|BIN_FLOOR\(`([^`]+)`, \d+\))$/;
const AGGREGATED = /^(?:(?:SUM|AVG|MIN|MAX|COUNT|COUNT_IF|MEASURE)\(`([^`]+)`\)|COUNT\(DISTINCT `([^`]+)`\))$/;
/** COUNT(`*`), and what a filter asks for so that it knows which values go together. */
const NO_COLUMNS = ["*", "associative_filter_predicate_group"];

function demandQuery(name: string, { query }: WidgetQuery, isFilter: boolean, columns: DatasetColumns): void {
  const { datasetName, fields = [], disaggregated } = query;
  if (!columns.has(datasetName)) throw invalid(`Widget ${name} asks the dataset "${datasetName}", which is none.`);
  if (fields.length === 0 && !isFilter) throw invalid(`Widget ${name} asks for no field.`);
  const known = columns.get(datasetName) ?? null;
  for (const field of fields) {
    const [plain, grouped, aggregated] = [PLAIN, GROUPED, AGGREGATED].map((form) => form.exec(field.expression));
    const column = [plain, grouped, aggregated]
      .flatMap((found) => found?.slice(1) ?? [])
      .find((one) => one !== undefined);
    if (column === undefined) throw invalid(`Widget ${name}: the expression ${field.expression} is not understood.`);
    if (plain != null && plain[1] !== field.name) {
      throw invalid(`Widget ${name}: the field "${field.name}" is the column \`${plain[1]}\` under another name.`);
    }
    if (aggregated != null && disaggregated) {
      throw invalid(`Widget ${name} asks for ${field.expression} and for the rows as they are (disaggregated).`);
    }
    if (known === null || NO_COLUMNS.includes(column)) continue;
    if (known.some((one) => one.toLowerCase() === column.toLowerCase())) continue;
    throw invalid(`Widget ${name}: the dataset "${datasetName}" has no column "${column}".`);
  }
}

/** Each field of a filter is a field or a parameter of a query of the same widget. */
function demandFilter(name: string, fields: unknown, queries: readonly WidgetQuery[]): void {
  const isFilter = Array.isArray(fields) && fields.length > 0 && fields.every(isBody);
  if (!isFilter) throw invalid(`Widget ${name} filters by no field.`);
  for (const { queryName, fieldName, parameterName } of fields as readonly Body[]) {
    const query = queries.find((one) => one.name === queryName)?.query;
    const isField = query?.fields?.some((one) => one.name === fieldName) === true;
    const isParameter = query?.parameters?.some((one) => one["name"] === parameterName) === true;
    if (isField || isParameter) continue;
    throw invalid(
      `Widget ${name} filters by ${fieldName ?? parameterName}, which its query ${queryName} does not have.`,
    );
  }
}

/** Every `fieldName` in the encodings, however deep: axes have one, tables a list of columns. */
function fieldNamesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(fieldNamesIn);
  if (!isBody(value)) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    key === "fieldName" && typeof one === "string" ? [one] : fieldNamesIn(one),
  );
}

const isBody = (value: unknown): value is Body => typeof value === "object" && value !== null && !Array.isArray(value);
const isNamed = (value: unknown, key: string) => isBody(value) && typeof value[key] === "string";
