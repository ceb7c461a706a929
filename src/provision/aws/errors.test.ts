/**
 * Each call of the AWS half, answered once with each error that AWS documents for it: what becomes of it is in
 * golden/aws-errors.txt, a line for each. After any of them, the next run ends like any other.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { canRun } from "../../testing/needs.ts";
import { accountState } from "../../testing/provision/account-state.ts";
import { ACCOUNT, PREFIX, ProvisionWorld, REGION } from "../../testing/provision/world.ts";
import { applyPlan, confirmPlan } from "../apply.ts";
import { AGAIN, expectGolden, problemsOf, reportOf } from "../errors.suite.ts";
import { makePlan, type Problem, planProblems } from "../plan.ts";
import { applyRemoval, planRemoval } from "../removal.ts";
import type { ProvisionSide } from "../resource.ts";
import { type Aws, openAws } from "./clients.ts";
import { awsSide } from "./side.ts";
import type { AwsWish } from "./wish.ts";

const hasMoto = canRun("moto");
setDefaultTimeout(1_800_000);

let world: ProvisionWorld;
beforeAll(async () => {
  if (hasMoto) world = await ProvisionWorld.start();
});
afterAll(async () => {
  if (hasMoto) await world.stop();
});

/** Of the seven buckets one is enough: they are alike. */
const KEPT = /^(bucket acme-raw-data-us-west-2|user .*|role .*|access key .*)$/;
const TAGS = { "managed-by": "agent-provision" };
const RAW = `${PREFIX}-raw-data-${REGION}`;
const OWN_KEY = "date=2026-01-01/hour=00/edge-1/01jh3qkq0000000000000000a1.000000000001-000000000001.1.json.gz";
const [USER, ROLE] = [`${PREFIX}-edge-${REGION}`, `${PREFIX}-unity-catalog-${REGION}`];

