/** Which series of which sensors a viewer asks for, in which order and groups. Pure. */
import type { Episode, WireSensor } from "../../dashboard/wire.ts";
import { seriesKey } from "../shell/series-key.ts";

/** One chart of the grid. */
export type ShownSeries = {
  readonly key: string;
  readonly sensor: WireSensor;
  readonly measure: string;
  readonly unit: string | null;
};

export const GROUPINGS = ["none", "location", "type"] as const;
export type Grouping = (typeof GROUPINGS)[number];
export const ORDERS = ["name", "anomalies"] as const;
export type Order = (typeof ORDERS)[number];

/** Every word is in the id, the type, the location or the name of the measure. */
export function seriesFound(
  sensors: readonly WireSensor[],
  text: string,
  measure: string | null,
): readonly ShownSeries[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return sensors.flatMap((sensor) => {
    const about = `${sensor.sensorId} ${sensor.sensorType ?? ""} ${sensor.location ?? ""}`.toLowerCase();
    return sensor.measures
      .filter(({ name }) => measure === null || name === measure)
      .filter(({ name }) => words.every((word) => about.includes(word) || name.toLowerCase().includes(word)))
      .map(({ name, unit }) => ({ key: seriesKey(sensor.sensorId, name), sensor, measure: name, unit }));
  });
}

/** Readings of the known episodes, by series; those that are of no single measure count for each measure of their sensor. */
export function anomaliesBySeries(episodes: readonly Episode[]): (series: ShownSeries) => number {
  const counts = new Map<string, number>();
  for (const { sensorId, measure, readings } of episodes) {
    const key = measure === null ? sensorId : seriesKey(sensorId, measure);
    counts.set(key, (counts.get(key) ?? 0) + Math.max(1, readings));
  }
  return ({ key, sensor }) => (counts.get(key) ?? 0) + (counts.get(sensor.sensorId) ?? 0);
}

const byText = new Intl.Collator(undefined, { numeric: true }).compare;

export function ordered(
  series: readonly ShownSeries[],
  order: Order,
  anomalies: (series: ShownSeries) => number,
): readonly ShownSeries[] {
  const byName = (a: ShownSeries, b: ShownSeries) => byText(a.sensor.sensorId, b.sensor.sensorId);
  // The measures of a sensor stay in the order of its profile: the sort is stable.
  if (order === "name") return series.toSorted(byName);
  const counts = new Map(series.map((one) => [one.key, anomalies(one)]));
  return series.toSorted((a, b) => (counts.get(b.key) ?? 0) - (counts.get(a.key) ?? 0) || byName(a, b));
}

export type SeriesGroup = { readonly title: string | null; readonly series: readonly ShownSeries[] };

const GROUP_OF: Record<Exclude<Grouping, "none">, (sensor: WireSensor) => string> = {
  location: ({ location }) => location ?? "no location",
  type: ({ sensorType }) => sensorType ?? "no type",
};

/** In the order of the groups' names; within a group as it was. */
export function grouped(series: readonly ShownSeries[], grouping: Grouping): readonly SeriesGroup[] {
  if (grouping === "none") return [{ title: null, series }];
  const groups = Map.groupBy(series, ({ sensor }) => GROUP_OF[grouping](sensor));
  return [...groups].map(([title, of]) => ({ title, series: of })).sort((a, b) => byText(a.title, b.title));
}

/** A page of charts, counted over all groups; the next page continues a group that is cut. */
export function pageOf(groups: readonly SeriesGroup[], page: number, size: number): readonly SeriesGroup[] {
  let before = 0;
  return groups.flatMap((group) => {
    const from = Math.max(0, page * size - before);
    const to = Math.max(0, (page + 1) * size - before);
    before += group.series.length;
    const series = group.series.slice(from, to);
    return series.length === 0 ? [] : [{ title: group.title, series }];
  });
}

/** The measures of all sensors, each once. */
export function measuresOf(sensors: readonly WireSensor[]): readonly string[] {
  return [...new Set(sensors.flatMap(({ measures }) => measures.map(({ name }) => name)))].sort(byText);
}
