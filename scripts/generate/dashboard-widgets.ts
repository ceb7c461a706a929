/**
 * Widgets of a Lakeview dashboard, in the form that published .lvdash.json files have. A field is a column of the dataset,
 * or one function over it; a widget of columns alone asks for the rows as they are (`disaggregated`).
 */

export type Field = { readonly name: string; readonly expression: string };
export type Scale = "quantitative" | "temporal" | "categorical";
export type Widget = {
  readonly name: string;
  readonly queries?: readonly {
    readonly name: string;
    readonly query: {
      readonly datasetName: string;
      readonly fields: readonly Field[];
      readonly disaggregated: boolean;
    };
  }[];
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly multilineTextboxSpec?: { readonly lines: readonly string[] };
};
export type Position = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
export type Placed = { readonly widget: Widget; readonly position: Position };

/** Columns of the grid, `layoutVersion: GRID_V1`. */
export const GRID_COLUMNS = 12;

/** The wishes for a widget: a name of its own, a dataset, and the words above it. */
type About = { readonly name: string; readonly dataset: string; readonly title: string; readonly description?: string };

export const column = (name: string): Field => ({ name, expression: `\`${name}\`` });
export const sum = (name: string): Field => ({ name: `sum(${name})`, expression: `SUM(\`${name}\`)` });
export const max = (name: string): Field => ({ name: `max(${name})`, expression: `MAX(\`${name}\`)` });
export const count = (name: string): Field => ({ name: `count(${name})`, expression: `COUNT(\`${name}\`)` });

/** Markdown, a line each. */
export function words(name: string, lines: readonly string[]): Widget {
  return { name, multilineTextboxSpec: { lines: lines.map((line) => `${line}\n`) } };
}

/** One value over all rows. */
export function counter(about: About, value: Field): Widget {
  return made(about, [value], { version: 2, widgetType: "counter", encodings: { value: shown(value, about.title) } });
}

type Axis = { readonly field: Field; readonly scale: Scale; readonly title: string };
type Chart = { readonly x: Axis; readonly y: Axis; readonly color?: Axis };

const axis = ({ field, scale, title }: Axis) => ({ ...shown(field, title), scale: { type: scale } });

export function chart(kind: "line" | "bar", about: About, { x, y, color }: Chart): Widget {
  const encodings = { x: axis(x), y: axis(y), ...(color === undefined ? {} : { color: axis(color) }) };
  const fields = [x, y, ...(color === undefined ? [] : [color])].map(({ field }) => field);
  return made(about, fields, { version: 3, widgetType: kind, encodings });
}

/** The rows as the query gives them, in its order. */
export function table(about: About, columns: Readonly<Record<string, string>>): Widget {
  const fields = Object.keys(columns).map(column);
  const encodings = { columns: fields.map((field) => shown(field, columns[field.name]!)) };
  return made(about, fields, { version: 2, widgetType: "table", encodings });
}

const shown = ({ name }: Field, displayName: string) => ({ fieldName: name, displayName });

function made(about: About, fields: readonly Field[], spec: Readonly<Record<string, unknown>>): Widget {
  const { name, dataset, title, description } = about;
  const words = description === undefined ? {} : { showDescription: true, description };
  const disaggregated = fields.every((field) => field.expression === `\`${field.name}\``);
  const query = { datasetName: dataset, fields, disaggregated };
  return {
    name,
    queries: [{ name: "main_query", query }],
    spec: { ...spec, frame: { showTitle: true, title, ...words } },
  };
}

/** From the top, each row as wide as the grid, its widgets side by side in equal parts. */
export function stacked(rows: readonly { readonly height: number; readonly widgets: readonly Widget[] }[]): Placed[] {
  let y = 0;
  return rows.flatMap(({ height, widgets }) => {
    const width = GRID_COLUMNS / widgets.length;
    const placed = widgets.map((widget, at) => ({ widget, position: { x: at * width, y, width, height } }));
    y += height;
    return placed;
  });
}
