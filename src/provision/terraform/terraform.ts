/** What `agent provision apply` makes, as one text of Terraform, for those who must use that. */
import type { Profile } from "../../core/profile.ts";
import type { SettingValues } from "../../core/settings/settings.ts";
import { type Account, partitionOf } from "../aws/policies.ts";
import type { AwsWish } from "../aws/wish.ts";
import type { NotebookSource } from "../load/notebook.ts";
import type { Questions } from "../load/shipped-questions.ts";
import type { Side } from "../resource.ts";
import { ACCOUNT, ACCOUNT_BLOCKS, awsBlocks } from "./aws.ts";
import { databricksBlocks, TOLD } from "./lake.ts";
import { type Block, Blocks, reference, terraformText } from "./text.ts";

export type TerraformWish = {
  readonly sides: readonly Side[];
  readonly settings: SettingValues;
  readonly aws: AwsWish;
  readonly profile: Profile;
  readonly notebook: NotebookSource;
  readonly questions: Questions;
};

const HEAD = [
  "Written by `agent provision export terraform`, from the settings alone: no cloud was asked.",
  "Everything carries the names and marks that `agent provision` gives it, so `agent provision verify` proves what Terraform",
  "has made, and `agent provision destroy` would delete it. Change it with one of the two.",
  "What is there already has to be imported (terraform import) or is refused by the clouds.",
];
const NO_KEY =
  "The key of the edge is not here, as Terraform keeps secrets in its state: agent provision rotate-key makes it.";

/** At which these resources and arguments exist. */
const PROVIDERS = {
  aws: { source: "hashicorp/aws", version: ">= 5.0" },
  databricks: { source: "databricks/databricks", version: ">= 1.87" },
  time: { source: "hashicorp/time", version: ">= 0.9" },
} as const;

export function terraformOf({ sides, settings, aws, profile, notebook, questions }: TerraformWish): string {
  const withAws = sides.includes("aws");
  const withDatabricks = sides.includes("databricks");
  const { prefix, region } = aws.naming;
  const lake = {
    naming: { prefix, region },
    catalog: settings.databricksCatalog,
    schema: settings.databricksSchema,
    hasFileEvents: aws.fileEvents,
    jobNodeType: settings.jobNodeType,
  };
  const principals = { readers: settings.lakeReaders, loader: settings.lakeLoader };
  const other: Account = { accountId: reference("var.aws_account_id"), partition: partitionOf(region) };
  const warehouseId = settings.databricksWarehouseId;
  const account = withAws ? ACCOUNT : other;
  return terraformText([
    head(sides, aws),
    ...(withAws ? [provider("aws", { region }), ...ACCOUNT_BLOCKS] : [accountVariable(aws)]),
    // Host and credentials are for the provider's own environment (DATABRICKS_HOST, ...), and no text has them.
    ...(withDatabricks ? [provider("databricks", {})] : []),
    ...(withAws ? awsBlocks(aws, withDatabricks ? TOLD : null) : []),
    ...(withDatabricks
      ? databricksBlocks({ lake, profile, principals, notebook, questions, warehouseId, account, withAws })
      : []),
  ]);
}

function head(sides: readonly Side[], { edgeIdentity }: AwsWish): Block {
  const names = [...sides, ...(sides.length > 1 ? (["time"] as const) : [])].sort();
  const providers = Object.fromEntries(names.map((name) => [name, PROVIDERS[name]]));
  return {
    type: "terraform",
    labels: [],
    about: [...HEAD, ...(sides.includes("aws") && edgeIdentity === "user" ? [NO_KEY] : [])],
    body: { required_version: ">= 1.4", required_providers: new Blocks([providers]) },
  };
}

function provider(name: string, body: Block["body"]): Block {
  return { type: "provider", labels: [name], body };
}

function accountVariable({ accountId }: AwsWish): Block {
  const body = { description: "The AWS account of the buckets", type: reference("string") };
  return {
    type: "variable",
    labels: ["aws_account_id"],
    body: accountId === null ? body : { ...body, default: accountId },
  };
}
