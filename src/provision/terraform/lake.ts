/** The Databricks half as Terraform: the credential, locations, catalog, volumes, tables, grants, and the notebook's job. */
import type { Profile } from "../../core/profile.ts";
import { STAGES } from "../../core/stage.ts";
import type { Json } from "../../databricks/json.ts";
import { schemaFullName } from "../../lakehouse/names.ts";
import { type Account, roleArn } from "../aws/policies.ts";
import { storageRoot } from "../lake/catalog.ts";
import { grantWishes, type Principals } from "../lake/grant-wishes.ts";
import type { GrantsWish, SecurableKind } from "../lake/grants.ts";
import type { LakeWish } from "../lake/lake.ts";
import { ABOUT, aboutVolume, LAKE_ID, marked, VOLUME_USES } from "../lake/names.ts";
import { type TableWish, tableWishes } from "../lake/table-wishes.ts";
import { volumeFullName } from "../lake/volume.ts";
import { dashboardName, dashboardPath } from "../load/dashboard.ts";
import { wantedContent } from "../load/dashboard-content.ts";
import { jobName, jobSettings } from "../load/job.ts";
import { markedModule, markedSource, type NotebookSource, notebookFolder, notebookPath } from "../load/notebook.ts";
import { queriesNotebook, queriesPath } from "../load/queries.ts";
import type { Questions } from "../load/shipped-questions.ts";
import { BUCKET_USES, type BucketUse, bucketUrl, credentialName, ID, locationName, unityRoleName } from "../names.ts";
import { type Block, Blocks, type Body, FunctionCall, Heredoc, reference, type Value } from "./text.ts";

export type LakeText = {
  readonly lake: LakeWish;
  readonly profile: Profile;
  readonly principals: Principals;
  readonly notebook: NotebookSource;
  readonly questions: Questions;
  /** Runs the queries of the dashboard; null: asked for by Terraform. */
  readonly warehouseId: string | null;
  readonly account: Account;
  /** The AWS half is in the same text: what it makes is waited for. */
  readonly withAws: boolean;
};

/** What Databricks chooses, for the trust policy of the role. */
export const TOLD = {
  externalId: reference("databricks_storage_credential.lake.aws_iam_role[0].external_id"),
  unityCatalogIamArn: reference("databricks_storage_credential.lake.aws_iam_role[0].unity_catalog_iam_arn"),
};

/** IAM spreads a role over the world: Terraform cannot ask until it is so, and so waits. */
const IAM_WAIT = "60s";
const CATALOG = reference("databricks_catalog.lake.name");
const SCHEMA = reference("databricks_schema.lake.name");
const IN_FOLDER = { depends_on: [reference("databricks_directory.agent")] };

const encoded = (source: string) => new FunctionCall("base64encode", new Heredoc(source));

export function databricksBlocks(text: LakeText): Block[] {
  const { lake, profile, principals } = text;
  return [
    ...credentialBlocks(text),
    ...BUCKET_USES.map((use) => locationBlock(use, text)),
    ...catalogBlocks(lake),
    ...VOLUME_USES.map((use) =>
      resource("databricks_volume", use, LAKE_ID.volume(volumeFullName(lake, use)), {
        name: use,
        catalog_name: CATALOG,
        schema_name: SCHEMA,
        volume_type: "EXTERNAL",
        storage_location: reference(`databricks_external_location.${use}.url`),
        comment: marked(aboutVolume(use)),
      }),
    ),
    ...tableWishes(lake, profile).map(tableBlock),
    ...grantWishes(lake, principals).flatMap(grantBlocks),
    ...notebookBlocks(text),
    ...questionBlocks(text),
  ];
}

function resource(type: string, name: string, about: string, body: Body): Block {
  return { type: "resource", labels: [type, name], about: [about], body };
}

function credentialBlocks({ lake, account, withAws }: LakeText): Block[] {
  const name = credentialName(lake.naming);
  // By its name, not by its resource: the role's trust policy needs the facts of this resource.
  const role_arn = roleArn(unityRoleName(lake.naming), account);
  const credential = resource("databricks_storage_credential", "lake", ID.credential(name), {
    name,
    comment: marked(ABOUT.credential),
    skip_validation: true,
    aws_iam_role: new Blocks([{ role_arn }]),
  });
  const wait = resource("time_sleep", "iam", LAKE_ID.access(name), {
    depends_on: [reference("aws_iam_role.unity_catalog"), reference("aws_iam_role_policy.unity_catalog")],
    create_duration: IAM_WAIT,
  });
  return withAws ? [credential, wait] : [credential];
}

function locationBlock(use: BucketUse, { lake, withAws }: LakeText): Block {
  const name = locationName(use, lake.naming);
  const listens = lake.hasFileEvents && (STAGES as readonly string[]).includes(use);
  return resource("databricks_external_location", use, LAKE_ID.location(name), {
    name,
    url: bucketUrl(use, lake.naming),
    credential_name: reference("databricks_storage_credential.lake.name"),
    comment: marked(ABOUT.location),
    enable_file_events: listens,
    depends_on: withAws ? [reference(`aws_s3_bucket.${use}`), reference("time_sleep.iam")] : undefined,
    file_event_queue: listens ? new Blocks([{ managed_sqs: new Blocks([{}]) }]) : undefined,
  });
}

