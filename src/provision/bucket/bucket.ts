/** A bucket: made, kept as it should be aspect by aspect, and deleted with all versions in it. */
import type { LifecycleRule } from "@aws-sdk/client-s3";
import { STAGES } from "../../core/stage.ts";
import { NODES_PREFIX } from "../../fleet/heartbeat.ts";
import type { Aws } from "../aws/clients.ts";
import { ask } from "../aws/failure.ts";
import { WRITE_ONCE_SID, writeOnceStatement } from "../aws/policies.ts";
import { canonical } from "../aws/policy-json.ts";
import { statementsOf } from "../aws/policy-read.ts";
import {
  type AwsWish,
  accountOf,
  foreignByTags,
  sparedAdopted,
  tagDifferences,
  tagList,
  tagsWanted,
} from "../aws/wish.ts";
import type { FactBook } from "../facts.ts";
import { type BucketUse, bucketName, edgeName, ID, unityRoleName } from "../names.ts";
import type { Change, Resource, Spared } from "../resource.ts";
import { type BucketActual, bucketCall, readBucket } from "./bucket-read.ts";
import { foreignText, readContents } from "./contents.ts";
import { removeBucket } from "./empty.ts";
import { allowRemarks, denyRemarks, lifecycleRemarks } from "./others.ts";

/** Their objects are written once by the edge, so an old version is a mistake, kept for a while. Under Delta tables and checkpoints versions would only multiply what is stored. */
export const VERSIONED: ReadonlySet<BucketUse> = new Set(["raw", "metadata"]);
const OLD_VERSIONS_DAYS = 30;
const UNFINISHED_UPLOADS_DAYS = 7;
/** A heartbeat a minute would be 43,200 useless old versions of each node within those days. S3 knows no less than a day. */
const OLD_HEARTBEATS_DAYS = 1;
/** Our rules of the lifecycle have ids that begin so; all others are left alone. */
const RULE = "agent-provision-";

export function bucketResource(aws: Aws, use: BucketUse, wish: AwsWish, begunBy: string): Resource<BucketActual> {
  const bucket = bucketName(use, wish.naming);
  const of: Bucket = { aws, bucket, use, wish, run: { hasMade: false } };
  return {
    id: ID.bucket(bucket),
    side: "aws",
    needs: [],
    after: [begunBy],
    readAfter: [begunBy],
    read: () => readBucket(aws, bucket),
    foreign: foreignBucket,
    diff: (actual, facts) => changesOf(of, actual, facts),
    remarks: ({ rules, policy }, facts) => [
      ...lifecycleRemarks(
        use,
        bucket,
        rules.filter((rule) => !isOurs(rule)),
      ),
      ...denyRemarks(
        { use, bucket, parties: [edgeName(wish.naming), unityRoleName(wish.naming)] },
        policy,
        WRITE_ONCE_SID,
      ),
      ...allowRemarks({ bucket, accountId: accountOf(facts).accountId }, policy),
    ],
    create: async () => {
      // Tags in the same call: a killed create leaves nothing that looks foreign. us-east-1 must not be named as constraint.
      const place = aws.region === "us-east-1" ? {} : { LocationConstraint: aws.region as "us-west-2" };
      const config = { ...place, Tags: tagList(wish.tags) };
      const create = new aws.s3Api.CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: config });
      of.run.hasMade = true;
      await ask(bucketCall(bucket, "create", "s3:CreateBucket and s3:TagResource"), () => aws.s3.send(create));
    },
    spares: async ({ tags }, doing) => {
      const { foreign } = await readContents(aws, { bucket, use }, doing);
      const objects: Spared = { kind: "foreign-objects", because: `it holds ${foreignText(foreign)}` };
      return [...sparedAdopted(tags), ...(foreign.count === 0 ? [] : [objects])];
    },
    remove: (_, doing) => removeBucket(aws, bucket, doing),
  };
}

function foreignBucket({ tags, isBare }: BucketActual, facts: FactBook): string | null {
  if (isBare && facts.get("setUpBegun")) return null;
  const because = foreignByTags(tags);
  return because === null ? null : `${because}; ${isBare ? "it is empty" : "it may hold objects of another owner"}`;
}

type Bucket = {
  readonly aws: Aws;
  readonly bucket: string;
  readonly use: BucketUse;
  readonly wish: AwsWish;
  /** This run has made it: without a tag it is new, and not adopted. */
  readonly run: { hasMade: boolean };
};

function changesOf(of: Bucket, actual: BucketActual, facts: FactBook): Change[] {
  return [
    tags(of, actual, facts),
    publicAccess(of, actual),
    ownership(of, actual),
    encryption(of, actual),
    versioning(of, actual),
    lifecycle(of, actual),
    writeOnce(of, actual, facts),
  ].filter((change) => change !== null);
}

