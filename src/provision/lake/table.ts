/** The tables: managed Delta tables with explicit columns, made and widened by SQL, read and deleted by REST. */
import { AgentError } from "../../core/errors.ts";
import { isAlreadyThere } from "../../databricks/failure.ts";
import { Table } from "../../databricks/shapes/securables.ts";
import { quotedName, quotedText } from "../../databricks/sql.ts";
import type { TableColumn } from "../../lakehouse/columns.ts";
import { schemaFullName } from "../../lakehouse/names.ts";
import type { Change, Doing, Resource } from "../resource.ts";
import { adoption, foreignByComment, type Lake } from "./lake.ts";
import { LAKE_ID, marked, sparedByComment } from "./names.ts";
import { SecurableCalls } from "./securable.ts";
import type { TableWish } from "./table-wishes.ts";

export function tableResource(lake: Lake, { fullName, about, columns }: TableWish): Resource<Table> {
  const id = LAKE_ID.table(fullName);
  const name = quotedName(...fullName.split("."));
  const securable = new SecurableCalls(lake, { id, path: ["tables", fullName], shape: Table });
  const sql = (what: string, statement: string, doing: Doing) => lake.sql.run(what, statement, doing);
  return {
    id,
    side: "databricks",
    needs: [LAKE_ID.schema(schemaFullName(lake))],
    within: LAKE_ID.schema(schemaFullName(lake)),
    read: (doing) => securable.read(doing),
    foreign: (actual) =>
      foreignByComment(actual) ?? (actual.table_type === "VIEW" ? "it is a view, not a table" : null),
    diff: (actual) => [
      ...adoption(actual, (comment, doing) =>
        sql(`change ${id}`, `COMMENT ON TABLE ${name} IS ${quotedText(comment)}`, doing),
      ),
      ...missingColumns(actual, columns, async (doing) => {
        // Asked again: a column that is there already would fail the statement, and an answer may have been lost.
        const now = await securable.read(doing);
        const missing = lacking(now?.columns, columns);
        if (missing.length === 0) return;
        const statement = `ALTER TABLE ${name} ADD COLUMNS (${missing.map(definition).join(", ")})`;
        await sql(`add columns to ${id}`, statement, doing);
      }),
      ...otherTypes(actual, columns, id),
    ],
    create: async (doing) => {
      const statement = `CREATE TABLE IF NOT EXISTS ${name} (${columns.map(definition).join(", ")}) USING DELTA COMMENT ${quotedText(marked(about))}`;
      await sql(`create ${id}`, statement, doing).catch((error: unknown) => {
        if (!isAlreadyThere(error)) throw error;
      });
    },
    spares: async ({ comment }) => sparedByComment(comment),
    remove: (actual, doing) => securable.remove(actual, doing),
  };
}

function definition({ name, type, comment }: TableColumn): string {
  return `${quotedName(name)} ${type.toUpperCase()} COMMENT ${quotedText(comment)}`;
}

/** By name in lower case: SQL does not distinguish columns by case. */
function typesIn(columns: Table["columns"] = []): ReadonlyMap<string, string> {
  return new Map(
    columns.map(({ name, type_text }) => [name.toLowerCase(), type_text.toLowerCase().replaceAll(" ", "")]),
  );
}

export function lacking(actual: Table["columns"], wanted: readonly TableColumn[]): readonly TableColumn[] {
  const types = typesIn(actual);
  return wanted.filter(({ name }) => !types.has(name));
}

function missingColumns(
  actual: Table,
  columns: readonly TableColumn[],
  make: (doing: Doing) => Promise<void>,
): Change[] {
  const names = lacking(actual.columns, columns).map(({ name }) => name);
  if (names.length === 0) return [];
  const shown = names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", ");
  return [{ action: "update", because: `columns: + ${shown}`, make }];
}

/** Columns that are there with another type, as `temperature: string -> double`. */
export function otherlyTyped(actual: Table, columns: readonly TableColumn[]): readonly string[] {
  const types = typesIn(actual.columns);
  return columns.flatMap(({ name, type }) => {
    const is = types.get(name);
    return is === undefined || is === type ? [] : [`${name}: ${is} -> ${type}`];
  });
}

/** Delta keeps the type of a column: to change it is to write every row again, which is a person's decision. */
function otherTypes(actual: Table, columns: readonly TableColumn[], id: string): Change[] {
  const wrong = otherlyTyped(actual, columns);
  if (wrong.length === 0) return [];
  const because = `type of ${wrong.join(", ")}, which cannot be changed in place`;
  const make = async () => {
    throw new AgentError(`Cannot change ${id}: the type of a column stays as it was made (${wrong.join(", ")})`, {
      advice: "Rename the table (ALTER TABLE … RENAME TO …), apply, and copy its rows (INSERT … SELECT)",
    });
  };
  return [{ action: "update", because, make }];
}
