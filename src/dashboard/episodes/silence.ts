/** What a rule of silence wrote down when a reading ended the silence. */
import { isObject } from "../../core/outside/shape.ts";
import type { Finding } from "../../core/reading.ts";

/** Since when the sensor had been silent, ms; null where the finding does not say. */
export function silenceBefore({ window }: Finding): number | null {
  if (!isObject(window)) return null;
  // A rule with `confirm` has the window of its condition inside its own.
  const inner = window["last"];
  const from = isObject(inner) ? inner["from"] : window["from"];
  const ms = typeof from === "string" ? Date.parse(from) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