function change({ bucket }: Bucket, because: string, action: string, send: () => Promise<unknown>): Change {
  const call = bucketCall(bucket, "change", `s3:${action}`);
  return { action: "update", because, make: async () => void (await ask(call, send)) };
}

/** S3 replaces the whole set, so what others have put there is written again. */
function tags(of: Bucket, actual: BucketActual, facts: FactBook): Change | null {
  const isAdopted = !of.run.hasMade && foreignBucket(actual, facts) !== null;
  const wanted = tagsWanted(of.wish, actual.tags, isAdopted);
  const differences = tagDifferences(actual.tags, wanted);
  if (differences.length === 0) return null;
  const Tagging = { TagSet: tagList({ ...actual.tags, ...wanted }) };
  const { s3, s3Api } = of.aws;
  return change(of, `tags: ${differences.join(", ")}`, "PutBucketTagging", () =>
    s3.send(new s3Api.PutBucketTaggingCommand({ Bucket: of.bucket, Tagging })),
  );
}

function publicAccess(of: Bucket, actual: BucketActual): Change | null {
  if (actual.blocksPublic) return null;
  const { s3, s3Api } = of.aws;
  const all = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };
  return change(of, "public access: not blocked -> blocked", "PutBucketPublicAccessBlock", () =>
    s3.send(new s3Api.PutPublicAccessBlockCommand({ Bucket: of.bucket, PublicAccessBlockConfiguration: all })),
  );
}

function ownership(of: Bucket, actual: BucketActual): Change | null {
  const wanted = "BucketOwnerEnforced";
  if (actual.ownership === wanted) return null;
  const { s3, s3Api } = of.aws;
  const OwnershipControls = { Rules: [{ ObjectOwnership: wanted }] } as const;
  return change(of, `object ownership: ${actual.ownership ?? "none"} -> ${wanted}`, "PutBucketOwnershipControls", () =>
    s3.send(
      new s3Api.PutBucketOwnershipControlsCommand({
        Bucket: of.bucket,
        OwnershipControls: { Rules: [...OwnershipControls.Rules] },
      }),
    ),
  );
}

function encryption(of: Bucket, { encryption: actual }: BucketActual): Change | null {
  const { kmsKeyArn } = of.wish;
  const algorithm = kmsKeyArn === null ? "AES256" : "aws:kms";
  if (actual.algorithm === algorithm && actual.keyArn === kmsKeyArn) return null;
  const { s3, s3Api } = of.aws;
  const key = kmsKeyArn === null ? {} : { KMSMasterKeyID: kmsKeyArn };
  const rule = {
    ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm, ...key },
    // One key for many objects, so that each put is not a call to KMS.
    BucketKeyEnabled: kmsKeyArn !== null,
  } as const;
  const name = (of: { algorithm: string; keyArn: string | null }) => of.keyArn ?? of.algorithm;
  const because = `encryption: ${name(actual)} -> ${name({ algorithm, keyArn: kmsKeyArn })}`;
  return change(of, because, "PutEncryptionConfiguration", () =>
    s3.send(
      new s3Api.PutBucketEncryptionCommand({ Bucket: of.bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } }),
    ),
  );
}

function versioning(of: Bucket, actual: BucketActual): Change | null {
  if (!VERSIONED.has(of.use) || actual.versioning === "on") return null;
  const { s3, s3Api } = of.aws;
  return change(of, `versioning: ${actual.versioning} -> on`, "PutBucketVersioning", () =>
    s3.send(
      new s3Api.PutBucketVersioningCommand({ Bucket: of.bucket, VersioningConfiguration: { Status: "Enabled" } }),
    ),
  );
}

const idOf = ({ ID: id = "" }: LifecycleRule) => id;
const isOurs = (rule: LifecycleRule) => idOf(rule).startsWith(RULE);

