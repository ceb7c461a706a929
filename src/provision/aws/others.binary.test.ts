/** Drift that others make: plan names each kind, says whether apply repairs it, and apply leaves what is not ours. */
import { expect, setDefaultTimeout } from "bun:test";
import { accountState } from "../../testing/provision/account-state.ts";
import { testsInAccount } from "../../testing/provision/tests.ts";
import type { ProvisionWorld } from "../../testing/provision/world.ts";
import type { Aws } from "./clients.ts";

setDefaultTimeout(1_800_000);

let world: ProvisionWorld;
const it = testsInAccount((made) => {
  world = made;
});

const USER = "acme-edge-us-west-2";
const ROLE = "acme-unity-catalog-us-west-2";
const METADATA = "acme-metadata-us-west-2";
const RAW = "acme-raw-data-us-west-2";
const PLAN = ["plan", "--only", "aws"];
const APPLY = ["apply", "--only", "aws", "--yes"];
const policy = (Effect: string, Action: string) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect, Action, Resource: "*" }] });

type Drift = { readonly what: string; readonly make: (aws: Aws) => Promise<unknown>; readonly line: string };
const DRIFTS: readonly Drift[] = [
  {
    what: "an inline policy of a user",
    make: ({ iam, iamApi }) =>
      iam.send(
        new iamApi.PutUserPolicyCommand({
          UserName: USER,
          PolicyName: "more",
          PolicyDocument: policy("Allow", "s3:*"),
        }),
      ),
    line: `! warning user ${USER}: policy more, which is not ours, allows s3:* on our buckets`,
  },
  {
    what: "an inline policy that only denies",
    make: ({ iam, iamApi }) =>
      iam.send(
        new iamApi.PutUserPolicyCommand({
          UserName: USER,
          PolicyName: "less",
          PolicyDocument: policy("Deny", "iam:*"),
        }),
      ),
    line: `  note user ${USER}: policy less, which is not ours, denies iam:*`,
  },
  {
    what: "a group",
    make: async ({ iam, iamApi }) => {
      await iam.send(new iamApi.CreateGroupCommand({ GroupName: "admins" }));
      await iam.send(new iamApi.AddUserToGroupCommand({ GroupName: "admins", UserName: USER }));
    },
    line: `! warning user ${USER}: it is in group admins, whose policies may allow more`,
  },
  {
    what: "attached policies of a role, and its boundary",
    make: async ({ iam, iamApi }) => {
      const { Policy } = await iam.send(
        new iamApi.CreatePolicyCommand({ PolicyName: "wide", PolicyDocument: policy("Allow", "*") }),
      );
      await iam.send(new iamApi.AttachRolePolicyCommand({ RoleName: ROLE, PolicyArn: Policy!.Arn! }));
      await iam.send(
        new iamApi.PutRolePermissionsBoundaryCommand({ RoleName: ROLE, PermissionsBoundary: Policy!.Arn! }),
      );
    },
    line: `! warning role ${ROLE}: policy arn:aws:iam::123456789012:policy/wide, which is not ours, allows everything, as an administrator`,
  },
  {
    what: "a lifecycle rule that deletes tables",
    make: async ({ s3, s3Api }) => {
      const { Rules = [] } = await s3.send(new s3Api.GetBucketLifecycleConfigurationCommand({ Bucket: METADATA }));
      const rule = { ID: "retention", Status: "Enabled" as const, Filter: { Prefix: "" }, Expiration: { Days: 30 } };
      const LifecycleConfiguration = { Rules: [...Rules, rule] };
      await s3.send(new s3Api.PutBucketLifecycleConfigurationCommand({ Bucket: METADATA, LifecycleConfiguration }));
    },
    line: `! warning bucket ${METADATA}: lifecycle rule "retention", which is not ours, deletes all objects after 30 d: tables lose their files`,
  },
  {
    what: "a deny in a bucket's policy",
    make: ({ s3, s3Api }) => {
      const Statement = [
        { Sid: "Theirs", Effect: "Deny", Principal: "*", Action: "s3:PutObject", Resource: `arn:aws:s3:::${RAW}/*` },
      ];
      const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
      return s3.send(new s3Api.PutBucketPolicyCommand({ Bucket: RAW, Policy }));
    },
    line: `! warning bucket ${RAW}: bucket policy: statement Theirs, which is not ours, denies s3:PutObject`,
  },
];

