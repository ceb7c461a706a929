/** The AWS half as Terraform: the buckets, the edge's identity, and the role that Unity Catalog assumes. */
import { STAGES } from "../../core/stage.ts";
import { EDGE_POLICY, edgeRole, edgeUserId } from "../aws/edge.ts";
import {
  type Account,
  DATABRICKS_ROLE_ARN,
  edgePolicy,
  instanceTrustPolicy,
  NO_EXTERNAL_ID,
  unityPolicy,
  unityTrustPolicy,
  writeOnceStatement,
} from "../aws/policies.ts";
import { type Policy, policyOf } from "../aws/policy-json.ts";
import { unityRole } from "../aws/unity-role.ts";
import type { AwsWish } from "../aws/wish.ts";
import { rulesFor, VERSIONED } from "../bucket/bucket.ts";
import { BUCKET_USES, type BucketUse, bucketName, ID } from "../names.ts";
import { type Block, Blocks, type Body, FunctionCall, reference } from "./text.ts";

/** Asked by Terraform itself, so that the text is the same for every account. */
export const ACCOUNT: Account = {
  accountId: reference("data.aws_caller_identity.current.account_id"),
  partition: reference("data.aws_partition.current.partition"),
};
export const ACCOUNT_BLOCKS: readonly Block[] = [
  { type: "data", labels: ["aws_caller_identity", "current"], body: {} },
  { type: "data", labels: ["aws_partition", "current"], body: {} },
];

/** `told`: the facts of the storage credential; null where Databricks is left out, and no one can assume the role yet. */
export function awsBlocks(
  wish: AwsWish,
  told: { readonly externalId: string; readonly unityCatalogIamArn: string } | null,
): Block[] {
  return [...edgeBlocks(wish), ...BUCKET_USES.flatMap((use) => bucketBlocks(use, wish)), ...unityBlocks(wish, told)];
}

function resource(type: string, name: string, body: Body, about?: string): Block {
  const block = { type: "resource", labels: [type, name], body } as const;
  return about === undefined ? block : { ...block, about: [about] };
}

function json(policy: Policy): FunctionCall {
  return new FunctionCall("jsonencode", { ...policy });
}

function bucketBlocks(use: BucketUse, wish: AwsWish): Block[] {
  const name = bucketName(use, wish.naming);
  const bucket = reference(`aws_s3_bucket.${use}.id`);
  const key = wish.kmsKeyArn === null ? {} : { kms_master_key_id: wish.kmsKeyArn };
  const all = { block_public_acls: true, block_public_policy: true, ignore_public_acls: true };
  const encrypted = {
    apply_server_side_encryption_by_default: new Blocks([
      { ...key, sse_algorithm: wish.kmsKeyArn === null ? "AES256" : "aws:kms" },
    ]),
    bucket_key_enabled: wish.kmsKeyArn !== null,
  };
  const of = (type: string, body: Body) => resource(`aws_s3_bucket_${type}`, use, { bucket, ...body });
  const isOnce = wish.writeOnce && (STAGES as readonly string[]).includes(use);
  return [
    resource("aws_s3_bucket", use, { bucket: name, tags: wish.tags }, ID.bucket(name)),
    of("public_access_block", { ...all, restrict_public_buckets: true }),
    of("ownership_controls", { rule: new Blocks([{ object_ownership: "BucketOwnerEnforced" }]) }),
    of("server_side_encryption_configuration", { rule: new Blocks([encrypted]) }),
    ...(VERSIONED.has(use)
      ? [of("versioning", { versioning_configuration: new Blocks([{ status: "Enabled" }]) })]
      : []),
    of("lifecycle_configuration", { rule: new Blocks(rulesFor(use, wish).map(ruleBody)) }),
    ...(isOnce
      ? [of("policy", { policy: json(policyOf(writeOnceStatement(name, ACCOUNT, unityRole(wish).name))) })]
      : []),
  ];
}

function ruleBody(rule: ReturnType<typeof rulesFor>[number]): Body {
  const days = (block: string, attribute: string, count: number | undefined) =>
    count === undefined ? {} : { [block]: new Blocks([{ [attribute]: count }]) };
  return {
    id: rule.ID,
    status: "Enabled",
    filter: new Blocks([rule.Filter?.Prefix ? { prefix: rule.Filter.Prefix } : {}]),
    ...days(
      "abort_incomplete_multipart_upload",
      "days_after_initiation",
      rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
    ),
    ...days("noncurrent_version_expiration", "noncurrent_days", rule.NoncurrentVersionExpiration?.NoncurrentDays),
    ...days("expiration", "days", rule.Expiration?.Days),
  };
}

/** No key: Terraform would keep its secret in the state. `agent provision rotate-key` makes it. */
function edgeBlocks(wish: AwsWish): Block[] {
  const options = { nodes: wish.edgeNodes, kmsKeyArn: wish.kmsKeyArn };
  const policy = json(edgePolicy(wish.naming, ACCOUNT.partition, options));
  const { name, description } = edgeRole(wish);
  if (wish.edgeIdentity === "user") {
    const user = reference("aws_iam_user.edge.name");
    return [
      resource("aws_iam_user", "edge", { name, tags: wish.tags }, edgeUserId(wish)),
      resource("aws_iam_user_policy", "edge", { name: EDGE_POLICY, user, policy }),
    ];
  }
  const role = reference("aws_iam_role.edge.name");
  const trust = json(instanceTrustPolicy());
  return [
    resource("aws_iam_role", "edge", { name, description, tags: wish.tags, assume_role_policy: trust }, ID.role(name)),
    resource("aws_iam_role_policy", "edge", { name: EDGE_POLICY, role, policy }),
    resource("aws_iam_instance_profile", "edge", { name, role, tags: wish.tags }),
  ];
}

function unityBlocks(wish: AwsWish, told: Parameters<typeof awsBlocks>[1]): Block[] {
  const { name, description, policyName } = unityRole(wish);
  const principals = told ?? { externalId: NO_EXTERNAL_ID, unityCatalogIamArn: DATABRICKS_ROLE_ARN };
  const trust = json(unityTrustPolicy(name, ACCOUNT, principals));
  const policy = json(unityPolicy(name, ACCOUNT, wish.naming, wish));
  const role = reference("aws_iam_role.unity_catalog.name");
  const body = { name, description, tags: wish.tags, assume_role_policy: trust };
  return [
    resource("aws_iam_role", "unity_catalog", body, ID.role(name)),
    resource("aws_iam_role_policy", "unity_catalog", { name: policyName, role, policy }),
  ];
}
