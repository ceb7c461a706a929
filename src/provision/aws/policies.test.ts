/** The policies, letter by letter: what Databricks and AWS ask for, and what stays under IAM's limits. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BUCKET_USES, bucketName, edgeName, unityRoleName } from "../names.ts";
import * as policies from "./policies.ts";
import { canonical, policyLength } from "./policy-json.ts";

const ACCOUNT = { accountId: "123456789012", partition: "aws" };
const ACME = { prefix: "acme", region: "us-west-2" };
/** The longest that the settings take, in the region with the longest name. */
const LONGEST = { prefix: "p".repeat(31), region: "ap-northeast-1" };
const KEY = `arn:aws:kms:us-west-2:123456789012:key/${"a".repeat(36)}`;
const told = { externalId: "the-external-id", unityCatalogIamArn: policies.DATABRICKS_ROLE_ARN };

const golden = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dir, "../golden", `${name}.json`), "utf8")) as unknown;

test("the trust policy of Unity Catalog's role", () => {
  expect(policies.unityTrustPolicy(unityRoleName(ACME), ACCOUNT, told)).toEqual(golden("unity-trust") as never);
});

test("the policy of Unity Catalog's role: plain, and with file events and a key", () => {
  const name = unityRoleName(ACME);
  const plain = { fileEvents: false, kmsKeyArn: null };
  expect(policies.unityPolicy(name, ACCOUNT, ACME, plain)).toEqual(golden("unity-policy") as never);
  const all = { fileEvents: true, kmsKeyArn: KEY };
  expect(policies.unityPolicy(name, ACCOUNT, ACME, all)).toEqual(golden("unity-policy-all") as never);
});

test("the edge's policy: any node, and two by name", () => {
  const any = policies.edgePolicy(ACME, "aws", { nodes: "*", kmsKeyArn: null });
  expect(any).toEqual(golden("edge-policy") as never);
  const two = policies.edgePolicy(ACME, "aws", { nodes: ["edge-1", "edge-2"], kmsKeyArn: KEY });
  expect(two).toEqual(golden("edge-policy-nodes") as never);
});

test("the statement that makes a bucket refuse what could overwrite", () => {
  const statement = policies.writeOnceStatement("acme-raw-data-us-west-2", ACCOUNT, unityRoleName(ACME));
  expect(statement).toEqual(golden("write-once") as never);
});

test("names and policies stay within the limits of AWS for the longest prefix and region", () => {
  for (const use of BUCKET_USES) expect(bucketName(use, LONGEST).length).toBeLessThanOrEqual(63);
  const role = unityRoleName(LONGEST);
  expect(role.length).toBeLessThanOrEqual(64);
  expect(edgeName(LONGEST).length).toBeLessThanOrEqual(64);
  const all = { fileEvents: true, kmsKeyArn: KEY };
  expect(policyLength(policies.unityPolicy(role, ACCOUNT, LONGEST, all))).toBeLessThanOrEqual(10_240);
  expect(policyLength(policies.unityTrustPolicy(role, ACCOUNT, told))).toBeLessThanOrEqual(2_048);
  for (const nodes of ["*", ["n".repeat(64)]] as const) {
    expect(policyLength(policies.edgePolicy(LONGEST, "aws", { nodes, kmsKeyArn: KEY }))).toBeLessThanOrEqual(2_048);
  }
});

test("in GovCloud and China every ARN has its own partition", () => {
  const gov = { accountId: "123456789012", partition: "aws-us-gov" };
  const texts = [
    policies.unityPolicy("r", gov, ACME, { fileEvents: true, kmsKeyArn: null }),
    policies.edgePolicy(ACME, gov.partition, { nodes: "*", kmsKeyArn: null }),
    policies.unityTrustPolicy("r", gov, { ...told, unityCatalogIamArn: "arn:aws-us-gov:iam::1:role/x" }),
  ].map((policy) => JSON.stringify(policy));
  for (const text of texts) expect(text).not.toContain("arn:aws:");
});

test("policies that say the same are the same: order, and a list of one, do not matter", () => {
  const a = { Statement: [{ Action: ["x", "y"], Resource: "r" }, { Action: "z" }] };
  const b = { Statement: [{ Action: ["z"] }, { Resource: ["r"], Action: ["y", "x"] }] };
  expect(canonical(a)).toBe(canonical(b));
  expect(canonical(a)).not.toBe(canonical({ Statement: [{ Action: ["x"], Resource: "r" }, { Action: "z" }] }));
});
