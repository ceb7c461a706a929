/** `lookup` in a map: `{"by": "devEui", "from": "sensors.csv", "key": "eui", "fields": {"room": "location"}}`. */
import { made, oneOrList } from "../../core/outside/composed-shapes.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import { object, optional, record, refuse } from "../../core/outside/shape.ts";

const SOME = { least: 1, most: 20 } as const;
const NAME = text(/^.+$/s, "a name");
const FORMS = "a file such as sensors.csv or sensors.json, or sqlite:PATH?table=NAME";

/** Where a table is. `table`: null for a file of text. */
export type TablePlace = {
  readonly text: string;
  readonly path: string;
  readonly form: "csv" | "json" | "sqlite";
  readonly table: string | null;
};

const PLACE = made(text(/^.+$/s, FORMS), (from, { path, problems }): TablePlace | undefined => {
  const place = placeOf(from);
  return place ?? refuse(problems, path, `must be ${FORMS}, not ${JSON.stringify(from)}`);
});

export function placeOf(from: string): TablePlace | null {
  const sqlite = /^sqlite:([^?]+)\?table=(.+)$/s.exec(from);
  if (sqlite !== null) return { text: from, path: sqlite[1] ?? "", form: "sqlite", table: sqlite[2] ?? "" };
  const form = /\.(?:csv|tsv|txt)$/i.test(from) ? "csv" : /\.json$/i.test(from) ? "json" : null;
  return form === null || from.startsWith("sqlite:") ? null : { text: from, path: from, form, table: null };
}

const ONE = object({
  by: NAME,
  from: PLACE,
  /** The column of the ids; without it, the one that has the name of `by`. */
  key: optional(NAME),
  /** Columns, and our names. */
  fields: record(NAME, { most: 100 }),
});

export const LOOKUP = oneOrList(ONE, SOME);
