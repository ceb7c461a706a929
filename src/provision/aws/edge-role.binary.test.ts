/** The edge as a role: what a machine with it may do, and that it may do nothing else. moto, with its policies enforced. */
import { expect, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { S3Client } from "@aws-sdk/client-s3";
import { STAGES } from "../../core/stage.ts";
import { testsInAccount } from "../../testing/provision/tests.ts";
import { ACCOUNT, PREFIX, type ProvisionWorld, REGION } from "../../testing/provision/world.ts";
import { bucketName } from "../names.ts";
import { answerOf } from "./failure.ts";

setDefaultTimeout(1_800_000);

let world: ProvisionWorld;
const it = testsInAccount((made) => {
  world = made;
});

const NAME = `${PREFIX}-edge-${REGION}`;
const APPLY = ["apply", "--only", "aws", "--edge", "role", "--nodes", "edge-1", "--yes"];
const naming = { prefix: PREFIX, region: REGION };
const KEY = "date=2026-01-01/hour=00/edge-1/0001.json.gz";

/** As EC2 does it for a machine with the instance profile: temporary credentials of the role. */
async function asMachine(): Promise<S3Client> {
  const { sts, stsApi } = world.root;
  const RoleArn = `arn:aws:iam::${ACCOUNT}:role/${NAME}`;
  const assume = new stsApi.AssumeRoleCommand({ RoleArn, RoleSessionName: "i-0123456789abcdef0" });
  const { Credentials } = await world.asRoot(() => sts.send(assume));
  return new S3Client({
    region: REGION,
    endpoint: world.proxy.url,
    forcePathStyle: true,
    credentials: {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
    },
  });
}

it("a machine with the profile puts below its node's name, and neither reads, lists, deletes nor puts elsewhere", async () => {
  await world.reset();
  const apply = await world.run(APPLY);
  expect([apply.code, apply.code === 0 ? "" : apply.stderr]).toEqual([0, ""]);
  // No key is made, and none is in a file.
  expect([
    existsSync(world.keyFile),
    world.proxy.seen.filter(({ call }) => /AccessKey/.test(call) && !/List/.test(call)),
  ]).toEqual([false, []]);
  const { s3Api, iam, iamApi } = world.root;
  const profile = new iamApi.GetInstanceProfileCommand({ InstanceProfileName: NAME });
  const { InstanceProfile } = await world.asRoot(() => iam.send(profile));
  expect(InstanceProfile?.Roles?.map(({ RoleName }) => RoleName)).toEqual([NAME]);
  expect(decodeURIComponent(InstanceProfile!.Roles![0]!.AssumeRolePolicyDocument!)).toContain("ec2.amazonaws.com");

  const machine = await asMachine();
  const put = (use: Parameters<typeof bucketName>[0], Key: string) =>
    machine.send(new s3Api.PutObjectCommand({ Bucket: bucketName(use, naming), Key, Body: "x", IfNoneMatch: "*" }));
  const raw = { Bucket: bucketName("raw", naming) };
  const metadata = { Bucket: bucketName("metadata", naming) };
  const resultOf = async (work: Promise<unknown>) =>
    await work.then(
      () => "done",
      (error: unknown) => answerOf(error).status,
    );
  try {
    const may: Record<string, Promise<unknown>> = {
      ...Object.fromEntries(STAGES.map((stage) => [`put into ${stage}`, put(stage, KEY)])),
      "put its heartbeat": put("metadata", "nodes/edge-1/heartbeat.json"),
    };
    for (const [what, work] of Object.entries(may)) expect([what, await resultOf(work)]).toEqual([what, "done"]);
    expect(await resultOf(put("raw", KEY))).toBe(412);
    const mayNot: Record<string, () => Promise<unknown>> = {
      "read what it has put": () => machine.send(new s3Api.GetObjectCommand({ ...raw, Key: KEY })),
      "ask whether it is there": () => machine.send(new s3Api.HeadObjectCommand({ ...raw, Key: KEY })),
      "list a stage": () => machine.send(new s3Api.ListObjectsV2Command(raw)),
      "list versions": () => machine.send(new s3Api.ListObjectVersionsCommand(raw)),
      "list the metadata": () => machine.send(new s3Api.ListObjectsV2Command(metadata)),
      "list all buckets": () => machine.send(new s3Api.ListBucketsCommand({})),
      "read its heartbeat": () =>
        machine.send(new s3Api.GetObjectCommand({ ...metadata, Key: "nodes/edge-1/heartbeat.json" })),
      "delete what it has put": () => machine.send(new s3Api.DeleteObjectCommand({ ...raw, Key: KEY })),
      "put under another node's name": () => put("raw", KEY.replace("edge-1", "edge-2")),
      "put beside the keys of nodes": () => put("raw", `other/${KEY}`),
      "put another node's heartbeat": () => put("metadata", "nodes/edge-2/heartbeat.json"),
      "put a rule set for all": () => put("metadata", "rules/published.json"),
      "put a checkpoint": () => put("checkpoints", KEY),
      "change a bucket": () =>
        machine.send(
          new s3Api.PutBucketVersioningCommand({ ...raw, VersioningConfiguration: { Status: "Suspended" } }),
        ),
      "delete a bucket": () => machine.send(new s3Api.DeleteBucketCommand(raw)),
    };
    for (const [what, work] of Object.entries(mayNot)) expect([what, await resultOf(work())]).toEqual([what, 403]);
  } finally {
    machine.destroy();
  }
  // What was refused was not done.
  const versions = await world.asRoot(() => world.root.s3.send(new s3Api.ListObjectVersionsCommand(raw)));
  expect([versions.Versions?.map(({ Key }) => Key), versions.DeleteMarkers ?? []]).toEqual([[KEY], []]);
  const plan = await world.run(["plan", "--only", "aws", "--edge", "role", "--nodes", "edge-1"]);
  expect(plan.stdout).toStartWith("Nothing to do");
});

it("a profile of that name that is not ours, or that holds another role, is named and left", async () => {
  const { iam, iamApi } = world.root;
  const profile = { InstanceProfileName: NAME };
  const trust = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }],
  };
  const theirs = { RoleName: "theirs", AssumeRolePolicyDocument: JSON.stringify(trust) };
  const Tags = [{ Key: "managed-by", Value: "agent-provision" }];
  for (const [because, make] of [
    [
      "it is there already and has no tag managed-by=agent-provision",
      () => iam.send(new iamApi.CreateInstanceProfileCommand(profile)),
    ],
    [
      'it holds role "theirs", and can hold one only',
      async () => {
        await iam.send(new iamApi.CreateRoleCommand(theirs));
        await iam.send(new iamApi.CreateInstanceProfileCommand({ ...profile, Tags }));
        await iam.send(new iamApi.AddRoleToInstanceProfileCommand({ ...profile, RoleName: "theirs" }));
      },
    ],
  ] as const) {
    await world.reset();
    await world.asRoot<unknown>(make);
    const before = await world.asRoot(() => iam.send(new iamApi.GetInstanceProfileCommand(profile)));
    const apply = await world.run(APPLY);
    expect(apply.code).toBe(1);
    expect(apply.stderr).toContain(
      `Cannot use instance profile "${NAME}": ${because}\nDelete by hand what is not needed\nTry: aws iam get-instance-profile`,
    );
    const after = await world.asRoot(() => iam.send(new iamApi.GetInstanceProfileCommand(profile)));
    expect(after.InstanceProfile).toEqual(before.InstanceProfile!);
  }
});
