/** docs/monitoring/grafana-dashboard.json: a fleet at the top, then one node or some of them in detail. */
import {
  type Dashboard,
  DashboardCursorSync,
  defaultDashboard,
  type Panel,
  type RowPanel,
  VariableHide,
  VariableRefresh,
} from "@grafana/schema";
import { DATASOURCE } from "./grafana-panels.ts";
import { SECTIONS } from "./grafana-sections.ts";

const COLUMNS = 24;

/** Rows from left to right, and a line with its title above each section. */
function placed(): (Panel | RowPanel)[] {
  let id = 0;
  let y = 0;
  return SECTIONS.flatMap(({ title, panels }) => {
    const line: RowPanel = {
      id: ++id,
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y: y++, w: COLUMNS, h: 1 },
    };
    let x = 0;
    let height = 0;
    const inside = panels.map((panel) => {
      const { w, h } = panel.gridPos ?? { w: COLUMNS, h: 8 };
      if (x + w > COLUMNS) {
        x = 0;
        y += height;
        height = 0;
      }
      const at = { x, y, w, h };
      x += w;
      height = Math.max(height, h);
      return { ...panel, id: ++id, gridPos: at };
    });
    y += height;
    return [line, ...inside];
  });
}

export function grafanaDashboard(): Dashboard {
  const variable = {
    hide: VariableHide.dontHide,
    refresh: VariableRefresh.onTimeRangeChanged,
    datasource: DATASOURCE,
  } as const;
  return {
    ...defaultDashboard,
    uid: "edge-agent",
    title: "Edge agents",
    description: "Readings, anomalies, lag, buffers and uplinks of a fleet of agents, from their /metrics.",
    tags: ["agent"],
    timezone: "utc",
    graphTooltip: DashboardCursorSync.Crosshair,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    templating: {
      list: [
        {
          name: "datasource",
          label: "Prometheus",
          type: "datasource",
          query: "prometheus",
          hide: VariableHide.dontHide,
        },
        { ...variable, name: "job", label: "Job", type: "query", query: "label_values(agent_build_info, job)" },
        {
          ...variable,
          name: "instance",
          label: "Node",
          type: "query",
          multi: true,
          includeAll: true,
          query: 'label_values(agent_build_info{job="$job"}, instance)',
        },
      ],
    },
    panels: placed(),
  };
}

export function dashboardJson(): string {
  return `${JSON.stringify(grafanaDashboard(), null, 2)}\n`;
}

/** Every query, as Prometheus gets it when all nodes of a job are chosen. */
export function dashboardQueries(): readonly { readonly title: string; readonly expression: string }[] {
  return (grafanaDashboard().panels ?? []).flatMap((panel) =>
    ("targets" in panel ? (panel.targets ?? []) : []).map((target) => ({
      title: panel.title ?? "",
      expression: String(target["expr"])
        .replaceAll("$__rate_interval", "2m")
        .replaceAll("$job", "agent")
        .replaceAll("$instance", ".*"),
    })),
  );
}
