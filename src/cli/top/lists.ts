/** Sensors, anomalies and rules as tables of lines. */
import { grouped, roughAge, roughRate } from "../../core/readable-numbers.ts";
import type { Status } from "../../status/status.ts";
import { harmless, type Ink, type Line, padded, span, sparkline, widthOf } from "./cells.ts";
import type { AnomalySeen, RuleSeen, TopLook } from "./look.ts";
import type { SensorSeen } from "./sensors-seen.ts";
import { sortOf, type TopView } from "./view.ts";

/** A head, and a line for each entry that passes the filter, the first of the order first. */
export type Listed = { readonly head: Line; readonly lines: readonly Line[]; readonly empty: string };

const SPARK = 16;

export function sensorList(look: TopLook, view: TopView, width: number): Listed {
  const silent = new Set(look.status?.silent_sensors.map(({ sensor_id: id }) => id));
  // What is left of the line: a name is cut last.
  const name = columnOf(
    look.sensors.map(({ id }) => id),
    Math.min(40, Math.max(18, width - 62)),
  );
  const head = [
    padded("sensor", name),
    padded("rate", 9, "right"),
    padded("last", 7, "right"),
    padded("anomalies", 10, "right"),
    "  measure",
  ].join("");
  const shown = look.sensors
    .filter(({ id, type, location }) => passes(view.filter, id, type, location))
    .sort(SENSOR_ORDERS[sortOf(view)] ?? (() => 0));
  return {
    head: [span(head, "dim")],
    lines: shown.map((sensor) => [
      span(padded(sensor.id, name), silent.has(sensor.id) ? "red" : "bold"),
      span(padded(isTaking(look.status) ? rateText(sensor.perSecond) : "-", 9, "right")),
      span(padded(ageText(look.atMs - sensor.lastAtMs), 7, "right"), "dim"),
      span(padded(sensor.broken === 0 ? "" : grouped(sensor.broken), 10, "right"), "yellow"),
      ...measureSpans(sensor, view.measure),
    ]),
    empty: "No sensor has given a reading yet.",
  };
}

/** Whether there is an agent of which the rates can be: one that runs and reports. */
export function isTaking(status: Status | null): boolean {
  return status !== null && status.pid !== null && status.not_heard_since === null;
}

type Order<T> = (a: T, b: T) => number;

const SENSOR_ORDERS: Readonly<Record<string, Order<SensorSeen>>> = {
  newest: () => 0,
  rate: (a, b) => b.perSecond - a.perSecond,
  anomalies: (a, b) => b.broken - a.broken,
  name: (a, b) => (a.id < b.id ? -1 : 1),
};

function measureSpans({ trails }: SensorSeen, measure: number): Line {
  const names = [...trails.keys()];
  const name = names[measure % Math.max(1, names.length)];
  const trail = name === undefined ? undefined : trails.get(name);
  if (name === undefined || trail === undefined) return [];
  const last = trail.at(-1) ?? Number.NaN;
  return [
    span(`  ${padded(sparkline(trail, SPARK), SPARK)} `, "accent"),
    span(`${valueText(last)} `),
    span(name, "dim"),
  ];
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value.toLocaleString("en", { maximumSignificantDigits: 6 });
}

export function anomalyList(look: TopLook, view: TopView, width: number): Listed {
  const name = columnOf(
    look.anomalies.map(({ sensorId }) => sensorId ?? ""),
    Math.max(14, Math.floor(width / 5)),
  );
  const rule = columnOf(
    look.anomalies.map(({ rule: broken }) => broken),
    Math.max(18, Math.floor(width / 4)),
  );
  const grouped = groupedAnomalies(look.anomalies).filter(({ first }) =>
    passes(view.filter, first.sensorId, first.rule, first.reason, first.severity),
  );
  const shown = sortOf(view) === "severity" ? grouped.sort((a, b) => rank(b.first) - rank(a.first)) : grouped;
  return {
    head: [span(`${padded("age", 8)}${padded("sensor", name)} ${padded("rule", rule)} reason`, "dim")],
    lines: shown.map(({ first, count }) => [
      span(padded(ageText(look.atMs - first.atMs), 8), "dim"),
      span(padded(first.sensorId ?? "-", name), "bold"),
      span(` ${padded(first.rule, rule)} `, SEVERITY_INK[first.severity] ?? "red"),
      span(count === 1 ? "" : `${count} × `, "dim"),
      span(first.reason),
    ]),
    empty: "No reading has broken a rule yet.",
  };
}

