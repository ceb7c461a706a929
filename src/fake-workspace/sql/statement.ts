/** The statements that provisioning sends. Others are syntax errors. */
import type { Column } from "../world/things.ts";
import { type SqlSecurableStatement, securableStatementOf } from "./grant.ts";
import { SqlReader } from "./reader.ts";
import { SqlProblem } from "./words.ts";

export type SqlStatement =
  | {
      readonly what: "create-table";
      readonly name: readonly string[];
      readonly ifNotExists: boolean;
      readonly columns: readonly Column[];
      readonly comment: string | undefined;
      readonly url: string | undefined;
      readonly partitionedBy: readonly string[];
      readonly clusteredBy: readonly string[];
      readonly properties: Readonly<Record<string, string>>;
    }
  | { readonly what: "add-columns"; readonly name: readonly string[]; readonly columns: readonly Column[] }
  | {
      readonly what: "set-properties";
      readonly name: readonly string[];
      readonly properties: Readonly<Record<string, string>>;
    }
  | { readonly what: "drop-table"; readonly name: readonly string[]; readonly ifExists: boolean }
  | {
      readonly what: "create-schema";
      readonly name: readonly string[];
      readonly ifNotExists: boolean;
      readonly comment: string | undefined;
      readonly url: string | undefined;
    }
  | {
      readonly what: "create-volume";
      readonly name: readonly string[];
      readonly ifNotExists: boolean;
      readonly external: boolean;
      readonly comment: string | undefined;
      readonly url: string | undefined;
    }
  | { readonly what: "describe"; readonly name: readonly string[] }
  | { readonly what: "show-tables"; readonly schema: readonly string[] }
  | { readonly what: "count"; readonly name: readonly string[]; readonly as: string }
  | { readonly what: "securable"; readonly statement: SqlSecurableStatement }
  | { readonly what: "one"; readonly value: number };

/** Throws SqlProblem: PARSE_SYNTAX_ERROR for every other one. */
export function statementOf(text: string, parameters: ReadonlyMap<string, string | null>): SqlStatement {
  const sql = new SqlReader(text, parameters);
  const statement = anyOf(sql);
  sql.end();
  return statement;
}

function anyOf(sql: SqlReader): SqlStatement {
  const ofSecurable = securableStatementOf(sql);
  if (ofSecurable !== null) return { what: "securable", statement: ofSecurable };
  if (sql.skip("CREATE", "TABLE")) return createTable(sql);
  if (sql.skip("CREATE", "SCHEMA") || sql.skip("CREATE", "DATABASE")) return createSchema(sql);
  if (sql.skip("CREATE", "EXTERNAL", "VOLUME")) return createVolume(sql, true);
  if (sql.skip("CREATE", "VOLUME")) return createVolume(sql, false);
  if (sql.skip("ALTER", "TABLE")) return alterTable(sql);
  if (sql.skip("DROP", "TABLE")) return { what: "drop-table", ifExists: sql.skip("IF", "EXISTS"), name: sql.names() };
  if (sql.skip("DESCRIBE") || sql.skip("DESC")) {
    sql.skip("TABLE");
    return { what: "describe", name: sql.names() };
  }
  if (sql.skip("SHOW", "TABLES")) {
    const named = sql.skip("IN") || sql.skip("FROM");
    return { what: "show-tables", schema: named ? sql.names() : [] };
  }
  if (sql.skip("SELECT")) return select(sql);
  throw sql.unexpected();
}

function select(sql: SqlReader): SqlStatement {
  if (!sql.skip("COUNT", "(", "*", ")") && !sql.skip("COUNT", "(", "1", ")"))
    return { what: "one", value: sql.number() };
  const named = sql.skip("AS");
  const as = named || (sql.peek() !== "FROM" && sql.peek() !== null) ? sql.name() : "count(1)";
  sql.take("FROM");
  return { what: "count", name: sql.names(), as };
}

