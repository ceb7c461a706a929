/** Policies as AWS documents their evaluation: allow, deny, wildcards, conditions. */
import { expect, test } from "bun:test";
import { may, whyNotAssumable } from "./role-judge.ts";

const ARN = "arn:aws:iam::123456789012:role/lake";
const MASTER = "arn:aws:iam::414351767826:role/master";
const role = (...policies: object[]) => ({
  arn: ARN,
  trust: {},
  policies: policies.map((Statement) => ({ Statement })),
});
const allow = (Action: string | string[], Resource: string | string[]) => ({ Effect: "Allow", Action, Resource });

test("actions match without case and with wildcards, resources with case", () => {
  expect(may(role(allow("S3:Get*", "arn:aws:s3:::a/*")), "s3:GetObject", "arn:aws:s3:::a/b/c")).toBe(true);
  expect(may(role(allow("s3:Get?bject", "*")), "s3:GetObject", "arn:aws:s3:::a/b")).toBe(true);
  expect(may(role(allow("s3:GetObject", "arn:aws:s3:::A/*")), "s3:GetObject", "arn:aws:s3:::a/b")).toBe(false);
  expect(may(role(allow("s3:GetObject", "arn:aws:s3:::a")), "s3:GetObject", "arn:aws:s3:::a/b")).toBe(false);
});

test("a Deny wins over every Allow, and what NotAction and NotResource leave out is not meant", () => {
  const deny = { Effect: "Deny", Action: "s3:DeleteObject", Resource: "*" };
  expect(may(role(allow("s3:*", "*"), deny), "s3:DeleteObject", "arn:aws:s3:::a/b")).toBe(false);
  expect(may(role(allow("s3:*", "*"), deny), "s3:PutObject", "arn:aws:s3:::a/b")).toBe(true);
  const but = { Effect: "Allow", NotAction: "iam:*", NotResource: "arn:aws:s3:::secret/*" };
  expect(may(role(but), "s3:GetObject", "arn:aws:s3:::a/b")).toBe(true);
  expect(may(role(but), "iam:GetRole", "arn:aws:s3:::a/b")).toBe(false);
  expect(may(role(but), "s3:GetObject", "arn:aws:s3:::secret/b")).toBe(false);
});

test("a condition that is not known lets no one in", () => {
  const condition = { Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } };
  expect(may(role({ ...allow("s3:*", "*"), ...condition }), "s3:GetObject", "arn:aws:s3:::a/b")).toBe(false);
});

test("self-assumption through the account's root is limited to the role by aws:PrincipalArn", () => {
  const trustOf = (arn: string) => ({
    Statement: [
      {
        Effect: "Allow",
        Action: "sts:AssumeRole",
        Principal: { AWS: MASTER },
        Condition: { StringEquals: { "sts:ExternalId": "x" } },
      },
      {
        Effect: "Allow",
        Action: "sts:AssumeRole",
        Principal: { AWS: "arn:aws:iam::123456789012:root" },
        Condition: { ArnLike: { "aws:PrincipalArn": arn }, StringEquals: { "sts:ExternalId": "x" } },
      },
    ],
  });
  const self = { Statement: [allow("sts:AssumeRole", ARN)] };
  expect(whyNotAssumable({ arn: ARN, trust: trustOf(ARN), policies: [self] }, MASTER, "x")).toBeNull();
  const other = { arn: ARN, trust: trustOf(`${ARN}-other`), policies: [self] };
  expect(whyNotAssumable(other, MASTER, "x")).toContain("non self-assuming");
  expect(whyNotAssumable({ arn: ARN, trust: trustOf(ARN), policies: [] }, MASTER, "x")).toContain("non self-assuming");
  expect(whyNotAssumable({ arn: ARN, trust: trustOf(ARN), policies: [self] }, MASTER, "y")).toContain("not authorized");
});