it("each kind is named by plan with what undoes it; apply leaves it and says so; verify is not content", async () => {
  for (const { what, make, line } of DRIFTS) {
    await world.reset();
    expect((await world.run(APPLY)).code).toBe(0);
    await world.asRoot<unknown>(() => make(world.root));
    const before = await accountState(world);
    const plan = await world.run(PLAN);
    expect([what, plan.code, plan.stdout.split("\n")]).toEqual([what, 0, expect.arrayContaining([line])]);
    const apply = await world.run(APPLY);
    expect([what, apply.code, await accountState(world)]).toEqual([what, 0, before]);
    if (!line.startsWith("!")) continue;
    expect([what, plan.stdout]).toEqual([
      what,
      expect.stringMatching(/Nothing to do: 9 as they should be, 1 with a warning\.\n$/),
    ]);
    expect([what, apply.stderr]).toEqual([what, expect.stringContaining(`${line}\n`)]);
    const { remarks } = JSON.parse((await world.run([...PLAN, "--json"])).stdout);
    expect([what, remarks.find(({ level }: { level: string }) => level === "warning").try]).toEqual([
      what,
      expect.stringMatching(/^aws (iam|s3api) [a-z-]+ --/),
    ]);
    const verify = await world.run(["verify", "--only", "aws", "--json"]);
    expect([what, verify.code, JSON.parse(verify.stdout).ok]).toEqual([what, 1, false]);
  }
});

it("an attached policy is judged by its default version, as an inline one is; what may not be read is said", async () => {
  await world.reset();
  expect((await world.run(APPLY)).code).toBe(0);
  const { iam, iamApi } = world.root;
  const attached = async (PolicyName: string, document: string) => {
    const { Policy } = await iam.send(new iamApi.CreatePolicyCommand({ PolicyName, PolicyDocument: document }));
    await iam.send(new iamApi.AttachUserPolicyCommand({ UserName: USER, PolicyArn: Policy!.Arn! }));
    return Policy!.Arn!;
  };
  await world.asRoot(async () => {
    const PolicyArn = await attached("grown", policy("Deny", "iam:*"));
    const PolicyDocument = policy("Allow", "s3:GetObject");
    await iam.send(new iamApi.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }));
    await attached("less", policy("Deny", "iam:*"));
    await iam.send(
      new iamApi.PutUserPolicyCommand({
        UserName: USER,
        PolicyName: "stop",
        PolicyDocument: policy("Deny", "s3:PutObject"),
      }),
    );
  });
  const arn = "arn:aws:iam::123456789012:policy";
  const lines = async () =>
    (await world.run(PLAN)).stdout.split("\n").filter((line) => line.includes("which is not ours"));
  expect(await lines()).toEqual([
    `! warning user ${USER}: policy stop, which is not ours, denies s3:PutObject, which our policy allows`,
    `! warning user ${USER}: policy ${arn}/grown, which is not ours, allows s3:GetObject on our buckets`,
    `  note user ${USER}: policy ${arn}/less, which is not ours, denies iam:*`,
  ]);
  await world.allow((action) => action !== "iam:GetPolicy");
  expect(await lines()).toEqual([
    `! warning user ${USER}: policy stop, which is not ours, denies s3:PutObject, which our policy allows`,
    ...["grown", "less"].map((name) => {
      const what = `policy ${arn}/${name}, which is not ours, is attached`;
      return `! warning user ${USER}: ${what}, and what it allows could not be read (iam:GetPolicy on ${arn}/${name})`;
    }),
  ]);
  expect((await world.run(PLAN)).stdout).toContain("1 with a warning.");
  await world.allow(() => true);
});

it("a trust policy that is open to everyone is said in words, and repaired with the external id that is there", async () => {
  await world.reset();
  expect((await world.run(APPLY)).code).toBe(0);
  const { iam, iamApi } = world.root;
  const trustOf = async () => {
    const { Role } = await world.asRoot(() => iam.send(new iamApi.GetRoleCommand({ RoleName: ROLE })));
    return JSON.parse(decodeURIComponent(Role!.AssumeRolePolicyDocument!));
  };
  const given = await trustOf();
  const id = "0b0e5c0e-1111-4c6e-9d0e-000000000000";
  const right = JSON.parse(JSON.stringify(given).replaceAll('0000"', `${id}"`));
  const open = { Effect: "Allow", Action: "sts:AssumeRole", Principal: "*" };
  for (const [Statement, because] of [
    [
      [...right.Statement, { ...open, Principal: { AWS: "*" } }],
      "open to *: anyone in any AWS account may assume the role",
    ],
    [
      [...right.Statement, { ...open, Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } }],
      "open to *: anyone who meets aws:PrincipalOrgID may assume the role",
    ],
  ] as const) {
    const PolicyDocument = JSON.stringify({ ...right, Statement });
    await world.asRoot(() => iam.send(new iamApi.UpdateAssumeRolePolicyCommand({ RoleName: ROLE, PolicyDocument })));
    expect((await world.run(PLAN)).stdout).toContain(`~ update role ${ROLE}: trust policy: ${because}\n`);
    expect((await world.run(APPLY)).code).toBe(0);
    expect(await trustOf()).toEqual(right);
  }
});
