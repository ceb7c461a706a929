/** Rows as Spark answers them, made comparable with rows that were computed here. */
import type { TableRow } from "./session.ts";

/** A sum in another order differs in its last digits. */
const NEAR = 1e-9;

/** Times as the agent writes them, with their zone. */
function plain(value: unknown): unknown {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT/.test(value)) return value;
  return new Date(`${value.replace(/Z$/, "")}Z`).toISOString();
}

function settle(got: unknown, wanted: unknown): unknown {
  if (typeof got !== "number" || typeof wanted !== "number") return plain(got);
  return Math.abs(got - wanted) <= NEAR * Math.abs(wanted) ? wanted : got;
}

/** The rows that came, each number replaced by the wanted one where the two are as good as equal. */
export function comparable(got: readonly TableRow[], wanted: readonly TableRow[]): TableRow[] {
  return got.map((row, at) => {
    const settled = Object.entries(row).map(([name, value]) => [name, settle(value, wanted[at]?.[name])]);
    return Object.fromEntries(settled) as TableRow;
  });
}
