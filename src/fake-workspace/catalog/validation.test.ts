/**
 * Validation against the role that AWS really has (moto's IAM and S3): the trust policy decides, and a wrong one is reported over a 200.
 */
import { afterAll, beforeAll, beforeEach, expect } from "bun:test";
import { join } from "node:path";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { canRun, testWith } from "../../testing/needs.ts";
import { type S3Server, startS3Server } from "../../testing/s3-server.ts";
import { type Ask, askOf, UC } from "../wire/ask.ts";
import type { Workspace } from "../wire/port.ts";
import { startWorkspace } from "../wire/workspace.ts";

const ROLE = "lake-role";
const ROLE_ARN = `arn:aws:iam::123456789012:role/${ROLE}`;
const MASTER = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL";
const BUCKETS = ["acme-raw", "acme-validated"];

const hasMoto = canRun("moto");
const awsTest = testWith("moto");
let moto: S3Server;
let iam: IAMClient;
let workspace: Workspace;
let ask: Ask;

beforeAll(async () => {
  if (!hasMoto) return;
  moto = await startS3Server("moto");
  const credentials = { accessKeyId: "test-access-key", secretAccessKey: "test-secret-key" };
  iam = new IAMClient({ region: "us-east-1", endpoint: moto.endpoint, credentials });
  const s3 = await moto.client();
  for (const Bucket of BUCKETS) await s3.send(new CreateBucketCommand({ Bucket }));
  s3.destroy();
  workspace = await startWorkspace({ awsEndpoint: moto.endpoint });
  ask = askOf(workspace);
});
beforeEach(async () => {
  if (!hasMoto) return;
  workspace.reset();
  workspace.set({ validationsThatFailFirst: 0 });
  await forgetRole();
});
afterAll(async () => {
  if (!hasMoto) return;
  iam.destroy();
  await workspace.stop();
  await moto.stop();
});

async function forgetRole(): Promise<void> {
  try {
    await iam.send(new DeleteRolePolicyCommand({ RoleName: ROLE, PolicyName: "lake" }));
  } catch {
    // It had none.
  }
  try {
    await iam.send(new DeleteRoleCommand({ RoleName: ROLE }));
  } catch {
    // It was not there.
  }
}

