import type { ZoneNames } from "./pattern-words.ts";
import type { Zone } from "./zone.ts";

/** How a map says when a reading was taken. */
export type TimeRules = {
  /** Tried in this order: named ones, and patterns. */
  readonly formats: readonly string[];
  /** For times without a zone of their own; null: UTC. */
  readonly zone: Zone | null;
  /** Names of zones that timestamps have, and their offsets, ms. */
  readonly zones: ZoneNames;
  /** Fields whose texts, joined by a blank, are the timestamp; empty: it is one field, mapped or of our name. */
  readonly from: readonly string[];
  /** A reading without a time has that of its arrival. */
  readonly orArrival: boolean;
};

export const ISO_TIME: TimeRules = { formats: ["iso"], zone: null, zones: new Map(), from: [], orArrival: false };
