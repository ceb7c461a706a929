/** How many anomalies each series has, for sorting: asked for when the viewer sorts by it, and not with each new one. */
import { useMemo } from "preact/hooks";
import { EPISODES_MOST, type Episode } from "../../dashboard/wire.ts";
import { useRoute } from "../shell/use-route.ts";
import { order } from "./asked.ts";
import { anomaliesBySeries, type ShownSeries } from "./search.ts";

const EVERY_MS = 30_000;

export function useEpisodeCounts(): (series: ShownSeries) => number {
  const isAsked = order.value === "anomalies";
  const limit = isAsked ? EPISODES_MOST : 1;
  const { value } = useRoute<readonly Episode[]>("/api/episodes", { limit }, isAsked ? EVERY_MS : null);
  return useMemo(() => anomaliesBySeries(value ?? []), [value]);
}
