/** The role and the buckets as AWS has them, asked through its API (in tests: moto). */

import type { WorkspaceSettings } from "../world/settings.ts";
import type { Role } from "./role-judge.ts";

const NO_AWS = "the workspace was started without an AWS endpoint";

/** The role with all of its policies; null when there is none of that ARN. Throws when AWS cannot be asked. */
export async function readRole(settings: WorkspaceSettings, arn: string): Promise<Role | null> {
  const iam = await import("@aws-sdk/client-iam");
  const client = new iam.IAMClient(clientOptions(settings, "us-east-1"));
  const RoleName = arn.split("/").at(-1)!;
  try {
    const { Role } = await client.send(new iam.GetRoleCommand({ RoleName }));
    if (Role?.Arn !== arn) return null;
    const { PolicyNames = [] } = await client.send(new iam.ListRolePoliciesCommand({ RoleName }));
    const inline = PolicyNames.map(async (PolicyName) => {
      const { PolicyDocument } = await client.send(new iam.GetRolePolicyCommand({ RoleName, PolicyName }));
      return documentOf(PolicyDocument);
    });
    const { AttachedPolicies = [] } = await client.send(new iam.ListAttachedRolePoliciesCommand({ RoleName }));
    const attached = AttachedPolicies.map(async ({ PolicyArn }) => {
      const { Policy } = await client.send(new iam.GetPolicyCommand({ PolicyArn }));
      const version = { PolicyArn, VersionId: Policy?.DefaultVersionId };
      const { PolicyVersion } = await client.send(new iam.GetPolicyVersionCommand(version));
      return documentOf(PolicyVersion?.Document);
    });
    return {
      arn,
      trust: documentOf(Role.AssumeRolePolicyDocument),
      policies: await Promise.all([...inline, ...attached]),
    };
  } catch (error) {
    if (error instanceof iam.NoSuchEntityException) return null;
    throw error;
  } finally {
    client.destroy();
  }
}

/** IAM gives documents URL-encoded (RFC 3986). */
const documentOf = (text: string | undefined): unknown => JSON.parse(decodeURIComponent(text ?? "{}"));

export async function bucketExists(settings: WorkspaceSettings, Bucket: string): Promise<boolean> {
  const { HeadBucketCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({ ...clientOptions(settings, settings.region), forcePathStyle: true });
  try {
    await client.send(new HeadBucketCommand({ Bucket }));
    return true;
  } catch (error) {
    const status = (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 404) return false;
    throw error;
  } finally {
    client.destroy();
  }
}

export async function isEmptyPlace(settings: WorkspaceSettings, Bucket: string, prefix: string): Promise<boolean> {
  const { ListObjectsV2Command, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({ ...clientOptions(settings, settings.region), forcePathStyle: true });
  try {
    const Prefix = prefix === "" ? "" : `${prefix}/`;
    const { KeyCount = 0 } = await client.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1 }));
    return KeyCount === 0;
  } finally {
    client.destroy();
  }
}

function clientOptions(settings: WorkspaceSettings, region: string) {
  const { awsEndpoint, awsAccessKey } = settings;
  if (awsEndpoint === null) throw new Error(NO_AWS);
  const credentials = { accessKeyId: awsAccessKey.id, secretAccessKey: awsAccessKey.secret };
  return { region, endpoint: awsEndpoint, credentials, maxAttempts: 2 };
}
