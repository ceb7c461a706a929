import { expect, test } from "bun:test";
import type { LifecycleRule } from "@aws-sdk/client-s3";
import type { PolicyStatement } from "../aws/policy-read.ts";
import type { BucketUse } from "../names.ts";
import { isForeign } from "./contents.ts";
import { allowRemarks, denyRemarks, lifecycleRemarks } from "./others.ts";

const said = (remarks: readonly { level: string; message: string }[]) =>
  remarks.map(({ level, message }) => `${level}: ${message}`);

test("a lifecycle rule of others that deletes or archives what is ours is shown; one that does not reach it is not", () => {
  const rule = (does: Partial<LifecycleRule>, prefix = ""): LifecycleRule => ({
    ID: "theirs",
    Status: "Enabled",
    Filter: { Prefix: prefix },
    ...does,
  });
  const seen = (use: BucketUse, ...rules: LifecycleRule[]) => said(lifecycleRemarks(use, "b", rules));
  const days = (Days: number) => ({ Expiration: { Days } });
  const theirs = 'lifecycle rule "theirs", which is not ours,';
  expect(seen("metadata", rule(days(30)))).toEqual([
    `warning: ${theirs} deletes all objects after 30 d: tables lose their files`,
  ]);
  expect(seen("metadata", rule(days(30), "unity-catalog/__tables"))).toHaveLength(1);
  expect(seen("metadata", rule(days(30), "uni"))).toHaveLength(1);
  expect(seen("checkpoints", rule(days(400), "raw/"))).toEqual([
    `warning: ${theirs} deletes objects below raw/ after 400 d: streams lose their state`,
  ]);
  expect(seen("raw", rule(days(90)))).toEqual([`note: ${theirs} deletes all objects after 90 d`]);
  expect(seen("raw", rule(days(7), "date=2026"))).toEqual([
    `warning: ${theirs} deletes objects below date=2026 after 7 d`,
  ]);
  expect(seen("raw", rule({ Expiration: { Date: new Date("2027-01-01") } }))).toEqual([
    `warning: ${theirs} deletes all objects on 2027-01-01`,
  ]);
  expect(seen("validated", rule({ Transitions: [{ Days: 0, StorageClass: "DEEP_ARCHIVE" }] }))).toEqual([
    `warning: ${theirs} moves all objects to DEEP_ARCHIVE after 0 d, where nothing can read them`,
  ]);
  // Neither of these touches an object that the agent or a table has.
  expect(
    seen(
      "metadata",
      rule(days(1), "archive/"),
      rule({ ...days(1), Status: "Disabled" }),
      rule({ ...days(1), Filter: { Tag: { Key: "temporary", Value: "1" } } }),
      rule({ ...days(1), Filter: { And: { Prefix: "", Tags: [{ Key: "temporary", Value: "1" }] } } }),
      rule({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } }),
      rule({ Expiration: { ExpiredObjectDeleteMarker: true } }),
      rule({ Transitions: [{ Days: 30, StorageClass: "STANDARD_IA" }] }),
      rule({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }),
    ),
  ).toEqual([]);
});

test("who else is let into a bucket is shown: another account, or anyone; our own account and services are not", () => {
  const seen = (...statements: Partial<PolicyStatement>[]) => {
    const Statement = statements.map((one) => ({
      Effect: "Allow" as const,
      Action: "s3:GetObject",
      Resource: "*",
      ...one,
    }));
    return said(allowRemarks({ bucket: "b", accountId: "123456789012" }, { Statement }));
  };
  const theirs = "bucket policy: a statement, which is not ours, lets";
  expect(seen({ Principal: { AWS: "arn:aws:iam::999999999999:root" } })).toEqual([
    `warning: ${theirs} arn:aws:iam::999999999999:root do s3:GetObject`,
  ]);
  expect(
    seen({ Sid: "Share", Principal: { AWS: ["999999999999", "123456789012"] }, Action: ["s3:Get*", "s3:Put*"] }),
  ).toEqual(["warning: bucket policy: statement Share, which is not ours, lets 999999999999 do s3:Get*, s3:Put*"]);
  expect(seen({ Principal: "*" })).toEqual([`warning: ${theirs} anyone do s3:GetObject`]);
  expect(seen({ Principal: { AWS: "*" }, Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } })).toEqual([
    `note: ${theirs} anyone do s3:GetObject, where aws:PrincipalOrgID says so`,
  ]);
  expect(
    seen(
      { Principal: { AWS: "arn:aws:iam::123456789012:role/audit" } },
      { Principal: { Service: "logging.s3.amazonaws.com" } },
      { Principal: { AWS: "arn:aws:iam::999999999999:root" }, Effect: "Deny" },
    ),
  ).toEqual([]);
});