/** S3 replaces the whole configuration, so the rules of others are written again. */
function lifecycle(of: Bucket, actual: BucketActual): Change | null {
  const wanted = rulesFor(of.use, of.wish);
  const have = new Map(actual.rules.filter(isOurs).map((rule) => [idOf(rule), describeRule(rule)]));
  const wrong = wanted.filter((rule) => have.get(idOf(rule)) !== describeRule(rule));
  const surplus = [...have.keys()].filter((id) => !wanted.some((rule) => rule.ID === id));
  if (wrong.length + surplus.length === 0) return null;
  const names = [
    ...wrong.map((rule) => {
      const id = idOf(rule);
      return `${have.has(id) ? "differs" : "missing"} ${id.slice(RULE.length)} (${describeRule(rule)})`;
    }),
    ...surplus.map((id) => `not wanted ${id.slice(RULE.length)}`),
  ];
  const Rules = [...actual.rules.filter((rule) => !isOurs(rule)), ...wanted];
  const { s3, s3Api } = of.aws;
  return change(of, `lifecycle: ${names.join(", ")}`, "PutLifecycleConfiguration", () =>
    s3.send(new s3Api.PutBucketLifecycleConfigurationCommand({ Bucket: of.bucket, LifecycleConfiguration: { Rules } })),
  );
}

export function rulesFor(use: BucketUse, { rawExpiryDays }: AwsWish): LifecycleRule[] {
  const rule = (name: string, does: Partial<LifecycleRule>, Prefix = ""): LifecycleRule => ({
    ID: `${RULE}${name}`,
    Status: "Enabled",
    Filter: { Prefix },
    ...does,
  });
  const rules = [
    rule("unfinished-uploads", { AbortIncompleteMultipartUpload: { DaysAfterInitiation: UNFINISHED_UPLOADS_DAYS } }),
  ];
  if (VERSIONED.has(use)) {
    rules.push(rule("old-versions", { NoncurrentVersionExpiration: { NoncurrentDays: OLD_VERSIONS_DAYS } }));
  }
  if (use === "metadata") {
    const NoncurrentVersionExpiration = { NoncurrentDays: OLD_HEARTBEATS_DAYS };
    rules.push(rule("old-heartbeats", { NoncurrentVersionExpiration }, NODES_PREFIX));
  }
  // Never on tables and checkpoints: a Delta log that loses a file is not a table any more.
  if (use === "raw" && rawExpiryDays !== null) rules.push(rule("expiry", { Expiration: { Days: rawExpiryDays } }));
  return rules;
}

/** What a rule does, as one text: for comparing and for the plan. */
function describeRule(rule: LifecycleRule): string {
  const prefix = rule.Filter?.Prefix ?? rule.Prefix ?? "";
  const parts = [
    ...[rule.Status === "Enabled" ? "" : "disabled", prefix === "" ? "" : `below ${prefix}`],
    rule.AbortIncompleteMultipartUpload ? `after ${rule.AbortIncompleteMultipartUpload.DaysAfterInitiation} d` : "",
    rule.NoncurrentVersionExpiration ? `after ${rule.NoncurrentVersionExpiration.NoncurrentDays} d` : "",
    rule.Expiration ? `after ${rule.Expiration.Days ?? "?"} d` : "",
    // No rule of ours has these: someone has added them to one.
    ...(rule.Transitions ?? []).map(({ StorageClass, Days }) => `to ${StorageClass} after ${Days ?? "?"} d`),
    ...(rule.NoncurrentVersionTransitions ?? []).map(({ StorageClass }) => `old versions to ${StorageClass}`),
    rule.Filter?.And !== undefined || rule.Filter?.Tag !== undefined ? "only some objects" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** One statement of the bucket's policy is ours; the others are written again as they are. */
function writeOnce(of: Bucket, actual: BucketActual, facts: FactBook): Change | null {
  const { use, wish } = of;
  const isStage = (STAGES as readonly string[]).includes(use);
  const wanted = writeOnceStatement(of.bucket, accountOf(facts), unityRoleName(wish.naming));
  const all = statementsOf(actual.policy);
  const ours = all.find((one) => one.Sid === WRITE_ONCE_SID);
  const others = all.filter((one) => one !== ours);
  const { s3, s3Api } = of.aws;
  const put = (statements: readonly unknown[]) => {
    const text = JSON.stringify({ ...actual.policy, Version: "2012-10-17", Statement: statements });
    return s3.send(new s3Api.PutBucketPolicyCommand({ Bucket: of.bucket, Policy: text }));
  };
  if (wish.writeOnce && isStage) {
    if (ours !== undefined && canonical(ours) === canonical(wanted)) return null;
    const because = `bucket policy: ${WRITE_ONCE_SID} ${ours === undefined ? "is missing" : "differs"}`;
    return change(of, because, "PutBucketPolicy", () => put([...others, wanted]));
  }
  if (ours === undefined) return null;
  const because = `bucket policy: ${WRITE_ONCE_SID} is not wanted any more`;
  if (others.length > 0) return change(of, because, "PutBucketPolicy", () => put(others));
  return change(of, because, "DeleteBucketPolicy", () =>
    s3.send(new s3Api.DeleteBucketPolicyCommand({ Bucket: of.bucket })),
  );
}
