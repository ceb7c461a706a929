/** What an .lvdash.json must hold: shapes as published dashboards have them are let through, each way of breaking one is named. */
import { expect, test } from "bun:test";
import { demandDashboard } from "./dashboard-shape.ts";

const SQL = "SELECT hour, node, count(*) AS n, avg(ms) AS ms FROM t GROUP BY hour, node";
const DATASETS = [
  { name: "ds_text", displayName: "As one text", query: SQL },
  {
    name: "d1a2b3c4",
    displayName: "As lines",
    queryLines: ["SELECT *\n", "FROM t"],
    catalog: "main",
    schema: "default",
  },
  { name: "ds_metric", displayName: "A metric view", asset_name: "main.default.metrics" },
  {
    name: "ds_param",
    displayName: "With a parameter",
    queryLines: ["SELECT hour, n FROM t WHERE hour > :start"],
    parameters: [{ displayName: "start", keyword: "start", dataType: "DATE" }],
    columns: [{ displayName: "twice", expression: "`n` * 2" }],
  },
];

const asIs = (...names: string[]) => names.map((name) => ({ name, expression: `\`${name}\`` }));
const query = (datasetName: string, fields: object[], disaggregated: boolean, name = "main_query") => {
  return { name, query: { datasetName, fields, disaggregated } };
};
const on = (fieldName: string, type: string) => ({ fieldName, scale: { type } });

const N = { name: "sum(n)", expression: "SUM(`n`)" };
const HOURLY = { name: "hourly(hour)", expression: 'DATE_TRUNC("HOUR", `hour`)' };
const FRAME = { showTitle: true, title: "A title" };

/** One of each kind, in the forms that were seen. */
const WIDGETS: Readonly<Record<string, object>> = {
  text: { textbox_spec: "# Title" },
  lines: { multilineTextboxSpec: { lines: ["# Title\n", "and more"] } },
  counter: {
    queries: [query("ds_text", [N], false)],
    spec: { version: 2, widgetType: "counter", encodings: { value: { fieldName: "sum(n)" } }, frame: FRAME },
  },
  counter_of_rows: {
    queries: [query("d1a2b3c4", [{ name: "count(*)", expression: "COUNT(`*`)" }], false)],
    spec: { version: 2, widgetType: "counter", encodings: { period: { fieldName: "count(*)" } } },
  },
  line: {
    queries: [query("ds_text", [HOURLY, N, ...asIs("node")], false)],
    spec: {
      version: 3,
      widgetType: "line",
      frame: FRAME,
      encodings: {
        x: on("hourly(hour)", "temporal"),
        y: on("sum(n)", "quantitative"),
        color: on("node", "categorical"),
        label: { show: false },
      },
    },
  },
  lines_of_two: {
    queries: [query("ds_text", asIs("hour", "n", "ms"), true)],
    spec: {
      version: 3,
      widgetType: "line",
      encodings: {
        x: on("hour", "temporal"),
        y: { scale: { type: "quantitative" }, fields: [{ fieldName: "n" }, { fieldName: "ms", displayName: "ms" }] },
      },
    },
  },
  bar: {
    queries: [query("ds_metric", [{ name: "measure(Cost)", expression: "MEASURE(`Cost`)" }, ...asIs("Team")], false)],
    spec: {
      version: 3,
      widgetType: "bar",
      encodings: { x: on("measure(Cost)", "quantitative"), y: on("Team", "categorical") },
    },
  },
  pie: {
    queries: [query("ds_text", [{ name: "countdistinct(node)", expression: "COUNT(DISTINCT `node`)" }], false)],
    spec: { version: 3, widgetType: "pie", encodings: { angle: on("countdistinct(node)", "quantitative") } },
  },
  table: {
    queries: [query("ds_param", asIs("hour", "twice"), true)],
    spec: {
      version: 2,
      widgetType: "table",
      frame: FRAME,
      encodings: { columns: [{ fieldName: "hour", displayName: "Hour" }, { fieldName: "twice" }] },
    },
  },
  older_table: {
    queries: [query("d1a2b3c4", asIs("anything"), true)],
    spec: {
      version: 1,
      widgetType: "table",
      itemsPerPage: 25,
      condensed: true,
      encodings: { columns: [{ fieldName: "anything", title: "Anything", type: "string" }] },
    },
  },
  filter: {
    queries: [
      query("ds_text", asIs("node"), false, "nodes"),
      {
        name: "starts",
        query: { datasetName: "ds_param", parameters: [{ name: "start", keyword: "start" }], disaggregated: false },
      },
    ],
    spec: {
      version: 2,
      widgetType: "filter-single-select",
      frame: FRAME,
      encodings: {
        fields: [
          { fieldName: "node", displayName: "Node", queryName: "nodes" },
          { parameterName: "start", queryName: "starts" },
        ],
      },
    },
  },
  from_a_legacy_dashboard: {
    queries: [query("d1a2b3c4", asIs("anything"), true)],
    spec: { version: 0, viz_spec: { viz_type: "TABLE", serialized_options: "{}" } },
  },
};

const layout = (names: readonly string[], width = 6) =>
  names.map((name, at) => ({ widget: { name, ...WIDGETS[name] }, position: { x: 0, y: at * 3, width, height: 3 } }));
