/** `agent provision` as a person sees it: the compiled binary against moto, with its policies enforced. */
import { expect, setDefaultTimeout } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { testsInAccount } from "../testing/provision/tests.ts";
import type { ProvisionWorld } from "../testing/provision/world.ts";

setDefaultTimeout(1_800_000);

let world: ProvisionWorld;
const it = testsInAccount(
  (made) => {
    world = made;
  },
  { emptyEach: true },
);
const writes = () => world.proxy.seen.filter(({ isWrite, status }) => isWrite && status < 300).map(({ call }) => call);

it("an empty account: the plan says what will be, apply makes it, and the second apply has nothing to do", async () => {
  const plan = await world.run(["plan", "--only", "aws"]);
  expect(plan).toEqual({
    code: 0,
    stderr: "",
    stdout: `+ create user acme-edge-us-west-2: it does not exist
+ create bucket acme-raw-data-us-west-2: it does not exist
+ create bucket acme-validated-data-us-west-2: it does not exist
+ create bucket acme-anomalies-data-us-west-2: it does not exist
+ create bucket acme-schematized-data-us-west-2: it does not exist
+ create bucket acme-aggregated-data-us-west-2: it does not exist
+ create bucket acme-checkpoints-us-west-2: it does not exist
+ create bucket acme-metadata-us-west-2: it does not exist
+ create role acme-unity-catalog-us-west-2: it does not exist
+ create access key of acme-edge-us-west-2: there is none; it is written to FOLDER/edge-credentials.env, for its owner only
10 to create, 0 as they should be.
`,
  });
  expect(writes()).toEqual([]);
  const apply = await world.run(["apply", "--only", "aws", "--yes"]);
  expect([apply.code, apply.stdout]).toEqual([0, ""]);
  expect(apply.stderr).toEndWith("done create access key of acme-edge-us-west-2\nDone: 10 steps.\n");
  const counted = Map.groupBy(writes(), (call) => call.split(" ").slice(0, 2).join(" "));
  expect(Object.fromEntries([...counted].map(([call, all]) => [call, all.length]).sort())).toEqual({
    "iam CreateAccessKey": 1,
    "iam CreateRole": 1,
    "iam CreateUser": 1,
    "iam PutRolePolicy": 1,
    "iam PutUserPolicy": 1,
    "s3 CreateBucket": 7,
    "s3 PutBucketLifecycle": 7,
    "s3 PutBucketOwnershipControls": 7,
    "s3 PutBucketTagging": 7,
    "s3 PutBucketVersioning": 2,
    "s3 PutPublicAccessBlock": 7,
  });
  world.proxy.seen.length = 0;
  const again = await world.run(["apply", "--only", "aws", "--json"]);
  expect([again.code, again.stderr]).toEqual([0, "Nothing to do: 10 as they should be.\n"]);
  expect(JSON.parse(again.stdout)).toMatchObject({ ok: true, problems: [] });
  expect(writes()).toEqual([]);
});

it("the key is in a file for its owner only, in no output, and may put and nothing else", async () => {
  const apply = await world.run(["apply", "--only", "aws", "--yes", "--json"]);
  const file = readFileSync(world.keyFile, "utf8");
  expect(statSync(world.keyFile).mode & 0o777).toBe(0o600);
  const secret = /^AWS_SECRET_ACCESS_KEY=(.+)$/m.exec(file)![1]!;
  const verify = await world.run(["verify", "--only", "aws", "--json"]);
  expect(apply.stdout + apply.stderr + verify.stdout + verify.stderr).not.toContain(secret);
  const { ok, proofs } = JSON.parse(verify.stdout);
  const edge = proofs.filter(({ party }: { party: string }) => party === "edge key");
  expect(edge).toEqual([
    ...["raw", "validated", "anomalies", "schematized", "aggregated"].map((stage) => ({
      party: "edge key",
      claim: `puts into acme-${stage}-data-us-west-2`,
      ok: true,
      detail: "done",
    })),
    expect.objectContaining({ claim: "does not overwrite in acme-raw-data-us-west-2", ok: true }),
    ...["cannot read", "cannot list", "cannot delete from", "cannot put beside its keys in"].map((claim) => ({
      party: "edge key",
      claim: `${claim} acme-raw-data-us-west-2`,
      ok: true,
      detail: "refused (403)",
    })),
    expect.objectContaining({ claim: "cannot put into acme-checkpoints-us-west-2", ok: true }),
  ]);
  expect([ok, verify.code]).toEqual([true, 0]);
  // Nothing is left of the probes, old versions included.
  const left = await world.asRoot(() =>
    world.root.s3.send(new world.root.s3Api.ListObjectVersionsCommand({ Bucket: "acme-raw-data-us-west-2" })),
  );
  expect([left.Versions ?? [], left.DeleteMarkers ?? []]).toEqual([[], []]);
});