const both = (externalId: string) => ({ StringEquals: { "sts:ExternalId": externalId } });
/** docs.databricks.com, external locations on S3: the role names itself. */
const listForm = (externalId: string) => [
  { Effect: "Allow", Principal: { AWS: [MASTER, ROLE_ARN] }, Action: "sts:AssumeRole", Condition: both(externalId) },
];
/** terraform-provider-databricks aws/data_aws_unity_catalog_assume_role_policy.go. */
const rootForm = (externalId: string) => [
  {
    Sid: "UnityCatalogAssumeRole",
    Effect: "Allow",
    Action: "sts:AssumeRole",
    Principal: { AWS: MASTER },
    Condition: both(externalId),
  },
  {
    Sid: "ExplicitSelfRoleAssumption",
    Effect: "Allow",
    Action: "sts:AssumeRole",
    Principal: { AWS: "arn:aws:iam::123456789012:root" },
    Condition: { ArnLike: { "aws:PrincipalArn": ROLE_ARN }, ...both(externalId) },
  },
];
/** terraform-provider-databricks aws/data_aws_unity_catalog_policy.go. */
const permissions = (buckets: readonly string[], self = true) => [
  {
    Effect: "Allow",
    Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketLocation"],
    Resource: buckets.flatMap((name) => [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`]),
  },
  ...(self ? [{ Effect: "Allow", Action: ["sts:AssumeRole"], Resource: [ROLE_ARN] }] : []),
];

async function makeRole(trust: object[], policy: object[]): Promise<void> {
  const text = (Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
  await iam.send(new CreateRoleCommand({ RoleName: ROLE, AssumeRolePolicyDocument: text(trust) }));
  await iam.send(new PutRolePolicyCommand({ RoleName: ROLE, PolicyName: "lake", PolicyDocument: text(policy) }));
}

async function makeCredential(): Promise<string> {
  const body = { name: "lake", aws_iam_role: { role_arn: ROLE_ARN }, skip_validation: true };
  const made = await ask(`POST ${UC}/storage-credentials`, body);
  return (made.body["aws_iam_role"] as { external_id: string }).external_id;
}

async function validate(more: object = { url: "s3://acme-raw" }): Promise<Readonly<Record<string, string>>> {
  const answer = await ask(`POST ${UC}/validate-storage-credentials`, { storage_credential_name: "lake", ...more });
  expect(answer.status).toBe(200);
  const results = answer.body["results"] as { operation: string; result: string }[];
  return Object.fromEntries(results.map(({ operation, result }) => [operation, result]));
}
const ALL = (result: string) => ({ READ: result, LIST: result, WRITE: result, DELETE: result, PATH_EXISTS: result });

awsTest("both documented trust policies pass; a role that is not there yet fails over a 200", async () => {
  const externalId = await makeCredential();
  expect(await validate()).toEqual(ALL("FAIL"));
  for (const form of [listForm, rootForm]) {
    await makeRole(form(externalId), permissions(BUCKETS));
    expect(await validate()).toEqual(ALL("PASS"));
    await forgetRole();
  }
});

awsTest("a wrong external id, no external id, another principal, no self-assumption: each fails", async () => {
  const externalId = await makeCredential();
  const selfless = [
    { Effect: "Allow", Principal: { AWS: MASTER }, Action: "sts:AssumeRole", Condition: both(externalId) },
  ];
  const open = [{ Effect: "Allow", Principal: { AWS: [MASTER, ROLE_ARN] }, Action: "sts:AssumeRole" }];
  const stranger = listForm(externalId).map((one) => ({
    ...one,
    Principal: { AWS: "arn:aws:iam::999999999999:root" },
  }));
  const wrong: [object[], object[]][] = [
    [listForm("another-id"), permissions(BUCKETS)],
    [open, permissions(BUCKETS)],
    [stranger, permissions(BUCKETS)],
    [selfless, permissions(BUCKETS)],
    [rootForm(externalId), permissions(BUCKETS, false)],
  ];
  for (const [trust, policy] of wrong) {
    await makeRole(trust, policy);
    expect(await validate()).toEqual(ALL("FAIL"));
    await forgetRole();
  }
});

awsTest("a bucket that the role's policy leaves out fails, and so does one that does not exist", async () => {
  const externalId = await makeCredential();
  await makeRole(rootForm(externalId), permissions(["acme-raw", "acme-none"]));
  expect(await validate({ url: "s3://acme-validated" })).toEqual(ALL("FAIL"));
  expect(await validate({ url: "s3://acme-none" })).toEqual(ALL("FAIL"));
});

awsTest(
  "a try that may not write says of an empty place that there is no file to read; one that may write passes",
  async () => {
    await makeRole(rootForm(await makeCredential()), permissions(BUCKETS));
    const place = { url: "s3://acme-validated/empty", read_only: true };
    const all = { ...ALL("PASS"), WRITE: "SKIP", DELETE: "SKIP" };
    expect(await validate(place)).toEqual({ ...all, READ: "FAIL" });
    expect(await validate({ url: place.url })).toEqual(ALL("PASS"));
    const location = {
      name: "ro",
      credential_name: "lake",
      url: place.url,
      read_only: true,
      enable_file_events: false,
    };
    expect(await ask(`POST ${UC}/external-locations`, location)).toMatchObject({
      status: 403,
      body: {
        message:
          `AWS IAM role does not have READ permissions on url ${place.url}. Please contact your account admin to update ` +
          "the storage credential. No file available under the location to read.",
      },
    });
    workspace.set({ emptyPlacesFailToRead: false });
    expect(await validate(place)).toEqual(all);
    workspace.set({ emptyPlacesFailToRead: true });
  },
);

awsTest("IAM takes its time: the first validations fail whatever the role is", async () => {
  workspace.set({ validationsThatFailFirst: 2 });
  await makeRole(rootForm(await makeCredential()), permissions(BUCKETS));
  expect(await validate()).toEqual(ALL("FAIL"));
  expect(await validate()).toEqual(ALL("FAIL"));
  expect(await validate()).toEqual(ALL("PASS"));
});

awsTest("a url that overlaps a location is a 400, unless that location is named with it", async () => {
  await makeRole(rootForm(await makeCredential()), permissions(BUCKETS));
  const location = { name: "raw", credential_name: "lake", url: "s3://acme-raw", enable_file_events: false };
  expect(await ask(`POST ${UC}/external-locations`, location)).toMatchObject({ status: 200 });
  const body = { storage_credential_name: "lake", url: "s3://acme-raw/" };
  expect(await ask(`POST ${UC}/validate-storage-credentials`, body)).toMatchObject({
    status: 400,
    body: { error_code: "INVALID_PARAMETER_VALUE", message: expect.stringContaining("overlaps") },
  });
  expect(await validate({ external_location_name: "raw" })).toEqual(ALL("PASS"));
  // The check before a url is repaired: the new url, with the location that drifted.
  expect(await validate({ url: "s3://acme-raw/", external_location_name: "raw" })).toEqual(ALL("PASS"));
  expect(await validate({ url: "s3://acme-validated", external_location_name: "raw" })).toEqual(ALL("PASS"));
});

awsTest("a location, and a credential, that is made without skip_validation is checked", async () => {
  const externalId = await makeCredential();
  const location = { name: "raw", credential_name: "lake", url: "s3://acme-raw", enable_file_events: false };
  const refused = { status: 403, body: { error_code: "PERMISSION_DENIED" } };
  expect(await ask(`POST ${UC}/external-locations`, location)).toMatchObject({
    ...refused,
    body: { message: expect.stringContaining("AWS IAM role does not have READ permissions on url s3://acme-raw") },
  });
  const other = { name: "other", aws_iam_role: { role_arn: ROLE_ARN } };
  expect(await ask(`POST ${UC}/storage-credentials`, other)).toMatchObject(refused);
  await makeRole(rootForm(externalId), permissions(BUCKETS));
  expect(await ask(`POST ${UC}/external-locations`, location)).toMatchObject({ status: 200 });
});

awsTest("a workspace that is a process of its own asks the same AWS", async () => {
  const main = [process.execPath, join(import.meta.dir, "../wire/main.ts"), "--iam-endpoint", moto.endpoint];
  const child = Bun.spawn(main, { stdin: "pipe", stdout: "pipe", env: { PATH: process.env["PATH"] ?? "" } });
  const { value } = await child.stdout.getReader().read();
  const { url } = JSON.parse(new TextDecoder().decode(value)) as { url: string };
  const mine = ask;
  ask = askOf({ ...workspace, url });
  await makeRole(rootForm(await makeCredential()), permissions(BUCKETS));
  expect(await validate()).toEqual(ALL("PASS"));
  ask = mine;
  child.stdin.end();
  expect(await child.exited).toBe(0);
});

awsTest("file events are in effect only where the role has what they need", async () => {
  const externalId = await makeCredential();
  const events = {
    Effect: "Allow",
    Action: ["s3:PutBucketNotification", "sns:CreateTopic", "sqs:CreateQueue"],
    Resource: ["arn:aws:s3:::acme-raw", "arn:aws:sqs:*:123456789012:csms-*", "arn:aws:sns:*:123456789012:csms-*"],
  };
  await makeRole(rootForm(externalId), [...permissions(BUCKETS), events]);
  const make = async (name: string) => {
    const queue = { enable_file_events: true, file_event_queue: { managed_sqs: {} } };
    const answer = await ask(`POST ${UC}/external-locations`, {
      name,
      credential_name: "lake",
      url: `s3://${name}`,
      ...queue,
    });
    return answer.body["effective_enable_file_events"];
  };
  expect(await make("acme-raw")).toBe(true);
  expect(await make("acme-validated")).toBe(false);
});