function createTable(sql: SqlReader): SqlStatement {
  const ifNotExists = sql.skip("IF", "NOT", "EXISTS");
  const name = sql.names();
  const columns = sql.peek() === "(" ? sql.list(() => columnOf(sql)) : [];
  const made = {
    comment: undefined as string | undefined,
    url: undefined as string | undefined,
    partitionedBy: [] as readonly string[],
    clusteredBy: [] as readonly string[],
    properties: {} as Readonly<Record<string, string>>,
  };
  for (;;) {
    if (sql.skip("USING")) sql.take("DELTA");
    else if (sql.skip("COMMENT")) made.comment = sql.value();
    else if (sql.skip("LOCATION")) made.url = sql.value();
    else if (sql.skip("PARTITIONED", "BY")) made.partitionedBy = sql.list(() => sql.name());
    else if (sql.skip("CLUSTER", "BY")) made.clusteredBy = sql.skip("AUTO") ? [] : sql.list(() => sql.name());
    else if (sql.skip("TBLPROPERTIES")) made.properties = propertiesOf(sql);
    else break;
  }
  demandColumns(columns, [...made.partitionedBy, ...made.clusteredBy]);
  demandLayout(columns, made.partitionedBy, made.clusteredBy);
  if (made.properties["delta.columnMapping.mode"] === undefined) demandPlainNames(columns);
  return { what: "create-table", name, ifNotExists, columns, ...made };
}

function demandColumns(columns: readonly Column[], used: readonly string[]): void {
  const names = columns.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new SqlProblem("COLUMN_ALREADY_EXISTS", "42711", `The column \`${twice}\` already exists.`);
  const unknown = used.find((name) => !names.includes(name.toLowerCase()));
  if (unknown !== undefined) {
    throw new SqlProblem(
      "UNRESOLVED_COLUMN",
      "42703",
      `Partition or clustering column \`${unknown}\` is not in the table.`,
    );
  }
}

const CLUSTERING_COLUMNS = 4;

/** Liquid clustering: at most four columns of simple types, and never beside partitions (docs.databricks.com: clustering). */
function demandLayout(columns: readonly Column[], partitioned: readonly string[], clustered: readonly string[]): void {
  if (partitioned.length > 0 && clustered.length > 0) {
    const code = "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED";
    throw new SqlProblem(code, "42908", "Cannot specify both CLUSTER BY and PARTITIONED BY.");
  }
  if (clustered.length > CLUSTERING_COLUMNS) {
    const many = `CLUSTER BY supports up to ${CLUSTERING_COLUMNS} columns, got ${clustered.length}.`;
    throw new SqlProblem("DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS", "54000", many);
  }
  const types = new Map(columns.map(({ name, type }) => [name.toLowerCase(), type]));
  const nested = [...partitioned, ...clustered].find((name) =>
    /^(array|map|struct)</.test(types.get(name.toLowerCase())!),
  );
  if (nested !== undefined) {
    const code = "DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED";
    throw new SqlProblem(code, "0A000", `Column \`${nested}\` cannot be used for clustering or partitioning.`);
  }
}

/** Without column mapping a Delta column is a Parquet column, whose name has no space or bracket. */
export function demandPlainNames(columns: readonly Column[]): void {
  const wrong = columns.find(({ name }) => /[ ,;{}()\n\t=]/.test(name));
  if (wrong === undefined) return;
  const code = "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES";
  throw new SqlProblem(
    code,
    "42K05",
    `Found invalid character(s) among ' ,;{}()\\n\\t=' in the column name \`${wrong.name}\`.`,
  );
}

/** Keys may be bare with dots (delta.appendOnly) or strings; values strings, numbers, true or false. */
function propertiesOf(sql: SqlReader): Readonly<Record<string, string>> {
  const pairs = sql.list((): [string, string] => {
    const key = propertyKey(sql);
    sql.take("=");
    if (sql.skip("TRUE")) return [key, "true"];
    if (sql.skip("FALSE")) return [key, "false"];
    return [key, sql.literal()];
  });
  return Object.fromEntries(pairs);
}

