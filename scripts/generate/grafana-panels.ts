/** Panels of Grafana, by Grafana's own types: what is the same in all panels of a kind is stated once. */
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  type FieldConfigSource,
  GraphDrawStyle,
  HeatmapCellLayout,
  LegendDisplayMode,
  MappingType,
  type Panel,
  PercentChangeColorMode,
  SortOrder,
  StackingMode,
  TableCellDisplayMode,
  type Threshold,
  ThresholdsMode,
  TooltipDisplayMode,
  type ValueMapping,
  VisibilityMode,
  VizOrientation,
} from "@grafana/schema";
import type { Options as HeatmapOptions } from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import { HeatmapColorMode } from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type { Options as StatOptions } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { Options as TimelineOptions } from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type { Options as TableOptions } from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type {
  FieldConfig as ChartField,
  Options as ChartOptions,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

export const DATASOURCE = { type: "prometheus", uid: "$" + "{datasource}" };

/** A query and what its series are called: `{{label}}` is the value of a label. */
export type Query = readonly [expression: string, legend: string];

export type PanelHead = {
  readonly title: string;
  /** What a reader should know beside the title. */
  readonly says: string;
  /** Of Grafana: `s`, `bytes`, `percentunit`, `short`, `cps` (counts a second), `Bps`. */
  readonly unit: string;
  readonly width: number;
};

const RED = "red";
export const BAD_ABOVE = (value: number): readonly Threshold[] => [
  { color: "green", value: null },
  { color: RED, value },
];
export const BAD_BELOW = (value: number): readonly Threshold[] => [
  { color: RED, value: null },
  { color: "green", value },
];
const PLAIN: readonly Threshold[] = [{ color: "text", value: null }];

export function chart(head: PanelHead, queries: readonly Query[], stacks = false): Panel {
  const custom: ChartField = {
    drawStyle: GraphDrawStyle.Line,
    lineWidth: 1,
    fillOpacity: stacks ? 30 : 5,
    showPoints: VisibilityMode.Never,
    spanNulls: false,
    stacking: { mode: stacks ? StackingMode.Normal : StackingMode.None, group: "A" },
  };
  const options: ChartOptions = {
    legend: LEGEND,
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  };
  return panel("timeseries", head, { options, queries, fields: { unit: head.unit, min: 0, custom: { ...custom } } });
}

export function stat(head: PanelHead, expression: string, steps: readonly Threshold[] = PLAIN): Panel {
  const options: StatOptions = {
    colorMode: BigValueColorMode.Value,
    graphMode: BigValueGraphMode.Area,
    justifyMode: BigValueJustifyMode.Auto,
    orientation: VizOrientation.Auto,
    percentChangeColorMode: PercentChangeColorMode.Standard,
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    showPercentChange: false,
    textMode: BigValueTextMode.Auto,
    wideLayout: true,
  };
  const thresholds = { mode: ThresholdsMode.Absolute, steps: [...steps] };
  return panel("stat", head, { options, queries: [[expression, ""]], fields: { unit: head.unit, thresholds } });
}

/** A row for each series, green and red by time: 1 is `one`, 0 is `zero`, and the bad one of them red. */
export function timeline(
  head: PanelHead,
  query: Query,
  words: { readonly zero: string; readonly one: string; readonly bad: 0 | 1 },
): Panel {
  const options: TimelineOptions = {
    legend: { ...LEGEND, showLegend: false },
    tooltip: { mode: TooltipDisplayMode.Single, sort: SortOrder.None },
    mergeValues: true,
    rowHeight: 0.9,
    showValue: VisibilityMode.Never,
  };
  const colour = (value: 0 | 1) => (value === words.bad ? RED : "green");
  const mappings: ValueMapping[] = [
    {
      type: MappingType.ValueToText,
      options: { "0": { text: words.zero, color: colour(0) }, "1": { text: words.one, color: colour(1) } },
    },
  ];
  return panel("state-timeline", head, {
    options,
    queries: [query],
    fields: { mappings, custom: { fillOpacity: 70 } },
  });
}

/** How many readings had which lag, over time. */
export function heatmap(head: PanelHead, expression: string): Panel {
  const options: HeatmapOptions = {
    calculate: false,
    color: {
      mode: HeatmapColorMode.Scheme,
      scheme: "Blues",
      fill: "dark-blue",
      exponent: 0.5,
      reverse: false,
      steps: 64,
    },
    exemplars: { color: "rgba(255,0,255,0.7)" },
    filterValues: { le: 1e-9 },
    legend: { show: true },
    rowsFrame: { layout: HeatmapCellLayout.auto },
    showValue: VisibilityMode.Never,
    tooltip: { mode: TooltipDisplayMode.Single, yHistogram: false },
    yAxis: { unit: head.unit },
  };
  return panel("heatmap", head, { options, queries: [[expression, "{{le}}"]], fields: {}, format: "heatmap" });
}

/** A row for each node: a column for each query, named by its legend, with its unit; `red`: a limit. */
export type Column = {
  readonly name: string;
  readonly expression: string;
  readonly unit: string;
  readonly red?: number;
};

export function nodeTable(head: PanelHead, columns: readonly Column[]): Panel {
  const options: TableOptions = { frameIndex: 0, showHeader: true, sortBy: [{ displayName: "node", desc: false }] };
  const refs = columns.map((_, i) => `Value #${refOf(i)}`);
  const overrides: FieldConfigSource["overrides"] = columns.map(({ unit, red }, i) => {
    const coloured = [
      { id: "thresholds", value: { mode: ThresholdsMode.Absolute, steps: red === undefined ? PLAIN : BAD_ABOVE(red) } },
      { id: "custom.cellOptions", value: { type: TableCellDisplayMode.ColorText } },
    ];
    return {
      matcher: { id: "byName", options: columns[i]?.name },
      properties: [{ id: "unit", value: unit }, ...coloured],
    };
  });
  const made = panel("table", head, {
    options,
    queries: columns.map(({ expression }) => [expression, ""] as const),
    fields: {},
    format: "table",
    overrides,
  });
  const renameByName = Object.fromEntries(columns.map(({ name }, i) => [refs[i], name]));
  const shown = [...["instance", "node_id", "version"], ...refs];
  return {
    ...made,
    transformations: [
      { id: "merge", options: {} },
      { id: "filterFieldsByName", options: { include: { names: shown } } },
      {
        id: "organize",
        options: { renameByName: { ...renameByName, node_id: "node" }, indexByName: {}, excludeByName: {} },
      },
    ],
  };
}
const LEGEND = { calcs: [], displayMode: LegendDisplayMode.List, placement: "bottom" as const, showLegend: true };

type PanelBody = {
  readonly options: object;
  readonly queries: readonly Query[];
  readonly fields: FieldConfigSource["defaults"];
  readonly format?: "table" | "heatmap";
  readonly overrides?: FieldConfigSource["overrides"];
};

function panel(type: string, { title, says, width }: PanelHead, body: PanelBody): Panel {
  const { options, queries, fields, format = "time_series", overrides = [] } = body;
  return {
    type,
    title,
    description: says,
    datasource: DATASOURCE,
    gridPos: { w: width, h: type === "stat" ? 4 : 8, x: 0, y: 0 },
    fieldConfig: { defaults: fields, overrides },
    options: { ...options },
    targets: queries.map(([expr, legendFormat], i) => ({
      refId: refOf(i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legendFormat === "" ? "__auto" : legendFormat,
      format,
      instant: type === "table",
      range: type !== "table",
    })),
  };
}

function refOf(i: number): string {
  return String.fromCharCode(65 + i);
}
