/** What the loading notebook gives back when it ends: what each table holds now, and which objects it left out. */
import { type Json, listAt, objectsAt, parseJson, textAt } from "../../databricks/json.ts";

export type TableReport = {
  readonly stage: string;
  /** `catalog.schema.table`. */
  readonly table: string;
  readonly rows: number;
  /** Objects that cannot be unpacked, by their paths. */
  readonly quarantined: readonly string[];
};

/** Null where it is no such report: a notebook of another kind gives back what it likes. */
export function readLoadReport(result: string | null): readonly TableReport[] | null {
  const told = objectsAt({ tables: jsonOf(result ?? "") }, "tables");
  const tables = told.flatMap((one): TableReport[] => {
    const [stage, table, rows] = [textAt(one, "stage"), textAt(one, "table"), one["rows"]];
    if (stage === undefined || table === undefined || typeof rows !== "number") return [];
    return [{ stage, table, rows, quarantined: listAt(one, "quarantined").map(String) }];
  });
  return told.length > 0 && tables.length === told.length ? tables : null;
}

function jsonOf(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}