function wish(more: Partial<AwsWish> = {}): AwsWish {
  return {
    naming: { prefix: PREFIX, region: REGION },
    accountId: null,
    edgeIdentity: "user",
    edgeNodes: "*",
    keyFile: world.keyFile,
    kmsKeyArn: null,
    tags: TAGS,
    writeOnce: false,
    fileEvents: false,
    rawExpiryDays: null,
    ...more,
  };
}
const CHOSEN: Partial<AwsWish> = {
  kmsKeyArn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/some-key`,
  tags: { ...TAGS, team: "ops" },
  writeOnce: true,
  rawExpiryDays: 90,
};

/** Waits are over at once. */
function still() {
  let nowMs = 0;
  const wait = async (ms: number) => {
    nowMs += ms;
  };
  return { stop: new AbortController().signal, tell: () => undefined, now: () => nowMs, wait, again: AGAIN };
}

async function withSide<T>(more: Partial<AwsWish>, work: (side: ProvisionSide) => Promise<T>): Promise<T> {
  const { env } = world;
  const key = { accessKeyId: env["AWS_ACCESS_KEY_ID"]!, secretAccessKey: env["AWS_SECRET_ACCESS_KEY"]! };
  const aws: Aws = await openAws({ region: REGION, env: { AWS_ENDPOINT_URL: world.proxy.url }, key });
  try {
    const side = awsSide(aws, wish(more), env);
    return await work({ ...side, resources: side.resources.filter(({ id }) => KEPT.test(id)) });
  } finally {
    aws.close();
  }
}

/** What a person sees; as the command does it, nothing is touched around something that is not ours. */
async function apply(more: Partial<AwsWish> = {}): Promise<Problem[]> {
  return withSide(more, async (side) => {
    const plan = await makePlan([side], { adopt: false }, still());
    const problems = planProblems(plan);
    if (plan.parts.some(({ isForeign, problem }) => isForeign && problem !== null)) return problems;
    const outcomes = await applyPlan(plan, still(), { onOutcome: () => undefined });
    const isDone = outcomes.every(({ result }) => result === "done");
    const changed = isDone && outcomes.length > 0 ? await confirmPlan(plan, still()) : [];
    return [
      ...problems,
      ...changed,
      ...outcomes.flatMap(({ problem, result }) => (result === "failed" ? [problem!] : [])),
    ];
  });
}

async function destroy(): Promise<Problem[]> {
  return withSide({}, async (side) => {
    const plan = await planRemoval([side], still());
    const outcomes = await applyRemoval(plan, still(), { onOutcome: () => undefined });
    return [
      ...planProblems(plan),
      ...outcomes.flatMap(({ problem, result }) => (result === "failed" ? [problem!] : [])),
    ];
  });
}

/** As a person at the console would, past the agent. */
async function byHand(work: (aws: Aws) => Promise<unknown>): Promise<void> {
  await world.asRoot(() => work(world.root));
}

/** The set-up was made before, and another person has put something in. */
async function fullSetUp(more: Partial<AwsWish>): Promise<void> {
  expect(await apply(more)).toEqual([]);
  await byHand(async ({ s3, s3Api, iam, iamApi }) => {
    await s3.send(new s3Api.PutObjectCommand({ Bucket: RAW, Key: OWN_KEY, Body: "x" }));
    await s3.send(new s3Api.CreateMultipartUploadCommand({ Bucket: RAW, Key: "b" }));
    const Statement = [{ Effect: "Allow", Action: "s3:ListAllMyBuckets", Resource: "*" }];
    const theirs = { PolicyName: "theirs", PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }) };
    const PolicyArn = (await iam.send(new iamApi.CreatePolicyCommand(theirs))).Policy!.Arn!;
    await iam.send(new iamApi.AttachRolePolicyCommand({ RoleName: ROLE, PolicyArn }));
    if (more.edgeIdentity === "role") return;
    await iam.send(new iamApi.AttachUserPolicyCommand({ UserName: USER, PolicyArn }));
    await iam.send(new iamApi.CreateGroupCommand({ GroupName: "theirs" }));
    await iam.send(new iamApi.AddUserToGroupCommand({ GroupName: "theirs", UserName: USER }));
  });
}

const SCENARIOS: Readonly<Record<string, { before: () => Promise<unknown>; work: () => Promise<Problem[]> }>> = {
  apply: { before: async () => undefined, work: apply },
  "apply --edge role": { before: async () => undefined, work: () => apply({ edgeIdentity: "role" }) },
  "apply with choices": {
    before: async () => {
      expect(await apply()).toEqual([]);
      const Statement = [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }];
      const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
      await byHand(({ iam, iamApi }) =>
        iam.send(new iamApi.UpdateAssumeRolePolicyCommand({ RoleName: ROLE, PolicyDocument })),
      );
    },
    work: () => apply(CHOSEN),
  },
  "apply without choices": { before: async () => expect(await apply(CHOSEN)).toEqual([]), work: apply },
  destroy: { before: () => fullSetUp({}), work: destroy },
  "destroy of a role": { before: () => fullSetUp({ edgeIdentity: "role" }), work: destroy },
};

type ErrorAnswer = readonly [status: number, code: string, message?: string];
/** Every call may be answered so, and it passes: each kind of call of a run once, in the same run. */
const PASSING: Readonly<Record<string, readonly ErrorAnswer[]>> = {
  s3: [
    [503, "SlowDown"],
    [500, "InternalError"],
  ],
  iam: [
    [400, "Throttling", "Rate exceeded"],
    [500, "ServiceFailure"],
  ],
};
/** Every call may be answered so, and it does not pass. */
const COMMON: Readonly<Record<string, readonly ErrorAnswer[]>> = {
  s3: [[403, "AccessDenied", "Access Denied"]],
  iam: [[403, "AccessDenied", "User: me is not authorized to perform: iam:CALL on resource: arn:of:it"]],
  sts: [
    [403, "InvalidClientTokenId", "The security token included in the request is invalid"],
    [403, "ExpiredToken", "The security token included in the request is expired"],
    [403, "SignatureDoesNotMatch"],
    [403, "RegionDisabledException", "STS is not activated in this region"],
    [503, "ServiceUnavailable"],
  ],
};
/** What a call may be answered beside that: reference, 1.3 to 1.7, and the SDK's own documentation. */
const OF_CALL: Readonly<Record<string, readonly ErrorAnswer[]>> = {
  "s3 HeadBucket": [
    [301, "PermanentRedirect"],
    [400, "BadRequest", "An answer to HEAD has no words"],
  ],
  "s3 CreateBucket": [
    [409, "BucketAlreadyExists"],
    [409, "BucketAlreadyOwnedByYou"],
    [409, "OperationAborted"],
    [400, "InvalidLocationConstraint"],
    [400, "IllegalLocationConstraintException"],
    [400, "TooManyBuckets"],
  ],
  "s3 GetPublicAccessBlock": [[404, "NoSuchPublicAccessBlockConfiguration"]],
  "s3 GetBucketOwnershipControls": [[404, "OwnershipControlsNotFoundError"]],
  "s3 GetBucketEncryption": [[404, "ServerSideEncryptionConfigurationNotFoundError"]],
  "s3 GetBucketLifecycle": [[404, "NoSuchLifecycleConfiguration"]],
  "s3 GetBucketTagging": [[404, "NoSuchTagSet"]],
  "s3 GetBucketPolicy": [[404, "NoSuchBucketPolicy"]],
  "s3 GetBucketVersioning": [[404, "NoSuchBucket"]],
  "s3 PutBucketTagging": [
    [409, "OperationAborted"],
    [400, "InvalidRequest", "Tagging is done by TagResource where bucket ABAC is on"],
    [404, "NoSuchBucket"],
  ],
  "s3 PutBucketVersioning": [[409, "OperationAborted"]],
  "s3 PutBucketPolicy": [[400, "MalformedPolicy"]],
  "s3 DeleteBucket": [
    [409, "BucketNotEmpty"],
    [404, "NoSuchBucket"],
  ],
  "s3 ListObjectVersions": [[404, "NoSuchBucket"]],
  "s3 DeleteObjects": [[404, "NoSuchBucket"]],
  "s3 DeleteObject": [[404, "NoSuchUpload"]],
  "iam CreateUser": [
    [409, "EntityAlreadyExists"],
    [409, "LimitExceeded"],
    [409, "ConcurrentModification"],
  ],
  "iam PutUserPolicy": [
    [404, "NoSuchEntity"],
    [400, "MalformedPolicyDocument"],
    [409, "LimitExceeded"],
  ],
  "iam CreateAccessKey": [
    [404, "NoSuchEntity"],
    [409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"],
  ],
  "iam CreateRole": [
    [409, "EntityAlreadyExists"],
    [400, "MalformedPolicyDocument", "Invalid principal in policy"],
    [409, "ConcurrentModification"],
    [409, "LimitExceeded"],
  ],
  "iam UpdateAssumeRolePolicy": [
    [400, "MalformedPolicyDocument", "Invalid principal in policy: AWS"],
    [400, "MalformedPolicyDocument", "Syntax errors in policy."],
    [400, "UnmodifiableEntity"],
  ],
  "iam PutRolePolicy": [
    [404, "NoSuchEntity"],
    [409, "LimitExceeded"],
  ],
  "iam CreateInstanceProfile": [[409, "EntityAlreadyExists"]],
  "iam AddRoleToInstanceProfile": [
    [409, "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"],
    [409, "EntityAlreadyExists"],
    [404, "NoSuchEntity"],
  ],
  "iam DeleteUser": [
    [409, "DeleteConflict"],
    [404, "NoSuchEntity"],
    [409, "EntityTemporarilyUnmodifiable"],
  ],
  "iam DeleteRole": [
    [409, "DeleteConflict"],
    [404, "NoSuchEntity"],
  ],
  "iam DeleteRolePolicy": [[409, "ConcurrentModification"]],
  "iam DeleteAccessKey": [[404, "NoSuchEntity"]],
  "iam GetAccessKeyLastUsed": [[404, "NoSuchEntity"]],
  "iam DetachRolePolicy": [[404, "NoSuchEntity"]],
  "sts GetCallerIdentity": [],
};

const kindOf = (call: string) => call.split(" ").slice(0, 2).join(" ");

function xmlOf(kind: string, [, code, message = "as the test wants it"]: ErrorAnswer): string {
  const said = message.replace("iam:CALL", kind.replace(" ", ":"));
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${said}</Message></Error>`;
  return kind.startsWith("s3 ") ? error : `<ErrorResponse>${error}</ErrorResponse>`;
}