test("a statement of others that refuses what the edge or Unity Catalog does is shown; what a company always says is not", () => {
  const seen = (more: Partial<PolicyStatement>, use: BucketUse = "raw") => {
    const statement = {
      Sid: "Theirs",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: "*",
      ...more,
    } as const;
    const of = { use, bucket: "acme-raw", parties: ["acme-edge", "acme-unity"] };
    return said(denyRemarks(of, { Version: "2012-10-17", Statement: [statement] }, "AgentWriteOnce"));
  };
  const head = "bucket policy: statement Theirs, which is not ours, denies";
  expect(seen({ Action: "s3:Put*" })).toEqual([`warning: ${head} s3:PutObject`]);
  expect(seen({ Action: "s3:PutObject", Principal: { AWS: "arn:aws:iam::123456789012:user/acme-edge" } })).toHaveLength(
    1,
  );
  expect(seen({ Action: ["s3:getobject"], Resource: "arn:aws:s3:::acme-raw/date=2026*" })).toHaveLength(1);
  expect(seen({ Action: undefined, NotAction: "s3:GetObject" })[0]).toStartWith(
    `warning: ${head} s3:PutObject, s3:Del`,
  );
  expect(seen({ Condition: { NotIpAddress: { "aws:SourceIp": "10.0.0.0/8" } } })).toEqual([
    `note: ${head} s3:PutObject, s3:GetObject, s3:DeleteObject, where aws:SourceIp says so`,
  ]);
  expect(seen({ Condition: { Bool: { "aws:SecureTransport": "false" } } })).toEqual([]);
  expect(seen({ Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } })).toEqual([]);
  expect(seen({ Effect: "Allow" })).toEqual([]);
  expect(seen({ Sid: "AgentWriteOnce" })).toEqual([]);
  expect(seen({ Action: "s3:DeleteBucket" })).toEqual([]);
  expect(seen({ Resource: "arn:aws:s3:::acme-raw/secret/*" })).toEqual([]);
  expect(seen({ Principal: { AWS: "arn:aws:iam::123456789012:user/someone" } })).toEqual([]);
});

test("an object is the agent's by its key; an empty mark of a folder is no one's", () => {
  const own = "date=2026-01-01/hour=00/edge-1/01jh3qkq0000000000000000a1.000000000001-000000000009.9.json.gz";
  const foreign = (use: BucketUse, key: string, bytes = 1) => isForeign(use, { key, bytes });
  expect(foreign("raw", own)).toBe(false);
  // A newer agent's names, and a probe of a verify that was killed.
  expect(foreign("raw", own.replace("hour=00", "hour=all"))).toBe(false);
  expect(foreign("raw", `date=1970-01-01/hour=00/n/_agent-provision-verify-${crypto.randomUUID()}`)).toBe(false);
  expect(
    ["archive/x.json", "date=2026-01-01/hour=00/edge-1/report.json.gz", "x"].map((key) => foreign("raw", key)),
  ).toEqual([true, true, true]);
  expect([foreign("raw", "archive/", 0), foreign("raw", "archive/", 1)]).toEqual([false, true]);
  expect(["raw/offsets/0", "aggregated/x", "other/x"].map((key) => foreign("checkpoints", key))).toEqual([
    false,
    false,
    true,
  ]);
  expect(
    ["nodes/a/heartbeat.json", "unity-catalog/x", "unity-catalog-2/x"].map((key) => foreign("metadata", key)),
  ).toEqual([false, false, true]);
});