it("verify finds an edge that may read, and exits 1", async () => {
  await world.run(["apply", "--only", "aws", "--yes"]);
  const { iam, iamApi } = world.root;
  const more = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }] };
  const policy = { UserName: "acme-edge-us-west-2", PolicyName: "more", PolicyDocument: JSON.stringify(more) };
  await world.asRoot(() => iam.send(new iamApi.PutUserPolicyCommand(policy)));
  const verify = await world.run(["verify", "--only", "aws"]);
  expect(verify.code).toBe(1);
  expect(verify.stdout).toMatch(/WRONG +edge key +cannot read acme-raw-data-us-west-2 +it was allowed/);
});

it("drift of each kind is found by name and repaired by the one call that it needs", async () => {
  await world.run(["apply", "--only", "aws", "--yes"]);
  const { s3, s3Api, iam, iamApi } = world.root;
  const raw = { Bucket: "acme-raw-data-us-west-2" };
  const role = "acme-unity-catalog-us-west-2";
  const user = "acme-edge-us-west-2";
  await world.asRoot(async () => {
    await s3.send(new s3Api.PutBucketVersioningCommand({ ...raw, VersioningConfiguration: { Status: "Suspended" } }));
    await s3.send(new s3Api.DeletePublicAccessBlockCommand(raw));
    await s3.send(
      new s3Api.PutBucketLifecycleConfigurationCommand({ ...raw, LifecycleConfiguration: { Rules: [theirRule] } }),
    );
    const Bucket = "acme-metadata-us-west-2";
    const { Rules = [] } = await s3.send(new s3Api.GetBucketLifecycleConfigurationCommand({ Bucket }));
    const everywhere = Rules.map((rule) => ({ ...rule, Filter: { Prefix: "" } }));
    await s3.send(
      new s3Api.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: everywhere } }),
    );
    await s3.send(
      new s3Api.PutBucketTaggingCommand({
        Bucket: "acme-validated-data-us-west-2",
        Tagging: {
          TagSet: [
            { Key: "managed-by", Value: "agent-provision" },
            { Key: "theirs", Value: "1" },
          ],
        },
      }),
    );
    await s3.send(
      new s3Api.PutBucketOwnershipControlsCommand({
        Bucket: "acme-metadata-us-west-2",
        OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] },
      }),
    );
    const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" as const } };
    await s3.send(
      new s3Api.PutBucketEncryptionCommand({
        Bucket: "acme-anomalies-data-us-west-2",
        ServerSideEncryptionConfiguration: { Rules: [rule] },
      }),
    );
    await iam.send(
      new iamApi.UpdateAssumeRolePolicyCommand({ RoleName: role, PolicyDocument: JSON.stringify(oldTrust) }),
    );
    const without = JSON.parse(
      decodeURIComponent(
        (await iam.send(new iamApi.GetRolePolicyCommand({ RoleName: role, PolicyName: "buckets" }))).PolicyDocument!,
      ),
    );
    without.Statement[0].Resource = without.Statement[0].Resource.filter((arn: string) => !arn.includes("aggregated"));
    await iam.send(
      new iamApi.PutRolePolicyCommand({
        RoleName: role,
        PolicyName: "buckets",
        PolicyDocument: JSON.stringify(without),
      }),
    );
    await iam.send(new iamApi.DeleteUserPolicyCommand({ UserName: user, PolicyName: "put-only" }));
  });
  const flags = ["--only", "aws", "--cost-tags", "team=ops", "--nodes", "edge-1,edge-2"];
  const plan = await world.run(["plan", ...flags]);
  const lines = plan.stdout.split("\n").filter((line) => !/tags: team: none -> ops$|^ {2}note /.test(line));
  expect(lines).toEqual([
    "~ update user acme-edge-us-west-2: policy put-only: is missing",
    "~ update bucket acme-raw-data-us-west-2: public access: not blocked -> blocked",
    "~ update bucket acme-raw-data-us-west-2: versioning: suspended -> on",
    "~ update bucket acme-raw-data-us-west-2: lifecycle: missing unfinished-uploads (after 7 d), missing old-versions (after 30 d)",
    "~ update bucket acme-anomalies-data-us-west-2: encryption: aws:kms -> AES256",
    "~ update bucket acme-metadata-us-west-2: object ownership: ObjectWriter -> BucketOwnerEnforced",
    "~ update bucket acme-metadata-us-west-2: lifecycle: differs old-heartbeats (below nodes/, after 1 d)",
    "~ update role acme-unity-catalog-us-west-2: trust policy: the role may not assume itself, which Databricks demands",
    "~ update role acme-unity-catalog-us-west-2: policy buckets: bucket acme-aggregated-data-us-west-2 missing",
    "18 to update, 1 as they should be.",
    "",
  ]);
  world.proxy.seen.length = 0;
  expect((await world.run(["apply", ...flags, "--yes"])).code).toBe(0);
  expect(
    writes()
      .filter((call) => !/Tag/.test(call))
      .sort(),
  ).toEqual([
    "iam PutRolePolicy",
    "iam PutUserPolicy",
    "iam UpdateAssumeRolePolicy",
    "s3 PutBucketEncryption acme-anomalies-data-us-west-2",
    "s3 PutBucketLifecycle acme-metadata-us-west-2",
    "s3 PutBucketLifecycle acme-raw-data-us-west-2",
    "s3 PutBucketOwnershipControls acme-metadata-us-west-2",
    "s3 PutBucketVersioning acme-raw-data-us-west-2",
    "s3 PutPublicAccessBlock acme-raw-data-us-west-2",
  ]);
  expect((await world.run(["plan", ...flags])).stdout).toEndWith("Nothing to do: 10 as they should be.\n");
  // What others made is still there.
  const { Rules } = await world.asRoot(() => s3.send(new s3Api.GetBucketLifecycleConfigurationCommand(raw)));
  expect(Rules?.map(({ ID }) => ID)).toContain(theirRule.ID);
  const tags = await world.asRoot(() =>
    s3.send(new s3Api.GetBucketTaggingCommand({ Bucket: "acme-validated-data-us-west-2" })),
  );
  expect(tags.TagSet).toContainEqual({ Key: "theirs", Value: "1" });
});