/** The kinds of call that a run makes. */
async function kindsOf({ before, work }: Scenario): Promise<string[]> {
  await world.reset();
  await before();
  world.proxy.seen.length = 0;
  expect(await work()).toEqual([]);
  return [...new Set(world.proxy.seen.map(({ call }) => kindOf(call)))].sort();
}

/** The SDK tries again by itself after this answer; a limit that is reached stays. */
const STAYS: ReadonlySet<string> = new Set(["LimitExceeded"]);

/** The answer, once for each kind of call that `which` takes. Returns the kinds that got it. */
function onceEach(which: (kind: string) => boolean, answer: ErrorAnswer): Set<string> {
  const given = new Set<string>();
  world.proxy.onCall = (call) => {
    const kind = kindOf(call);
    if (!which(kind) || (given.has(kind) && !STAYS.has(answer[1]))) return "pass";
    given.add(kind);
    return { status: answer[0], body: xmlOf(kind, answer) };
  };
  return given;
}

type Scenario = (typeof SCENARIOS)[string];
type State = Awaited<ReturnType<typeof accountState>>;

/** A line of the golden file. The next run has nothing to say, and comes to the same end. */
async function lineOf(what: string, { before, work }: Scenario, fault: () => Set<string>, end: State): Promise<string> {
  await world.reset();
  await before();
  const given = fault();
  // The key that AWS made up, and which of the two roles was read first.
  const line = `${what} -> ${reportOf(await problemsOf(work))}`
    .replace(/AKIA\w{16}/g, "AKIA…")
    .replace(/read role "acme-[a-z-]+-us-west-2"/, 'read role "ONE"');
  expect([what, given.size > 0]).toEqual([what, true]);
  world.proxy.onCall = () => "pass";
  expect([what, await problemsOf(work)]).toEqual([what, []]);
  expect([what, await accountState(world)]).toEqual([what, end]);
  return line;
}

test.skipIf(!hasMoto)(
  "each call with each of its errors is survived, or reported with a way out, and the next run ends well",
  async () => {
    const lines: string[] = [];
    const known = new Set<string>();
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      const kinds = await kindsOf(scenario);
      const end = await accountState(world);
      for (const [service, answers] of Object.entries(PASSING)) {
        for (const answer of answers) {
          const what = `${name} · every ${service} call · ${answer[0]} ${answer[1]}`;
          lines.push(
            await lineOf(what, scenario, () => onceEach((kind) => kind.startsWith(`${service} `), answer), end),
          );
        }
      }
      for (const kind of kinds.filter((one) => !known.has(one))) {
        known.add(kind);
        for (const answer of [...COMMON[kind.split(" ")[0]!]!, ...(OF_CALL[kind] ?? [])]) {
          const what = `${name} · ${kind} · ${answer[0]} ${answer[1]}`;
          lines.push(await lineOf(what, scenario, () => onceEach((one) => one === kind, answer), end));
        }
      }
    }
    // Every call with errors of its own here was made.
    expect(Object.keys(OF_CALL).filter((kind) => !known.has(kind))).toEqual([]);
    expectGolden("aws-errors.txt", lines);
  },
);