function propertyKey(sql: SqlReader): string {
  return sql.peek() === null ? sql.value() : sql.names().join(".");
}

function columnOf(sql: SqlReader): Column {
  const name = sql.name();
  const type = typeOf(sql);
  let nullable = true;
  let comment: string | undefined;
  for (;;) {
    if (sql.skip("NOT", "NULL")) nullable = false;
    else if (sql.skip("COMMENT")) comment = sql.value();
    else if (sql.skip("GENERATED", "ALWAYS", "AS")) sql.skipBrackets();
    else break;
  }
  return { name, type, nullable, comment };
}

/** The type as it is written, and its name in the catalog. */
const TYPES: Readonly<Record<string, string>> = {
  STRING: "string",
  BIGINT: "bigint",
  LONG: "bigint",
  INT: "int",
  INTEGER: "int",
  SMALLINT: "smallint",
  TINYINT: "tinyint",
  DOUBLE: "double",
  FLOAT: "float",
  BOOLEAN: "boolean",
  TIMESTAMP: "timestamp",
  TIMESTAMP_NTZ: "timestamp_ntz",
  DATE: "date",
  BINARY: "binary",
  VARIANT: "variant",
};

function typeOf(sql: SqlReader): string {
  if (sql.skip("ARRAY", "<")) return `array<${closed(sql, () => typeOf(sql))}>`;
  if (sql.skip("MAP", "<")) {
    return `map<${closed(sql, () => {
      const key = typeOf(sql);
      sql.take(",");
      return `${key},${typeOf(sql)}`;
    })}>`;
  }
  if (sql.skip("STRUCT", "<")) return `struct<${closed(sql, () => fieldsOf(sql))}>`;
  if (sql.skip("DECIMAL", "(")) {
    const precision = sql.number();
    const scale = sql.skip(",") ? sql.number() : 0;
    sql.take(")");
    return `decimal(${precision},${scale})`;
  }
  const written = sql.peek();
  const type = written === null ? undefined : TYPES[written];
  if (type === undefined) throw sql.unexpected();
  sql.name();
  return type;
}

function closed(sql: SqlReader, inside: () => string): string {
  const text = inside();
  sql.take(">");
  return text;
}

function fieldsOf(sql: SqlReader): string {
  const fields: string[] = [];
  do {
    const name = sql.name();
    sql.skip(":");
    fields.push(`${name}:${typeOf(sql)}`);
    sql.skip("NOT", "NULL");
    if (sql.skip("COMMENT")) sql.value();
  } while (sql.skip(","));
  return fields.join(",");
}

function alterTable(sql: SqlReader): SqlStatement {
  const name = sql.names();
  if (sql.skip("SET", "TBLPROPERTIES")) return { what: "set-properties", name, properties: propertiesOf(sql) };
  if (!sql.skip("ADD", "COLUMNS")) sql.take("ADD", "COLUMN");
  const columns = sql.peek() === "(" ? sql.list(() => columnOf(sql)) : [columnOf(sql)];
  return { what: "add-columns", name, columns };
}

function createSchema(sql: SqlReader): SqlStatement {
  const ifNotExists = sql.skip("IF", "NOT", "EXISTS");
  const name = sql.names();
  let comment: string | undefined;
  let url: string | undefined;
  for (;;) {
    if (sql.skip("COMMENT")) comment = sql.value();
    else if (sql.skip("MANAGED", "LOCATION")) url = sql.value();
    else break;
  }
  return { what: "create-schema", ifNotExists, name, comment, url };
}

function createVolume(sql: SqlReader, external: boolean): SqlStatement {
  const ifNotExists = sql.skip("IF", "NOT", "EXISTS");
  const name = sql.names();
  if (external) sql.take("LOCATION");
  const url = external ? sql.value() : undefined;
  const comment = sql.skip("COMMENT") ? sql.value() : undefined;
  return { what: "create-volume", ifNotExists, external, name, comment, url };
}