const theirRule = { ID: "theirs", Status: "Enabled" as const, Filter: { Prefix: "x/" }, Expiration: { Days: 9 } };
const oldTrust = {
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { AWS: "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL" },
      Condition: { StringEquals: { "sts:ExternalId": "0b0e5c0e-1111-4c6e-9d0e-000000000000" } },
    },
  ],
};

it("what has our name and is not ours stops the apply before anything is touched; --adopt takes it over", async () => {
  const { s3, s3Api, iam, iamApi } = world.root;
  const there = {
    Bucket: "acme-raw-data-us-west-2",
    CreateBucketConfiguration: { LocationConstraint: "us-west-2" as const },
  };
  const trust = JSON.stringify(oldTrust);
  await world.asRoot(async () => {
    await s3.send(new s3Api.CreateBucketCommand(there));
    await iam.send(new iamApi.CreateUserCommand({ UserName: "acme-edge-us-west-2" }));
    await iam.send(
      new iamApi.CreateRoleCommand({ RoleName: "acme-unity-catalog-us-west-2", AssumeRolePolicyDocument: trust }),
    );
  });
  const apply = await world.run(["apply", "--only", "aws", "--yes"]);
  expect(apply.code).toBe(1);
  for (const name of [
    "bucket acme-raw-data-us-west-2",
    "user acme-edge-us-west-2",
    "role acme-unity-catalog-us-west-2",
  ]) {
    expect(apply.stderr).toContain(`Cannot use ${name}: it is there already and has no tag managed-by=agent-provision`);
  }
  expect(writes()).toEqual([]);
  const destroy = await world.run(["destroy", "--only", "aws", "--yes"]);
  expect([destroy.code, writes()]).toEqual([1, []]);
  expect(destroy.stderr).toContain("Cannot destroy bucket acme-raw-data-us-west-2");
  expect((await world.run(["apply", "--only", "aws", "--yes", "--adopt"])).code).toBe(0);
  expect((await world.run(["plan", "--only", "aws"])).stdout).toEndWith("Nothing to do: 10 as they should be.\n");
});

