/** The AWS half: who we are, and the resources in their order. */
import { AgentError } from "../../core/errors.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { bucketResource } from "../bucket/bucket.ts";
import { isThere as isThereAt } from "../bucket/bucket-read.ts";
import { foreignText, isForeign, readContents } from "../bucket/contents.ts";
import { countingTeller, emptyBucket } from "../bucket/empty.ts";
import type { VersionEntry } from "../bucket/version-pages.ts";
import type { Facts } from "../facts.ts";
import { accessKeyResource } from "../key/access-key.ts";
import { BUCKET_USES, bucketName, checkpointPrefix, edgeName, ID, unityRoleName } from "../names.ts";
import type { Cleaned, CleanPlace, Doing, ProvisionSide, Resource } from "../resource.ts";
import type { Aws } from "./clients.ts";
import { edgeRole, edgeUserId, edgeUserResource } from "./edge.ts";
import { ask, WHO } from "./failure.ts";
import { NO_EXTERNAL_ID, roleArn } from "./policies.ts";
import { type Env, proveEdge } from "./prove.ts";
import { roleResource } from "./role.ts";
import { externalIdIn, unityRole } from "./unity-role.ts";
import { type AwsWish, foreignByTags } from "./wish.ts";

export function awsSide(aws: Aws, wish: AwsWish, env: Env): ProvisionSide {
  return {
    side: "aws",
    resources: withOther(aws, wish),
    prove: (doing) => proveEdge(aws, wish, doing, env),
    cleanable: (stage, doing) => cleanable(aws, wish, stage, doing),
    clean: (places, doing, { foreign }) => cleanBuckets(aws, wish, places, { doing, foreign }),
    check: () => whoWeAre(aws, wish),
    restsOnAws: (doing) => letIn(aws, wish, doing),
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

/** A role with a real external id was let in by a storage credential. Whether that is still there, only Databricks knows. */
async function letIn(aws: Aws, wish: AwsWish, doing: Doing): Promise<readonly string[]> {
  const role = await roleResource(aws, unityRole(wish), wish).read(doing);
  // One that is not ours is not deleted, and says nothing of our buckets.
  const externalId = role === null || foreignByTags(role.tags) !== null ? null : externalIdIn(role);
  if (externalId === null || externalId === NO_EXTERNAL_ID) return [];
  return [`a storage credential of Databricks with the external id ${externalId}`];
}

/** Buckets of the stage and its checkpoints; metadata stays: published rule sets belong to the set-up. */
async function cleanable(aws: Aws, wish: AwsWish, stage: Stage | null, doing: Doing): Promise<readonly CleanPlace[]> {
  const uses = [...(stage === null ? STAGES : [stage]), "checkpoints"] as const;
  return await Promise.all(
    uses.map(async (use) => {
      const prefix = use === "checkpoints" && stage !== null ? checkpointPrefix(stage) : "";
      const bucket = bucketName(use, wish.naming);
      const [isThere, { objects, foreign }] = await Promise.all([
        isThereAt(aws, bucket),
        readContents(aws, { bucket, use, prefix }, doing),
      ]);
      const said = { count: foreign.count, text: foreign.count === 0 ? "" : foreignText(foreign) };
      return { bucket, prefix, isThere, objects, foreign: said };
    }),
  );
}

async function cleanBuckets(
  aws: Aws,
  wish: AwsWish,
  places: readonly CleanPlace[],
  { doing, foreign }: { readonly doing: Doing; readonly foreign: boolean },
): Promise<readonly Cleaned[]> {
  return await Promise.all(
    places.map(async ({ bucket, prefix }) => {
      let deleted = 0;
      const tell = countingTeller(bucket, doing);
      const onDeleted = (count: number) => {
        deleted += count;
        tell(count);
      };
      const use = BUCKET_USES.find((one) => bucketName(one, wish.naming) === bucket);
      const kept = new Set<string>();
      const keeps = (entry: VersionEntry) => {
        if (foreign || use === undefined || !isForeign(use, entry)) return false;
        kept.add(entry.key);
        return true;
      };
      await emptyBucket(aws, bucket, doing, { prefix, keeps, onDeleted });
      return { bucket, deleted, kept: kept.size };
    }),
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
