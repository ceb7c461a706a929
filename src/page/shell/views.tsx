/** The views of the page, in the order of its head; each is loaded when it is first shown. */
import { computed, signal } from "@preact/signals";
import type { VNode } from "preact";

export type View = { readonly name: string; readonly title: string; readonly show: () => VNode };

export const VIEWS: readonly View[] = [{ name: "now", title: "Now", show: () => <p>Now</p> }];

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The view that the address names (`#name` or `#name/what`), else the first. */
export const view = computed<View>(() => {
  const [name] = hash.value.slice(1).split("/");
  return VIEWS.find((one) => one.name === name) ?? VIEWS[0]!;
});