it("a missing permission is named; what does not need it is done, and the next run does the rest", async () => {
  await world.allow((action) => !["iam:CreateRole", "s3:PutBucketVersioning", "iam:CreateUser"].includes(action));
  const apply = await world.run(["apply", "--only", "aws", "--yes", "--json"]);
  expect(apply.code).toBe(1);
  const { steps } = JSON.parse(apply.stdout);
  const told = steps.map(
    ({ resource, result, problem }: { resource: string; result: string; problem: null | { missing: string } }) =>
      [result, resource, problem?.missing ?? null].join(" "),
  );
  expect(told).toEqual([
    "failed user acme-edge-us-west-2 iam:CreateUser on arn:aws:iam::123456789012:user/acme-edge-us-west-2",
    "failed bucket acme-raw-data-us-west-2 s3:PutBucketVersioning on arn:aws:s3:::acme-raw-data-us-west-2",
    "done bucket acme-validated-data-us-west-2 ",
    "done bucket acme-anomalies-data-us-west-2 ",
    "done bucket acme-schematized-data-us-west-2 ",
    "done bucket acme-aggregated-data-us-west-2 ",
    "done bucket acme-checkpoints-us-west-2 ",
    "failed bucket acme-metadata-us-west-2 s3:PutBucketVersioning on arn:aws:s3:::acme-metadata-us-west-2",
    "failed role acme-unity-catalog-us-west-2 iam:CreateRole on arn:aws:iam::123456789012:role/acme-unity-catalog-us-west-2",
    "skipped access key of acme-edge-us-west-2 ",
  ]);
  expect(apply.stderr).toContain(
    "skipped create access key of acme-edge-us-west-2 was not touched: it needs user acme-edge-us-west-2",
  );
  await world.allow(() => true);
  expect((await world.run(["apply", "--only", "aws", "--yes"])).code).toBe(0);
  expect((await world.run(["plan", "--only", "aws"])).stdout).toEndWith("Nothing to do: 10 as they should be.\n");
});

it("the wrong account, no terminal and no credentials are said before anything is touched", async () => {
  const wrong = await world.run(["apply", "--only", "aws", "--yes"], { AGENT_AWS_ACCOUNT_ID: "111111111111" });
  expect([wrong.code, wrong.stderr]).toEqual([
    1,
    "Cannot provision: these credentials are of account 123456789012, not of 111111111111\nUse other credentials (AWS_PROFILE), or correct AGENT_AWS_ACCOUNT_ID if 123456789012 is the right account\nTry: aws sts get-caller-identity\n",
  ]);
  const live = await world.run(["check", "--live"], { AGENT_AWS_ACCOUNT_ID: "111111111111" }, "config");
  expect([live.code, live.stdout.split(". Use")[0]]).toEqual([1, wrong.stderr.split("\n")[0]!]);
  const fine = await world.run(["check", "--live", "--json"], {}, "config");
  expect(JSON.parse(fine.stdout)).toMatchObject({ ok: true, live: { aws: { account: "123456789012" } } });
  const unattended = await world.run(["apply", "--only", "aws"]);
  expect(unattended.code).toBe(2);
  expect(unattended.stderr).toContain("Try: agent provision apply --only aws --yes\n");
  const unknown = await world.run(["plan", "--only", "aws"], { AWS_ACCESS_KEY_ID: "AKIAWRONG" });
  expect([unknown.code, writes()]).toEqual([1, []]);
  expect(unknown.stderr).toContain("Try: aws sts get-caller-identity");
});
