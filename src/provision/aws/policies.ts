/**
 * Every policy that provision writes, made from names alone. Forms and their sources: the Terraform provider of Databricks
 * (`aws_unity_catalog_assume_role_policy`, `aws_unity_catalog_policy`), docs/provision.md.
 */
import { STAGES } from "../../core/stage.ts";
import { NODES_PREFIX } from "../../fleet/heartbeat.ts";
import { BUCKET_USES, bucketName, type Naming } from "../names.ts";
import { type Policy, policyOf, type Statement } from "./policy-json.ts";

/** Databricks' own role on AWS, outside GovCloud; the storage credential names the one that counts. */
export const DATABRICKS_ROLE_ARN = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL";
/** Until Databricks has chosen one: no credential of theirs has it, so no one can assume the role with it. */
export const NO_EXTERNAL_ID = "0000";

export type Account = { readonly accountId: string; readonly partition: string };

/** The second part of an ARN, where AWS is not asked for it. */
export function partitionOf(region: string): string {
  return region.startsWith("us-gov-") ? "aws-us-gov" : region.startsWith("cn-") ? "aws-cn" : "aws";
}

export function roleArn(name: string, { accountId, partition }: Account): string {
  return `arn:${partition}:iam::${accountId}:role/${name}`;
}

export function bucketArn(name: string, partition: string): string {
  return `arn:${partition}:s3:::${name}`;
}

/**
 * Who may assume the role: Databricks with the external id, and the role itself, as Databricks demands. Itself by account
 * and condition, not as principal: a role that does not exist yet is refused as one, and a deleted one stays a dead id.
 */
export function unityTrustPolicy(
  name: string,
  account: Account,
  told: { readonly externalId: string; readonly unityCatalogIamArn: string },
): Policy {
  const ExternalId = { "sts:ExternalId": told.externalId };
  return policyOf(
    {
      Sid: "UnityCatalogAssumeRole",
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { AWS: told.unityCatalogIamArn },
      Condition: { StringEquals: ExternalId },
    },
    {
      Sid: "ExplicitSelfRoleAssumption",
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { AWS: `arn:${account.partition}:iam::${account.accountId}:root` },
      Condition: { ArnLike: { "aws:PrincipalArn": roleArn(name, account) }, StringEquals: ExternalId },
    },
  );
}

/** What Unity Catalog's role may: all seven buckets, itself, the key, and file events on the stages where they are wanted. */
export function unityPolicy(
  name: string,
  account: Account,
  naming: Naming,
  options: { readonly fileEvents: boolean; readonly kmsKeyArn: string | null },
): Policy {
  const { accountId, partition } = account;
  const arns = BUCKET_USES.map((use) => bucketArn(bucketName(use, naming), partition));
  const actions = ["GetObject", "PutObject", "DeleteObject", "ListBucket", "GetBucketLocation"];
  actions.push("ListBucketMultipartUploads", "ListMultipartUploadParts", "AbortMultipartUpload");
  const queues = [`arn:${partition}:sqs:*:${accountId}:csms-*`, `arn:${partition}:sns:*:${accountId}:csms-*`];
  const stageArns = STAGES.map((stage) => bucketArn(bucketName(stage, naming), partition));
  return policyOf(
    { Effect: "Allow", Action: actions.map((one) => `s3:${one}`), Resource: arns.flatMap((arn) => [arn, `${arn}/*`]) },
    { Effect: "Allow", Action: ["sts:AssumeRole"], Resource: [roleArn(name, account)] },
    ...(options.kmsKeyArn === null
      ? []
      : [kmsStatement(options.kmsKeyArn, ["Decrypt", "Encrypt", "GenerateDataKey*"])]),
    ...(options.fileEvents ? fileEventStatements(stageArns, queues) : []),
  );
}

function fileEventStatements(buckets: readonly string[], queues: readonly string[]): Statement[] {
  const sns = ["ListSubscriptionsByTopic", "GetTopicAttributes", "SetTopicAttributes", "CreateTopic", "TagResource"];
  const sqs = ["CreateQueue", "DeleteMessage", "ReceiveMessage", "SendMessage", "GetQueueUrl", "GetQueueAttributes"];
  const setup = [
    ...["s3:GetBucketNotification", "s3:PutBucketNotification"],
    ...[...sns, "Publish", "Subscribe"].map((one) => `sns:${one}`),
    ...[...sqs, "SetQueueAttributes", "TagQueue", "ChangeMessageVisibility", "PurgeQueue"].map((one) => `sqs:${one}`),
  ];
  const allow = (Sid: string, Action: string[], Resource: readonly string[]): Statement => ({
    Sid,
    Effect: "Allow",
    Action,
    Resource,
  });
  return [
    allow("ManagedFileEventsSetupStatement", setup, [...buckets, ...queues]),
    allow("ManagedFileEventsListStatement", ["sqs:ListQueues", "sqs:ListQueueTags", "sns:ListTopics"], queues),
    allow("ManagedFileEventsTeardownStatement", ["sns:Unsubscribe", "sns:DeleteTopic", "sqs:DeleteQueue"], queues),
  ];
}

/**
 * What an edge node may: put objects whose keys are those of its nodes, into the five stages, and below its name
 * in the metadata bucket. It cannot read, list, overwrite knowingly or delete. `*` in a resource of IAM also matches `/`.
 */
export function edgePolicy(
  naming: Naming,
  partition: string,
  options: { readonly nodes: "*" | readonly string[]; readonly kmsKeyArn: string | null },
): Policy {
  const nodes = options.nodes === "*" ? ["*"] : options.nodes;
  const stages = STAGES.map((stage) => bucketArn(bucketName(stage, naming), partition));
  const metadata = bucketArn(bucketName("metadata", naming), partition);
  const Resource = nodes.flatMap((node) => [
    ...stages.map((arn) => `${arn}/date=*/hour=*/${node}/*`),
    `${metadata}/${NODES_PREFIX}${node}/*`,
  ]);
  const key = options.kmsKeyArn === null ? [] : [kmsStatement(options.kmsKeyArn, ["GenerateDataKey"])];
  return policyOf({ Sid: "PutOnly", Effect: "Allow", Action: ["s3:PutObject"], Resource }, ...key);
}

function kmsStatement(key: string, actions: readonly string[]): Statement {
  return { Sid: "BucketKey", Effect: "Allow", Action: actions.map((one) => `kms:${one}`), Resource: [key] };
}

/** Machines with an instance profile. */
export function instanceTrustPolicy(): Policy {
  return policyOf({ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } });
}

export const WRITE_ONCE_SID = "AgentWriteOnce";

/**
 * The bucket itself refuses a put without `If-None-Match`; Unity Catalog's role is exempt, as its validation writes a probe.
 * Parts of a multipart upload carry no such header: `s3:ObjectCreationOperation` distinguishes them.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
export function writeOnceStatement(bucket: string, account: Account, exemptRole: string): Statement {
  return {
    Sid: WRITE_ONCE_SID,
    Effect: "Deny",
    Principal: "*",
    Action: "s3:PutObject",
    Resource: `${bucketArn(bucket, account.partition)}/*`,
    Condition: {
      Null: { "s3:if-none-match": "true" },
      Bool: { "s3:ObjectCreationOperation": "true" },
      ArnNotEquals: { "aws:PrincipalArn": roleArn(exemptRole, account) },
    },
  };
}