const SEVERITY_INK: Readonly<Record<string, Ink>> = { info: "accent", warning: "yellow", critical: "red" };

function rank({ severity }: AnomalySeen): number {
  return ["info", "warning", "critical"].indexOf(severity);
}

type AnomalyGroup = { readonly first: AnomalySeen; count: number };

/** Readings of one sensor that break one rule are one line, with the newest of them. */
function groupedAnomalies(anomalies: readonly AnomalySeen[]): AnomalyGroup[] {
  const groups = new Map<string, AnomalyGroup>();
  for (const anomaly of anomalies) {
    const key = `${anomaly.sensorId}\u0000${anomaly.rule}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: anomaly, count: 1 });
    else group.count++;
  }
  return [...groups.values()];
}

export function ruleList({ rules, status }: TopLook, view: TopView, width: number): Listed {
  const name = Math.min(40, Math.max(20, width - 54));
  const head = [
    padded("rule", name),
    padded("severity", 9),
    padded("broken", 8, "right"),
    padded("/min", 8, "right"),
    padded("sensors", 8, "right"),
    padded("errors", 8, "right"),
    padded("ns each", 8, "right"),
  ].join(" ");
  const shown = rules
    .filter((rule) => passes(view.filter, rule.name, rule.severity, rule.kind))
    .sort(RULE_ORDERS[sortOf(view)] ?? (() => 0));
  return {
    head: [span(head, "dim")],
    lines: shown.map((rule) => [
      span(padded(rule.name, name), "bold"),
      span(` ${padded(rule.severity, 9)}`, SEVERITY_INK[rule.severity] ?? "plain"),
      span(
        ` ${padded(grouped(rule.broken), 8, "right")} ${padded(isTaking(status) ? roughRate(rule.perMinute) : "-", 8, "right")}`,
      ),
      span(` ${padded(numberText(rule.sensors), 8, "right")}`),
      span(` ${padded(numberText(rule.errors), 8, "right")}`, (rule.errors ?? 0) > 0 ? "red" : "plain"),
      span(` ${padded(numberText(rule.nsPerReading), 8, "right")}`, "dim"),
    ]),
    empty: "No rule is in force yet.",
  };
}

const RULE_ORDERS: Readonly<Record<string, Order<RuleSeen>>> = {
  broken: (a, b) => b.perMinute - a.perMinute || b.broken - a.broken,
  cost: (a, b) => (b.nsPerReading ?? 0) - (a.nsPerReading ?? 0),
  errors: (a, b) => (b.errors ?? 0) - (a.errors ?? 0),
  name: (a, b) => (a.name < b.name ? -1 : 1),
};

function numberText(value: number | null): string {
  return value === null ? "-" : grouped(Math.round(value));
}

function rateText(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  return perSecond >= 0.95 ? `${roughRate(perSecond)}/s` : `${roughRate(perSecond * 60)}/min`;
}

/** A sensor whose clock is ahead of ours has sent it just now. */
function ageText(ms: number): string {
  return Number.isFinite(ms) ? roughAge(ms) : "-";
}

/** As wide as the longest text, and no wider than `most`. */
function columnOf(texts: readonly string[], most: number): number {
  return Math.min(
    most,
    texts.reduce((width, text) => Math.max(width, widthOf(harmless(text))), 6),
  );
}

function passes(filter: string, ...texts: readonly (string | null)[]): boolean {
  const wanted = filter.toLowerCase();
  return wanted === "" || texts.some((text) => text?.toLowerCase().includes(wanted) === true);
}
