/** Where in the flow of readings a problem is. */
import type { Problem } from "../../core/problem.ts";

export type Place = "sensors" | "rules" | "buffer" | "store" | "agent";
export const PLACES: Readonly<Record<Place, string>> = {
  sensors: "Sensors",
  rules: "Rules",
  buffer: "Buffer",
  store: "Store",
  agent: "Agent",
};

/** By the beginning of their codes; what is not here is of the agent itself. */
const BEGINNINGS: readonly (readonly [beginning: string, place: Place])[] = [
  ["store_", "store"],
  ["batches_", "store"],
  ["object_", "store"],
  ["rules_", "rules"],
  ["rule_", "rules"],
  ["disk_", "buffer"],
  ["buffer_", "buffer"],
  ["data_dir_", "buffer"],
  ["readings_lost", "buffer"],
  ["source_", "sensors"],
  ["input_", "sensors"],
  ["session_", "sensors"],
  ["topic_", "sensors"],
  ["qos_", "sensors"],
  ["nothing_wanted", "sensors"],
  ["no_measures", "sensors"],
  ["field_", "sensors"],
  ["map_", "sensors"],
  ["lookup_", "sensors"],
  ["times_", "sensors"],
  ["sensors_", "sensors"],
  ["rows_", "sensors"],
  ["table_", "sensors"],
];

export function placeOf(code: string): Place {
  return BEGINNINGS.find(([beginning]) => code.startsWith(beginning))?.[1] ?? "agent";
}

export function problemsAt(place: Place, problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(({ code }) => placeOf(code) === place);
}
