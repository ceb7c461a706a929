/** `validate-storage-credentials`: a 200 that says PASS, FAIL or SKIP for each operation; and the same check when objects are made. */

import { denied } from "../wire/problem.ts";
import { bucketOf } from "../wire/urls.ts";
import type { World } from "../world/world.ts";
import { bucketExists, isEmptyPlace, readRole } from "./aws-account.ts";
import { may, type Role, whyNotAssumable } from "./role-judge.ts";

const OPERATIONS = ["READ", "LIST", "WRITE", "DELETE", "PATH_EXISTS"] as const;
type Operation = (typeof OPERATIONS)[number];
export type ValidationResult = {
  readonly operation: Operation;
  readonly result: "PASS" | "FAIL" | "SKIP";
  readonly message: string;
};
export type Probe = {
  readonly roleArn: string;
  readonly externalId: string;
  readonly url: string;
  readonly readOnly: boolean;
};

/** Counts the ask, and says whether IAM has not spread the role yet. */
export function tooEarly(world: World, roleArn: string): boolean {
  const asks = (world.roleAsks.get(roleArn) ?? 0) + 1;
  world.roleAsks.set(roleArn, asks);
  return asks <= world.settings.validationsThatFailFirst;
}

/** Why the role cannot be used at all, or the role. */
export async function usableRole(
  world: World,
  roleArn: string,
  externalId: string,
  early: boolean,
): Promise<{ readonly role: Role } | { readonly reason: string }> {
  const missing = `Credential has invalid AWS IAM Role: ${roleArn} does not exist or cannot be assumed yet.`;
  if (early) return { reason: missing };
  const role = await readRole(world.settings, roleArn);
  if (role === null) return { reason: missing };
  const reason = whyNotAssumable(role, world.settings.masterRoleArn, externalId);
  return reason === null ? { role } : { reason };
}

export async function resultsOf(world: World, probe: Probe, early: boolean): Promise<readonly ValidationResult[]> {
  const usable = await usableRole(world, probe.roleArn, probe.externalId, early);
  const results: ValidationResult[] = [];
  for (const operation of OPERATIONS) {
    if (probe.readOnly && (operation === "WRITE" || operation === "DELETE")) {
      results.push({ operation, result: "SKIP", message: "The credential or location is read only" });
      continue;
    }
    const reason = "reason" in usable ? usable.reason : await whyNot(world, usable.role, operation, probe);
    results.push({ operation, result: reason === null ? "PASS" : "FAIL", message: reason ?? "" });
  }
  return results;
}

/** In the words that people report. */
const NOTHING_TO_READ = "No file available under the location to read.";

async function whyNot(world: World, role: Role, operation: Operation, probe: Probe): Promise<string | null> {
  const { url } = probe;
  const { bucket, prefix } = bucketOf(url);
  const partition = role.arn.split(":")[1]!;
  const objects = `arn:${partition}:s3:::${bucket}/${prefix === "" ? "" : `${prefix}/`}_probe`;
  const onBucket = `arn:${partition}:s3:::${bucket}`;
  const needs: Record<Operation, readonly [action: string, resource: string][]> = {
    READ: [["s3:GetObject", objects]],
    LIST: [["s3:ListBucket", onBucket]],
    WRITE: [["s3:PutObject", objects]],
    DELETE: [["s3:DeleteObject", objects]],
    PATH_EXISTS: [
      ["s3:ListBucket", onBucket],
      ["s3:GetBucketLocation", onBucket],
    ],
  };
  const refused = needs[operation].find(([action, resource]) => !may(role, action, resource));
  if (refused !== undefined) {
    return `AWS IAM role does not have ${operation} permissions on url ${url}: ${refused[0]} is denied. Please contact your account admin to update the storage credential.`;
  }
  if (!(await bucketExists(world.settings, bucket))) return `The bucket of ${url} does not exist.`;
  const onlyReads = operation === "READ" && probe.readOnly && world.settings.emptyPlacesFailToRead;
  return onlyReads && (await isEmptyPlace(world.settings, bucket, prefix)) ? NOTHING_TO_READ : null;
}

/** What a create or an update without skip_validation does. Throws PERMISSION_DENIED with the first reason. */
export async function demandAccess(world: World, probe: Probe, early: boolean): Promise<void> {
  const failed = (await resultsOf(world, probe, early)).find(({ result }) => result === "FAIL");
  if (failed === undefined) return;
  // The text that people report (terraform-provider-databricks issues 3069, 3843); its status and code are not documented.
  const text = `AWS IAM role does not have ${failed.operation} permissions on url ${probe.url}. Please contact your account admin to update the storage credential.`;
  throw denied(
    failed.message === "" || failed.message.startsWith(text.slice(0, 24)) ? text : `${text} ${failed.message}`,
  );
}

/** Whether the role has what managed file events need (terraform-provider-databricks aws/data_aws_unity_catalog_policy.go). */
export async function mayManageFileEvents(world: World, roleArn: string, url: string): Promise<boolean> {
  const role = await readRole(world.settings, roleArn);
  if (role === null) return false;
  const [, partition, , , account] = roleArn.split(":");
  return (
    may(role, "s3:PutBucketNotification", `arn:${partition}:s3:::${bucketOf(url).bucket}`) &&
    may(role, "sns:CreateTopic", `arn:${partition}:sns:${world.settings.region}:${account}:csms-probe`) &&
    may(role, "sqs:CreateQueue", `arn:${partition}:sqs:${world.settings.region}:${account}:csms-probe`)
  );
}
