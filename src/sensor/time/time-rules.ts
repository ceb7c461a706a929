import type { Zone } from "../row/zone.ts";
import type { ZoneNames } from "./pattern.ts";

/** How a map says when a reading was taken. */
export type TimeRules = {
  /** Tried in this order: named ones, and patterns. */
  readonly formats: readonly string[];
  /** For times without a zone of their own; null: UTC. */
  readonly zone: Zone | null;
  /** Names of zones that timestamps have, and their offsets, ms. */
  readonly zones: ZoneNames;
};

export const ISO_TIME: TimeRules = { formats: ["iso"], zone: null, zones: new Map() };
