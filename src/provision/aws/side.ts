/** The AWS half: who we are, and the resources in their order. */
import { AgentError } from "../../core/errors.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { bucketResource } from "../bucket/bucket.ts";
import { countingTeller, emptyBucket } from "../bucket/empty.ts";
import type { Facts } from "../facts.ts";
import { accessKeyResource } from "../key/access-key.ts";
import { BUCKET_USES, bucketName, checkpointPrefix, edgeName, ID, unityRoleName } from "../names.ts";
import type { Doing, ProvisionSide, Resource } from "../resource.ts";
import type { Aws } from "./clients.ts";
import { edgeRole, edgeUserId, edgeUserResource } from "./edge.ts";
import { ask, WHO } from "./failure.ts";
import { roleArn } from "./policies.ts";
import { type Env, proveEdge } from "./prove.ts";
import { roleResource } from "./role.ts";
import { unityRole } from "./unity-role.ts";
import type { AwsWish } from "./wish.ts";

export function awsSide(aws: Aws, wish: AwsWish, env: Env): ProvisionSide {
  return {
    side: "aws",
    resources: withOther(aws, wish),
    prove: (doing) => proveEdge(aws, wish, doing, env),
    clean: (stage, doing) => cleanBuckets(aws, wish, stage, doing),
    check: () => whoWeAre(aws, wish),
    close: () => aws.close(),
  };
}

/** The edge as it was under other settings goes: a key that no setting asks for any more is one too many. */
function withOther(aws: Aws, wish: AwsWish): Resource[] {
  const other: AwsWish = { ...wish, edgeIdentity: wish.edgeIdentity === "user" ? "role" : "user" };
  const own = awsResources(aws, wish);
  const ids = new Set(own.map(({ id }) => id));
  const unwanted = `AGENT_EDGE_IDENTITY is ${wish.edgeIdentity}`;
  return [
    ...own,
    ...awsResources(aws, other)
      .filter(({ id }) => !ids.has(id))
      .map((one) => ({ ...one, tells: [], learn: () => ({}), unwanted })),
  ];
}

/** Buckets of the stage and its checkpoints; metadata stays: published rule sets belong to the set-up. */
async function cleanBuckets(aws: Aws, wish: AwsWish, stage: Stage | null, doing: Doing): Promise<void> {
  const checkpoints = bucketName("checkpoints", wish.naming);
  const work: [bucket: string, prefix: string][] = (stage === null ? STAGES : [stage]).map((one) => [
    bucketName(one, wish.naming),
    "",
  ]);
  work.push([checkpoints, stage === null ? "" : checkpointPrefix(stage)]);
  await Promise.all(
    work.map(([bucket, prefix]) =>
      emptyBucket(aws, bucket, doing, { prefix, onDeleted: countingTeller(bucket, doing) }),
    ),
  );
}

/** The edge's identity first: that it is there and ours says that a bare bucket is of a run that was killed. */
function awsResources(aws: Aws, wish: AwsWish): Resource[] {
  const isUser = wish.edgeIdentity === "user";
  const edge = isUser ? edgeUserResource(aws, wish) : roleResource(aws, edgeRole(wish), wish);
  const edgeId = isUser ? edgeUserId(wish) : ID.role(edgeName(wish.naming));
  return [
    edge,
    ...BUCKET_USES.map((use) => bucketResource(aws, use, wish, edgeId)),
    roleResource(aws, unityRole(wish), wish),
    ...(isUser ? [accessKeyResource(aws, wish)] : []),
  ] as Resource[];
}

/** The account, or an error that says why nothing was touched. */
export async function whoWeAre(aws: Aws, wish: AwsWish): Promise<Partial<Facts>> {
  const call = { doing: "find out who we are to AWS", action: "sts:GetCallerIdentity", on: "*" };
  const { Account, Arn } = await ask(call, () => aws.sts.send(new aws.stsApi.GetCallerIdentityCommand({})));
  if (Account === undefined || Arn === undefined) throw new AgentError("Cannot find out who we are to AWS: no answer");
  if (wish.accountId !== null && wish.accountId !== Account) {
    const advice = `Use other credentials (AWS_PROFILE), or correct AGENT_AWS_ACCOUNT_ID if ${Account} is the right account`;
    throw new AgentError(`Cannot provision: these credentials are of account ${Account}, not of ${wish.accountId}`, {
      advice,
      tryHint: WHO,
    });
  }
  const partition = Arn.split(":")[1] ?? "aws";
  const account = { accountId: Account, partition };
  return { ...account, callerArn: Arn, roleArn: roleArn(unityRoleName(wish.naming), account) };
}
