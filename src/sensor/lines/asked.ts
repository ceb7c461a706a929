/** What a map asks of a record beside the fields that are read as they are: on these values more depends than one field. */
import type { ContextName } from "../context.ts";
import { type Path, pathOf, type Segment } from "../map/path.ts";
import { foreignNamesOf, type Mapping } from "../row/fields.ts";

export type AskedValues = {
  /** From any object in the record. */
  readonly segments: readonly (readonly Segment[])[];
  readonly contextNames: readonly ContextName[];
  /** Names of fields that are, or are part of, the id of a sensor. */
  readonly idNames: readonly string[];
};

export function askedBy(mapping: Mapping): AskedValues {
  const { shape } = mapping;
  const composed = shape?.compose.flatMap(({ parts }) => [...parts.values()]) ?? [];
  const asked = [
    ...(shape?.where.flatMap(({ paths }) => paths) ?? []),
    ...(shape?.extract.map(({ from }) => from) ?? []),
    ...composed,
  ];
  const read = [...asked, ...(shape?.paths ?? [])];
  return {
    segments: asked.flatMap(({ text, segments }) => [[text], segments]),
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
