/** What a policy that is not ours says beyond ours, in words: judged purely. */
import { expect, test } from "bun:test";
import { edgePolicy, unityPolicy } from "./policies.ts";
import type { Policy } from "./policy-json.ts";
import { powersOf } from "./powers.ts";

const NAMING = { prefix: "acme", region: "us-west-2" };
const ACCOUNT = { accountId: "123456789012", partition: "aws" };
const EDGE = edgePolicy(NAMING, "aws", { nodes: "*", kmsKeyArn: null });
const UNITY = unityPolicy("acme-unity-catalog-us-west-2", ACCOUNT, NAMING, { fileEvents: false, kmsKeyArn: null });
const RAW = "arn:aws:s3:::acme-raw-data-us-west-2";

type Said = readonly [level: string, text: string];
function said(Statement: unknown, own: Policy = EDGE): Said {
  const { level, text } = powersOf({ Version: "2012-10-17", Statement } as never, own, NAMING);
  return [level, text];
}

test("what it allows is named: an administrator, actions on our buckets, and other actions", () => {
  const cases: readonly (readonly [statement: unknown, ...Said])[] = [
    [{ Effect: "Allow", Action: "*", Resource: "*" }, "warning", "allows everything, as an administrator"],
    [
      { Effect: "Allow", NotAction: ["iam:*", "sts:*"], Resource: ["*"] },
      "warning",
      "allows everything but iam:*, sts:*",
    ],
    [{ Effect: "Allow", Action: "s3:*", Resource: "*" }, "warning", "allows s3:* on our buckets"],
    [
      { Effect: "Allow", Action: ["s3:GetObject"], Resource: `${RAW}/*` },
      "warning",
      "allows s3:GetObject on our buckets",
    ],
    [
      { Effect: "Allow", Action: "s3:Get*", Resource: "arn:aws:s3:::acme-*/*" },
      "warning",
      "allows s3:Get* on our buckets",
    ],
    [{ Effect: "Allow", Action: "s3:Get*", Resource: "arn:aws:s3:::other/*" }, "warning", "allows s3:Get*"],
    [
      [
        { Effect: "Allow", Action: ["ssm:a", "ssm:b", "ssm:c", "ssm:d", "ssm:e"], Resource: "*" },
        { Effect: "Allow", Action: "s3:ListBucket", Resource: RAW },
      ],
      "warning",
      "allows s3:ListBucket on our buckets, and ssm:a, ssm:b, ssm:c, ssm:d, …",
    ],
    [
      { Effect: "Allow", Action: "s3:GetObject", NotResource: "arn:aws:s3:::other/*" },
      "warning",
      "allows s3:GetObject on our buckets",
    ],
  ];
  for (const [statement, level, text] of cases)
    expect([statement, ...said(statement)]).toEqual([statement, level, text]);
});

test("what our own policy allows too is nothing beyond ours; a narrower condition changes nothing", () => {
  const none: Said = ["note", "allows nothing beyond ours"];
  const put = { Effect: "Allow", Action: "s3:PutObject" };
  expect(said({ ...put, Resource: `${RAW}/date=*/hour=*/edge-1/*` })).toEqual(none);
  expect(said({ ...put, Action: "S3:putobject", Resource: [`${RAW}/date=2026-01-01/hour=00/edge-1/*`] })).toEqual(none);
  expect(said({ ...put, Resource: `${RAW}/*` })).toEqual(["warning", "allows s3:PutObject on our buckets"]);
  expect(said({ ...put, Action: "s3:Put*", Resource: `${RAW}/date=*/hour=*/x/*` })[0]).toBe("warning");
  expect(said({ Effect: "Allow", Action: ["s3:GetObject", "s3:PutObject"], Resource: `${RAW}/*` }, UNITY)).toEqual(
    none,
  );
});

test("what it denies is a note, and a warning where it refuses what our own policy allows", () => {
  const deny = (more: object) => ({ Effect: "Deny", Resource: "*", ...more });
  expect(said(deny({ Action: "iam:*" }))).toEqual(["note", "denies iam:*"]);
  expect(said(deny({ Action: "s3:PutObject" }))).toEqual(["warning", "denies s3:PutObject, which our policy allows"]);
  expect(said(deny({ Action: "s3:*", Resource: `${RAW}/archive/*` }))).toEqual(["note", "denies s3:*"]);
  expect(said(deny({ NotAction: "s3:ListBucket" }))).toEqual([
    "warning",
    "denies everything but s3:ListBucket, which our policy allows",
  ]);
  expect(said(deny({ Action: "s3:PutObject", Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }))).toEqual([
    "note",
    "denies s3:PutObject where aws:SourceIp says so",
  ]);
  expect(said([deny({ Action: "iam:*" }), { Effect: "Allow", Action: "*", Resource: "*" }])).toEqual([
    "warning",
    "allows everything, as an administrator; denies iam:*",
  ]);
});
