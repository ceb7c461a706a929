/** What a map asks of a record beside the fields that are read as they are: on these values more depends than one field. */
import type { ContextName } from "../context.ts";
import { type Path, pathOf, type Segment } from "../map/path.ts";
import { foreignNamesOf, type Mapping } from "../row/fields.ts";

export type AskedValues = {
  /** From any object in the record. */
  readonly values: readonly (readonly Segment[])[];
  /** The same of values of which it only matters whether they are null. */
  readonly presences: readonly (readonly Segment[])[];
  readonly isSenml: boolean;
  /** In a pack of SenML a field has its name by a value: what is asked cannot be found by its path. Rows that are joined need others. */
  readonly isKnown: boolean;
  readonly contextNames: readonly ContextName[];
  /** Names of fields that are, or are part of, the id of a sensor. */
  readonly idNames: readonly string[];
};

export function askedBy(mapping: Mapping): AskedValues {
  const { shape } = mapping;
  const composed = shape?.compose.flatMap(({ parts }) => [...parts.values()]) ?? [];
  const units = [...mapping.fields.values()].flatMap(({ unitFrom }) => (unitFrom === null ? [] : [pathOf(unitFrom)]));
  const asked = [
    ...(shape?.where.flatMap(({ paths, isPresence }) => (isPresence ? [] : paths)) ?? []),
    ...(shape?.extract.map(({ from }) => from) ?? []),
    ...composed,
    ...units,
  ];
  const present = shape?.where.flatMap(({ paths, isPresence }) => (isPresence ? paths : [])) ?? [];
  const read = [...asked, ...present, ...(shape?.paths ?? [])];
  const segmentsOf = ({ text, segments }: Path) => [[text], segments];
  return {
    values: asked.flatMap(segmentsOf),
    presences: present.flatMap(segmentsOf),
    isSenml: shape?.isSenml === true,
    isKnown:
      (shape?.wide ?? null) === null &&
      (shape?.isSenml !== true || [...asked, ...present].every(({ context }) => context !== null)),
    contextNames: [...new Set(read.flatMap(({ context }) => (context === null ? [] : [context.name])))],
    idNames: mapping.constants.has("sensor_id") ? [] : idNamesOf(mapping, composed),
  };
}

function idNamesOf(mapping: Mapping, composed: readonly Path[]): readonly string[] {
  const names = foreignNamesOf(mapping, "sensor_id");
  const paths = [...composed, ...(names.length === 0 ? ["sensor_id"] : names).map(pathOf)];
  const last = paths.flatMap(({ segments, context }) => (context === null ? segments.slice(-1) : []));
  return [...new Set(last.map(String))];
}