const whole = (names = Object.keys(WIDGETS), page: object = {}) => {
  return { datasets: DATASETS, pages: [{ name: "p1", displayName: "Page", layout: layout(names), ...page }] };
};
const why = (dashboard: unknown) => {
  try {
    demandDashboard(typeof dashboard === "string" ? dashboard : JSON.stringify(dashboard));
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test("dashboards as they are published are let through: both grids, page types, settings, no dataset, no layout", () => {
  expect(why(whole())).toBe("");
  const wide = { layoutVersion: "GRID_V1", layout: layout(["table"], 12), pageType: "PAGE_TYPE_CANVAS" };
  expect(why(whole([], wide))).toBe("");
  expect(why({ ...whole(["filter"], { pageType: "PAGE_TYPE_GLOBAL_FILTERS" }), uiSettings: { theme: {} } })).toBe("");
  expect(why({ pages: [{ name: "p1", displayName: "Page" }] })).toBe("");
});

/** The widget, with a piece of its text put in the place of another. */
const broken = (name: string, from: string, to: string): string => {
  const text = JSON.stringify(whole([name]));
  if (!text.includes(from)) throw new Error(`there is no ${from}`);
  return text.replace(from, to);
};

test("a dashboard's own fields, names, datasets and places", () => {
  const one = whole(["line"]);
  expect(why("not JSON")).toBe("serialized_dashboard is not JSON.");
  expect(why({ datasets: DATASETS })).toBe("Missing required field: serialized_dashboard.pages");
  expect(why({ ...one, theme: {} })).toContain("unknown field serialized_dashboard.theme");
  expect(why({ ...one, datasets: [...DATASETS, DATASETS[0]] })).toContain('two of the dataset "ds_text"');
  expect(why({ ...one, pages: [...one.pages, ...one.pages] })).toContain('two of the page "p1"');
  expect(why(whole(["text", "text"]))).toContain('two of the widget "text"');
  const without = DATASETS.map((dataset) => ({ name: dataset.name, displayName: dataset.displayName }));
  expect(why({ ...one, datasets: without })).toBe("Dataset ds_text needs one of query, queryLines and asset_name.");
  expect(why(whole([], { layout: layout(["text"], 7) }))).toBe("Widget text does not fit into the grid of 6 columns.");
  const over = layout(["text", "lines"]).map(({ widget, position }) => ({ widget, position: { ...position, y: 0 } }));
  expect(why(whole([], { layout: over }))).toBe("Widget lines lies over widget text.");
  expect(why(whole([], { pageType: "PAGE_TYPE_OTHER" }))).toContain('Invalid value "PAGE_TYPE_OTHER"');
});

test("a widget's kind, its version and its encodings", () => {
  expect(why(broken("line", '"version":3', '"version":2'))).toBe("Widget line (line) has version 2: 3 was expected.");
  expect(why(broken("line", '"widgetType":"line"', '"widgetType":"plot"'))).toBe(
    "Widget line is of an unknown type: plot.",
  );
  expect(why(broken("line", '"y":{', '"z":{'))).toBe("Widget line (line) has no encoding y.");
  expect(why(broken("counter", '"value":{', '"amount":{'))).toBe(
    "Widget counter (counter) has no encoding value or period or target.",
  );
  const axis = "Widget line (line): x needs a scale, and a fieldName or fields.";
  expect(why(broken("line", '"type":"temporal"', '"type":"time"'))).toBe(axis);
  expect(why(broken("line", '"fieldName":"hourly(hour)",', ""))).toBe(axis);
  expect(why(broken("table", '"fieldName":"twice"', '"field":"twice"'))).toContain("each with a fieldName");
  expect(why(broken("text", '"textbox_spec":"# Title"', '"textbox_spec":"","spec":{}'))).toContain("needs one of spec");
});

test("a widget's queries: one dataset that is there, its columns, and functions that are known", () => {
  expect(why(broken("line", '"datasetName":"ds_text"', '"datasetName":"none"'))).toContain(
    'the dataset "none", which is none',
  );
  expect(why(broken("line", "SUM(`n`)", "SUM(`m`)"))).toBe('Widget line: the dataset "ds_text" has no column "m".');
  expect(why(broken("line", "SUM(`n`)", "SUM(n)"))).toBe("Widget line: the expression SUM(n) is not understood.");
  expect(why(broken("line", '"name":"node"', '"name":"Node"'))).toContain("is the column `node` under another name");
  expect(why(broken("line", '"disaggregated":false', '"disaggregated":true'))).toContain("the rows as they are");
  expect(why(broken("line", '"name":"sum(n)"', '"name":"sum(m)"'))).toBe(
    'Widget line shows the field "sum(n)", which its queries do not have.',
  );
  expect(why(broken("counter", JSON.stringify([N]), "[]"))).toBe("Widget counter asks for no field.");
  const { queries: _, ...alone } = WIDGETS["counter"] as { queries: object; spec: object };
  const position = { x: 0, y: 0, width: 6, height: 3 };
  expect(why(whole([], { layout: [{ widget: { name: "counter", ...alone }, position }] }))).toContain("has 0 queries");
});

test("a filter filters by what its queries have", () => {
  const not = "which its query nodes does not have";
  expect(why(broken("filter", '"fieldName":"node"', '"fieldName":"sensor"'))).toContain(not);
  expect(why(broken("filter", '"queryName":"starts"', '"queryName":"nodes"'))).toContain(not);
  expect(why(broken("filter", '"fields":[{"fieldName":"node"', '"others":[{"fieldName":"node"'))).toContain(
    "no encoding fields",
  );
});
