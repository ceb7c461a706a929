/** Several foreign fields for one of ours: the first of the map's order that has a value in the row counts. */
import type { FieldTable } from "./field-table.ts";
import type { Mapping } from "./fields.ts";
import type { ForeignRow } from "./foreign-row.ts";

export class OtherNames {
  /** The foreign names of one of our fields, of which there are two or more. */
  readonly groups: readonly (readonly string[])[];

  constructor({ fields }: Mapping) {
    const byOurs = Map.groupBy(fields.keys(), (name) => fields.get(name)?.to ?? name);
    this.groups = [...byOurs.values()].filter((names) => names.length > 1);
  }

  /** The names in this row that are unknown, because one before them counts; null where there are none. */
  unusedOf(row: ForeignRow, fields: FieldTable): ReadonlySet<string> | null {
    if (this.groups.length === 0) return null;
    const unused = new Set<string>();
    for (const names of this.groups) {
      let isFound = false;
      for (const name of names) {
        if (!Object.hasOwn(row, name)) continue;
        if (isFound) unused.add(name);
        else isFound = hasValue(row[name], name, fields);
      }
    }
    return unused.size === 0 ? null : unused;
  }

  /** Whether a row may have more than one name of a group: which of them counts depends on its values. */
  isOpenIn(names: { has(name: string): boolean }): boolean {
    return this.groups.some((group) => group.filter((name) => names.has(name)).length > 1);
  }
}

/** A value that cannot be read is one: a problem must not be hidden by another field. */
function hasValue(value: unknown, name: string, fields: FieldTable): boolean {
  if (value === null || value === undefined) return false;
  const reads = fields.get(name)?.reads;
  if (reads === undefined || reads.absent.has(value)) return false;
  return !(reads.textNumbers && typeof value === "string" && value.trim() === "");
}
