/** A bucket as it is: every aspect that provision cares for, read at once. */
import type { LifecycleRule } from "@aws-sdk/client-s3";
import { AgentError, DeniedError } from "../../core/errors.ts";
import type { Aws } from "../aws/clients.ts";
import { type AwsCall, answerOf, ask, askMaybe, explained, POLICY, WHO } from "../aws/failure.ts";
import { type PolicyDocument, readPolicy } from "../aws/policy-read.ts";
import { tagsOf } from "../aws/wish.ts";

export type BucketActual = {
  readonly tags: Readonly<Record<string, string>>;
  /** All four of S3's switches are on. */
  readonly blocksPublic: boolean;
  readonly ownership: string | null;
  readonly encryption: { readonly algorithm: string; readonly keyArn: string | null };
  readonly versioning: "off" | "on" | "suspended";
  readonly rules: readonly LifecycleRule[];
  readonly policy: PolicyDocument | null;
  /** Without a tag and without an object: what a killed create leaves where S3 does not tag in the same call. */
  readonly isBare: boolean;
};

export function bucketCall(bucket: string, doing: string, action: string): AwsCall {
  return { doing: `${doing} bucket "${bucket}"`, action, on: `arn:aws:s3:::${bucket}` };
}

/** Null where there is no such bucket. Throws DeniedError where it is another owner's. */
export async function readBucket(aws: Aws, bucket: string): Promise<BucketActual | null> {
  if (!(await isThere(aws, bucket))) return null;
  const { s3, s3Api } = aws;
  const of = { Bucket: bucket };
  const call = (action: string) => bucketCall(bucket, "read", `s3:${action}`);
  const [block, ownership, encryption, versioning, lifecycle, tagging, policy] = await Promise.all([
    askMaybe(call("GetBucketPublicAccessBlock"), ["NoSuchPublicAccessBlockConfiguration"], () =>
      s3.send(new s3Api.GetPublicAccessBlockCommand(of)),
    ),
    askMaybe(call("GetBucketOwnershipControls"), ["OwnershipControlsNotFoundError"], () =>
      s3.send(new s3Api.GetBucketOwnershipControlsCommand(of)),
    ),
    askMaybe(call("GetEncryptionConfiguration"), ["ServerSideEncryptionConfigurationNotFoundError"], () =>
      s3.send(new s3Api.GetBucketEncryptionCommand(of)),
    ),
    ask(call("GetBucketVersioning"), () => s3.send(new s3Api.GetBucketVersioningCommand(of))),
    askMaybe(call("GetLifecycleConfiguration"), ["NoSuchLifecycleConfiguration"], () =>
      s3.send(new s3Api.GetBucketLifecycleConfigurationCommand(of)),
    ),
    askMaybe(call("GetBucketTagging"), ["NoSuchTagSet", "NoSuchTagSetError"], () =>
      s3.send(new s3Api.GetBucketTaggingCommand(of)),
    ),
    askMaybe(call("GetBucketPolicy"), ["NoSuchBucketPolicy"], () => s3.send(new s3Api.GetBucketPolicyCommand(of))),
  ]);
  const access = block?.PublicAccessBlockConfiguration ?? {};
  const switches = [
    access.BlockPublicAcls,
    access.IgnorePublicAcls,
    access.BlockPublicPolicy,
    access.RestrictPublicBuckets,
  ];
  const sse = encryption?.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
  const tags = tagsOf(tagging?.TagSet);
  return {
    tags,
    blocksPublic: switches.every((one) => one === true),
    ownership: ownership?.OwnershipControls?.Rules?.[0]?.ObjectOwnership ?? null,
    // Without a rule S3 encrypts with its own keys since January 2023.
    encryption: { algorithm: sse?.SSEAlgorithm ?? "AES256", keyArn: sse?.KMSMasterKeyID ?? null },
    versioning: versioning.Status === "Enabled" ? "on" : versioning.Status === "Suspended" ? "suspended" : "off",
    rules: lifecycle?.Rules ?? [],
    policy: policy?.Policy === undefined ? null : readPolicy(policy.Policy, `read the policy of bucket "${bucket}"`),
    isBare: Object.keys(tags).length === 0 && (await isEmpty(aws, bucket)),
  };
}

/** HEAD answers have no body, so only the status speaks. */
export async function isThere(aws: Aws, bucket: string): Promise<boolean> {
  const call = bucketCall(bucket, "look at", "s3:ListBucket");
  try {
    const head = await aws.s3.send(new aws.s3Api.HeadBucketCommand({ Bucket: bucket }));
    if (head.BucketRegion === undefined || head.BucketRegion === aws.region) return true;
    throw elsewhere(bucket, head.BucketRegion, aws.region);
  } catch (error) {
    const { status, code } = answerOf(error);
    if (status === 404) return false;
    if (status === 301 || code === "PermanentRedirect") throw elsewhere(bucket, "another region", aws.region);
    if (status !== 403) throw explained(error, call);
    throw new DeniedError(
      `Cannot look at bucket "${bucket}": it is in another account, or s3:ListBucket on it is missing`,
      {
        advice: `Set another S3_BUCKET_PREFIX if it is in another account. ${POLICY}`,
        cause: error,
        missing: `s3:ListBucket on ${call.on}`,
        tryHint: WHO,
      },
    );
  }
}

function elsewhere(bucket: string, where: string, region: string): AgentError {
  return new AgentError(`Cannot use bucket "${bucket}": it is in ${where}, and should be in ${region}`, {
    advice: "Set another S3_BUCKET_PREFIX or AWS_REGION",
    tryHint: `aws s3api get-bucket-location --bucket ${bucket}`,
  });
}

async function isEmpty(aws: Aws, bucket: string): Promise<boolean> {
  const list = new aws.s3Api.ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 1 });
  const page = await ask(bucketCall(bucket, "list", "s3:ListBucketVersions"), () => aws.s3.send(list));
  return (page.Versions ?? []).length + (page.DeleteMarkers ?? []).length === 0;
}
