/** What the viewer asked the view for. It stays while other views are shown. */
import { signal } from "@preact/signals";
import type { Grouping, Order } from "./search.ts";

export type Range = { readonly name: string; readonly title: string; readonly ms: number | null };
const MINUTE_MS = 60_000;
/** `ms` null: all that the buffer keeps. */
export const RANGES: readonly Range[] = [
  { name: "5m", title: "5 min", ms: 5 * MINUTE_MS },
  { name: "1h", title: "1 h", ms: 60 * MINUTE_MS },
  { name: "24h", title: "24 h", ms: 24 * 60 * MINUTE_MS },
  { name: "all", title: "all kept", ms: null },
];

export const text = signal("");
export const measure = signal<string | null>(null);
export const grouping = signal<Grouping>("none");
export const order = signal<Order>("name");
export const range = signal<Range>(RANGES[0]!);
export const page = signal(0);
/** When the viewer stopped the charts, by the agent's clock; null: they are live. */
export const pausedAtMs = signal<number | null>(null);
