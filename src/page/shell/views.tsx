/** The views of the page, in the order of its head; each is loaded when it is first shown. */
import { computed, signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Loading, ProblemRow } from "./parts.tsx";
import { place } from "./place.ts";

type Loaded = { readonly default: ComponentType };
export type View = { readonly name: string; readonly title: string; readonly load: () => Promise<Loaded> };

/** In this order: now, sensors, anomalies, rules, delivery, sql, settings. One line for each: a module in `src/page/<room>/` whose default export is the component. */
export const VIEWS: readonly View[] = [
  { name: "now", title: "Now", load: () => import("../flow/now.tsx") },
  { name: "sensors", title: "Sensors", load: () => import("../sensors/sensors.tsx") },
  { name: "anomalies", title: "Anomalies", load: () => import("../anomalies/anomalies.tsx") },
  { name: "rules", title: "Rules", load: () => import("../rules/rules.tsx") },
  { name: "delivery", title: "Delivery", load: () => import("../delivery/delivery.tsx") },
  { name: "sql", title: "SQL", load: () => import("../console/console.tsx") },
  { name: "settings", title: "Settings", load: () => import("../settings/settings.tsx") },
];

/** The view that the address names, else the first. */
export const view = computed<View>(() => VIEWS.find(({ name }) => name === place.value[0]) ?? VIEWS[0]!);

const loaded = signal<ReadonlyMap<string, Loaded | Error>>(new Map());

export function CurrentView() {
  const { name, title, load } = view.value;
  const one = loaded.value.get(name);
  useEffect(() => {
    if (loaded.peek().get(name) !== undefined) return;
    const keep = (came: Loaded | Error) => {
      loaded.value = new Map(loaded.peek()).set(name, came);
    };
    load().then(keep, (error) => keep(error instanceof Error ? error : new Error(String(error))));
  }, [name]);
  if (one === undefined) return <Loading what={title} />;
  if (one instanceof Error) {
    return (
      <ProblemRow
        problem={{ message: `Cannot load the view "${title}": ${one.message}. Reload the page`, try: null }}
      />
    );
  }
  const Show = one.default;
  return <Show />;
}
