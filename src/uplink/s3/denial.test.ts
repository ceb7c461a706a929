import { expect, test } from "bun:test";
import { denialIn } from "./denial.ts";

const CALL = { action: "s3:PutObject", on: "arn:aws:s3:::acme/*" };
const ME = 'User: arn:aws:iam::1:user/n is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k"';

test("a permission that is missing is only that, in AWS's words or in ours", () => {
  for (const [message, what] of [
    ["Access Denied", "s3:PutObject on arn:aws:s3:::acme/*"],
    [`${ME} because no identity-based policy allows the s3:GetObject action`, "s3:GetObject on arn:aws:s3:::b/k"],
    [`${ME} because no resource-based policy allows the s3:GetObject action`, "s3:GetObject on arn:aws:s3:::b/k"],
    ["User: me is not authorized to perform: iam:CreateRole on resource: arn:of:it", "iam:CreateRole on arn:of:it"],
    [
      "User: arn:aws:iam::1:user/n is not authorized to perform: kms:GenerateDataKey on this resource",
      "kms:GenerateDataKey on the KMS key that encrypts the bucket",
    ],
    [
      "User: arn:aws:iam::1:user/n is not authorized to perform: kms:Decrypt on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
      "kms:Decrypt on the KMS key that encrypts the bucket",
    ],
  ] as const) {
    expect([message, denialIn(message, CALL)]).toEqual([
      message,
      { missing: what, because: `${what} is missing`, advice: null },
    ]);
  }
});

test("an explicit deny is not a missing permission: its policy is named, and who can change it", () => {
  for (const [policy, kind, advice] of [
    ["a service control policy", "service control policy", /organization/],
    ["a service control policy: arn:aws:organizations::1:policy/o-1/p-1", "service control policy", /organization/],
    ["a permissions boundary", "permissions boundary", /boundary/],
    ["a resource control policy", "resource control policy", /organization/],
    ["a session policy", "session policy", /session/],
    ["a VPC endpoint policy", "VPC endpoint policy", /endpoint/],
    ["a resource-based policy", "resource-based policy", /owner/],
    ["an identity-based policy", "identity-based policy", /No further permission/],
  ] as const) {
    const denial = denialIn(`${ME} with an explicit deny in ${policy}`, CALL);
    expect([policy, denial.because.replace(/^an? /, "")]).toEqual([
      policy,
      `${kind} denies s3:GetObject on arn:aws:s3:::b/k`,
    ]);
    expect(denial.missing).toStartWith("an exception from the explicit deny of s3:GetObject on arn:aws:s3:::b/k in a");
    expect(denial.advice).toMatch(advice);
  }
});

test("the limit of a boundary or an organization says where the permission is missing", () => {
  expect(denialIn(`${ME} because no permissions boundary allows the s3:GetObject action`, CALL)).toEqual({
    missing: "s3:GetObject on arn:aws:s3:::b/k in a permissions boundary",
    because: "no permissions boundary allows s3:GetObject on arn:aws:s3:::b/k",
    advice: expect.stringContaining("an admin of IAM can change it"),
  });
  const scp = denialIn(`${ME} because no service control policy allows the s3:GetObject action`, CALL);
  expect(scp.because).toBe("no service control policy allows s3:GetObject on arn:aws:s3:::b/k");
});
