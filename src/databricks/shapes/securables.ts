/** Unity Catalog: https://docs.databricks.com/api/workspace/catalogs and its neighbours. */
import { Text, type } from "./ark.ts";

/** What every securable has. */
export const Securable = type({
  name: Text,
  "full_name?": "string",
  "comment?": "string",
  "owner?": "string",
});
export type Securable = typeof Securable.infer;

export const Catalog = Securable.and({ "storage_root?": "string", "catalog_type?": "string" });
export type Catalog = typeof Catalog.infer;

export const Schema = Securable.and({ catalog_name: Text, "storage_root?": "string" });
export type Schema = typeof Schema.infer;

const Column = type({ name: Text, type_text: "string" });

export const Table = Securable.and({
  "table_type?": "string",
  "storage_location?": "string",
  "columns?": Column.array(),
});
export type Table = typeof Table.infer;

export const Volume = Securable.and({ "volume_type?": "string", storage_location: "string" });
export type Volume = typeof Volume.infer;

export const Location = Securable.and({
  url: "string",
  credential_name: "string",
  "read_only?": "boolean",
  "enable_file_events?": "boolean",
  "effective_enable_file_events?": "boolean",
});
export type Location = typeof Location.infer;

/** One of another cloud has no role. */
export const Credential = Securable.and({
  "read_only?": "boolean",
  "aws_iam_role?": { role_arn: "string", "external_id?": "string", "unity_catalog_iam_arn?": "string" },
});
export type Credential = typeof Credential.infer;

/** Any of them, by where it keeps its data. */
export const Placed = Securable.and({
  "catalog_name?": "string",
  "catalog_type?": "string",
  "storage_root?": "string",
  "storage_location?": "string",
});
export type Placed = typeof Placed.infer;

export const CredentialTrials = type({
  results: type({ result: "string", "operation?": "string", "message?": "string" }).array().atLeastLength(1),
});

/** Privileges are names in the plain read, objects in the effective one. */
export const Assignment = type({
  principal: Text,
  "privileges?": type("string").or({ privilege: "string" }).array(),
});
export type Assignment = typeof Assignment.infer;

export const Metastore = type({ metastore_id: Text, "cloud?": "string", "region?": "string", "owner?": "string" });
export type Metastore = typeof Metastore.infer;
