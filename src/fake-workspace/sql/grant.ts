/** GRANT and REVOKE, COMMENT ON and DROP SCHEMA: statements about securables rather than about rows. */
import type { SecurableType } from "../catalog/securable.ts";
import type { SqlReader } from "./reader.ts";

export type SqlSecurableStatement =
  | {
      readonly what: "grant" | "revoke";
      readonly privileges: readonly string[];
      readonly type: SecurableType;
      readonly name: readonly string[];
      readonly principal: string;
    }
  | {
      readonly what: "comment";
      readonly type: "catalog" | "schema" | "table" | "volume";
      readonly name: readonly string[];
      readonly comment: string;
    }
  | {
      readonly what: "drop-schema";
      readonly name: readonly string[];
      readonly ifExists: boolean;
      readonly cascade: boolean;
    };

/** Null when the statement is none of these; nothing is taken then. */
export function securableStatementOf(sql: SqlReader): SqlSecurableStatement | null {
  if (sql.skip("GRANT")) return grantOf(sql, "grant");
  if (sql.skip("REVOKE")) return grantOf(sql, "revoke");
  if (sql.skip("COMMENT", "ON")) return commentOf(sql);
  if (sql.skip("DROP", "SCHEMA")) {
    const ifExists = sql.skip("IF", "EXISTS");
    const name = sql.names();
    const cascade = sql.skip("CASCADE");
    if (!cascade) sql.skip("RESTRICT");
    return { what: "drop-schema", name, ifExists, cascade };
  }
  return null;
}

/** `GRANT USE SCHEMA, SELECT ON SCHEMA a.b TO \`p\``: privileges are words here, joined with spaces. */
function grantOf(sql: SqlReader, what: "grant" | "revoke"): SqlSecurableStatement {
  const privileges = [privilegeOf(sql)];
  while (sql.skip(",")) privileges.push(privilegeOf(sql));
  sql.take("ON");
  const type = typeOf(sql);
  // `ON METASTORE` has no name: there is one.
  const name = type === "metastore" ? [] : sql.names();
  sql.take(what === "grant" ? "TO" : "FROM");
  return { what, privileges, type, name, principal: sql.name() };
}

function privilegeOf(sql: SqlReader): string {
  const words: string[] = [];
  while (sql.peek() !== "ON" && sql.peek() !== "," && sql.peek() !== null) words.push(sql.bareWord());
  if (words.length === 0) throw sql.unexpected();
  return words.join("_");
}

function typeOf(sql: SqlReader): SecurableType {
  if (sql.skip("EXTERNAL", "LOCATION")) return "external_location";
  if (sql.skip("STORAGE", "CREDENTIAL")) return "storage_credential";
  if (sql.skip("METASTORE")) return "metastore";
  if (sql.skip("CATALOG")) return "catalog";
  if (sql.skip("SCHEMA") || sql.skip("DATABASE")) return "schema";
  if (sql.skip("VOLUME")) return "volume";
  // The default is TABLE.
  sql.skip("TABLE");
  return "table";
}

function commentOf(sql: SqlReader): SqlSecurableStatement {
  const type = typeOf(sql);
  if (type !== "catalog" && type !== "schema" && type !== "table" && type !== "volume") throw sql.unexpected();
  const name = sql.names();
  sql.take("IS");
  return { what: "comment", type, name, comment: sql.skip("NULL") ? "" : sql.value() };
}