function catalogBlocks(lake: LakeWish): Block[] {
  return [
    resource("databricks_catalog", "lake", LAKE_ID.catalog(lake.catalog), {
      name: lake.catalog,
      storage_root: storageRoot(lake),
      comment: marked(ABOUT.catalog),
      depends_on: [reference("databricks_external_location.metadata")],
    }),
    resource("databricks_schema", "lake", LAKE_ID.schema(schemaFullName(lake)), {
      name: lake.schema,
      catalog_name: CATALOG,
      comment: marked(ABOUT.schema),
    }),
  ];
}

/** Terraform drops a table to change a column: so it may not, and new columns are for `agent provision apply`. */
function tableBlock({ fullName, about, columns }: TableWish): Block {
  const name = lastOf(fullName);
  return resource("databricks_sql_table", name, LAKE_ID.table(fullName), {
    name,
    catalog_name: CATALOG,
    schema_name: SCHEMA,
    table_type: "MANAGED",
    comment: marked(about),
    column: new Blocks(columns.map((column) => ({ ...column }))),
    lifecycle: new Blocks([{ prevent_destroy: true, ignore_changes: [reference("column")] }]),
  });
}

const ADDRESS: Record<SecurableKind, string> = {
  catalog: "databricks_catalog.lake.name",
  schema: "databricks_schema.lake.id",
  table: "databricks_sql_table.NAME.id",
  volume: "databricks_volume.NAME.id",
  external_location: "databricks_external_location.NAME.id",
};

/** One for each principal: `databricks_grants` would delete what others have granted. */
function grantBlocks({ kind, fullName, on, grants }: GrantsWish): Block[] {
  const use = BUCKET_USES.find((one) => fullName.includes(`_${one}_`)) ?? "";
  const name = kind === "external_location" ? use : lastOf(fullName);
  return grants.map(({ principal, privileges }) =>
    resource("databricks_grant", `${kind}_${name}_${plain(principal)}`, LAKE_ID.grants(on), {
      [kind]: reference(ADDRESS[kind].replace("NAME", name)),
      principal,
      privileges,
    }),
  );
}

function notebookBlocks({ lake, notebook, principals }: LakeText): Block[] {
  const path = notebookPath(lake, notebook);
  const folder = notebookFolder(lake);
  const settings = jobSettings(lake, notebook, principals.loader);
  return [
    resource("databricks_directory", "agent", LAKE_ID.folder(folder), { path: folder }),
    resource("databricks_notebook", plain(notebook.name), LAKE_ID.notebook(path), {
      path,
      language: "PYTHON",
      content_base64: encoded(markedSource(notebook)),
      ...IN_FOLDER,
    }),
    ...(notebook.modules ?? []).map((module) => {
      const at = notebookPath(lake, module);
      const body = { path: at, content_base64: encoded(markedModule(module)), ...IN_FOLDER };
      return resource("databricks_workspace_file", plain(module.name), LAKE_ID.file(at), body);
    }),
    resource("databricks_job", "load", LAKE_ID.job(jobName(lake)), jobBody(settings)),
  ];
}

const WAREHOUSE = "databricks_warehouse_id";

function questionBlocks({ lake, questions, warehouseId }: LakeText): Block[] {
  const path = queriesPath(lake);
  const content = JSON.stringify(wantedContent(questions.dashboard, lake), null, 2);
  const variable = { description: "The SQL warehouse of the dashboard", type: reference("string") };
  return [
    resource("databricks_notebook", "queries", LAKE_ID.notebook(path), {
      path,
      language: "SQL",
      content_base64: encoded(queriesNotebook(questions.queries, lake)),
      ...IN_FOLDER,
    }),
    {
      type: "variable",
      labels: [WAREHOUSE],
      body: warehouseId === null ? variable : { ...variable, default: warehouseId },
    },
    resource("databricks_dashboard", "readings", LAKE_ID.dashboard(dashboardPath(lake)), {
      display_name: dashboardName(lake),
      parent_path: reference("databricks_directory.agent.path"),
      warehouse_id: reference(`var.${WAREHOUSE}`),
      embed_credentials: false,
      dataset_catalog: CATALOG,
      dataset_schema: SCHEMA,
      serialized_dashboard: new FunctionCall("trimspace", new Heredoc(`${content}\n`)),
    }),
  ];
}

/** What Jobs calls a list of things is a block for each of them here, in the singular. */
const SINGULAR: Readonly<Record<string, string>> = {
  parameters: "parameter",
  environments: "environment",
  job_clusters: "job_cluster",
  tasks: "task",
};

const MAPS = ["tags", "custom_tags", "spark_conf"];

function jobBody(settings: Readonly<Record<string, Json>>): Body {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]): [string, Value | Blocks] => {
      const singular = SINGULAR[key];
      if (singular !== undefined) {
        return [singular, new Blocks((value as Json[]).map((one) => jobBody(one as never)))];
      }
      const isMap = MAPS.includes(key);
      if (typeof value !== "object" || value === null || isMap) return [key, value as Value];
      return [key, new Blocks([jobBody(value as never)])];
    }),
  );
}

function lastOf(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf(".") + 1);
}

/** As a name of Terraform may be. */
function plain(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]+/g, "_");
}
