/** What others have set on our buckets and does harm: lifecycle rules that delete what is ours, and statements that refuse it. */
import type { LifecycleRule } from "@aws-sdk/client-s3";
import { STAGES } from "../../core/stage.ts";
import { NODES_PREFIX } from "../../fleet/heartbeat.ts";
import { matches, stringsIn } from "../aws/policy-json.ts";
import { type PolicyStatement, statementsOf } from "../aws/policy-read.ts";
import { type BucketUse, checkpointPrefix, MANAGED_PREFIX } from "../names.ts";
import type { ResourceRemark } from "../resource.ts";
import type { BucketActual } from "./bucket-read.ts";

/** Auto Loader with file events must run at least that often; an object that goes sooner may not have been loaded. */
const LOADED_WITHIN_DAYS = 7;
/** Objects of these classes are not read without a restore, which takes hours. */
const ARCHIVES = new Set(["GLACIER", "DEEP_ARCHIVE"]);
/** Only about the connection, and ours is encrypted: no harm, and the rule of many companies. */
const ABOUT_TRANSPORT = new Set(["aws:securetransport", "s3:tlsversion"]);
/** What the edge and Unity Catalog do in a bucket. */
const ACTIONS = [
  ...["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketLocation"],
  ...["s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
];

/** How the keys begin that are in a bucket of this use. */
function prefixesOf(use: BucketUse): readonly string[] {
  if (use === "checkpoints") return STAGES.map(checkpointPrefix);
  if (use === "metadata") return [`${MANAGED_PREFIX}/`, NODES_PREFIX];
  return ["date="];
}

/** Whether an object of ours may have a key that begins so. */
function reaches(use: BucketUse, prefix: string): boolean {
  return prefixesOf(use).some((own) => own.startsWith(prefix) || prefix.startsWith(own));
}

export function lifecycleRemarks(use: BucketUse, bucket: string, theirs: readonly LifecycleRule[]): ResourceRemark[] {
  return theirs.flatMap((rule): ResourceRemark[] => {
    const prefix = rule.Filter?.And?.Prefix ?? rule.Filter?.Prefix ?? rule.Prefix ?? "";
    // Our objects have no tags.
    const hasTag = rule.Filter?.Tag !== undefined || (rule.Filter?.And?.Tags ?? []).length > 0;
    const does = harmOf(rule);
    if (rule.Status !== "Enabled" || hasTag || does === null || !reaches(use, prefix)) return [];
    const isStage = (STAGES as readonly string[]).includes(use);
    const isLate = isStage && does.days !== null && does.days > LOADED_WITHIN_DAYS;
    const where = prefix === "" ? "all objects" : `objects below ${prefix}`;
    const what = isStage ? "" : use === "metadata" ? ": tables lose their files" : ": streams lose their state";
    return [
      {
        level: isLate ? "note" : "warning",
        message: `lifecycle rule ${JSON.stringify(rule.ID ?? "without an id")}, which is not ours, ${does.text(where)}${what}`,
        advice: isLate
          ? null
          : "apply leaves it; if it is not wanted, delete it in the console or with put-bucket-lifecycle-configuration",
        try: isLate ? null : `aws s3api get-bucket-lifecycle-configuration --bucket ${bucket}`,
      },
    ];
  });
}

type Harm = { readonly days: number | null; readonly text: (where: string) => string };

function harmOf({ Expiration, Transitions = [] }: LifecycleRule): Harm | null {
  const { Days, Date: date } = Expiration ?? {};
  if (Days !== undefined) return { days: Days, text: (where) => `deletes ${where} after ${Days} d` };
  if (date !== undefined) {
    return { days: null, text: (where) => `deletes ${where} on ${date.toISOString().slice(0, 10)}` };
  }
  const archive = Transitions.find(({ StorageClass = "" }) => ARCHIVES.has(StorageClass));
  if (archive === undefined) return null;
  const when = archive.Days === undefined ? "on a date" : `after ${archive.Days} d`;
  const text = (where: string) => `moves ${where} to ${archive.StorageClass} ${when}, where nothing can read them`;
  return { days: archive.Days ?? null, text };
}

/** `parties`: names of our user and roles. */
export function denyRemarks(
  { use, bucket, parties }: { readonly use: BucketUse; readonly bucket: string; readonly parties: readonly string[] },
  policy: BucketActual["policy"],
  ownSid: string,
): ResourceRemark[] {
  return statementsOf(policy)
    .filter((one) => one.Effect === "Deny" && one.Sid !== ownSid)
    .flatMap((statement): ResourceRemark[] => {
      const actions = actionsIn(statement);
      const conditions = Object.values(statement.Condition ?? {}).flatMap((one) => Object.keys(one));
      const isHarmless = conditions.length > 0 && conditions.every((key) => ABOUT_TRANSPORT.has(key.toLowerCase()));
      if (actions.length === 0 || isHarmless) return [];
      if (!concerns(statement, parties) || !resourcesOf(statement, bucket).some((prefix) => reaches(use, prefix))) {
        return [];
      }
      const name = statement.Sid === undefined ? "a statement" : `statement ${statement.Sid}`;
      const when = conditions.length === 0 ? "" : `, where ${[...new Set(conditions)].join(", ")} says so`;
      return [
        {
          level: conditions.length === 0 ? "warning" : "note",
          message: `bucket policy: ${name}, which is not ours, denies ${actions.slice(0, 3).join(", ")}${when}`,
          advice: conditions.length === 0 ? "apply leaves it; while it is there, nothing is delivered or loaded" : null,
          try: conditions.length === 0 ? `aws s3api get-bucket-policy --bucket ${bucket}` : null,
        },
      ];
    });
}

/** Who else may read or write there: others than our account and the services of AWS. */
export function allowRemarks(
  { bucket, accountId }: { readonly bucket: string; readonly accountId: string },
  policy: BucketActual["policy"],
): ResourceRemark[] {
  return statementsOf(policy).flatMap((statement): ResourceRemark[] => {
    const strangers = stringsIn(statement.Principal).filter(
      (one) => !/\.amazonaws\.com(\.cn)?$/.test(one) && one !== accountId && !one.includes(`::${accountId}:`),
    );
    if (statement.Effect !== "Allow" || strangers.length === 0) return [];
    const notNamed = stringsIn(statement["NotAction"]);
    const actions = notNamed.length > 0 ? `everything but ${notNamed.join(", ")}` : shortList(statement["Action"]);
    const conditions = Object.values(statement.Condition ?? {}).flatMap((one) => Object.keys(one));
    const when = conditions.length === 0 ? "" : `, where ${[...new Set(conditions)].join(", ")} says so`;
    const name = statement.Sid === undefined ? "a statement" : `statement ${statement.Sid}`;
    const who = strangers.includes("*") ? "anyone" : shortList(strangers);
    return [
      {
        level: conditions.length === 0 ? "warning" : "note",
        message: `bucket policy: ${name}, which is not ours, lets ${who} do ${actions}${when}`,
        advice: conditions.length === 0 ? "apply leaves it; if it is not wanted, delete it by hand" : null,
        try: conditions.length === 0 ? `aws s3api get-bucket-policy --bucket ${bucket}` : null,
      },
    ];
  });
}

function shortList(value: unknown): string {
  const all = stringsIn(value);
  return `${all.slice(0, 3).join(", ")}${all.length > 3 ? ", …" : ""}`;
}

/** Those of ours that a statement names, by itself or by a pattern. With NotAction: those that it does not name. */
function actionsIn(statement: PolicyStatement): string[] {
  const [named, notNamed] = [stringsIn(statement["Action"]), stringsIn(statement["NotAction"])];
  const among = (patterns: readonly string[], action: string) => patterns.some((one) => matches(one, action));
  if (notNamed.length > 0) return ACTIONS.filter((action) => !among(notNamed, action));
  return ACTIONS.filter((action) => among(named, action));
}

function concerns(statement: PolicyStatement, parties: readonly string[]): boolean {
  const named = stringsIn(statement.Principal);
  // NotPrincipal: everyone but those.
  if (named.length === 0) return true;
  return named.some(
    (one) => one === "*" || one.endsWith(":root") || parties.some((party) => one.endsWith(`/${party}`)),
  );
}

/** How the keys begin that a statement is about; of the bucket itself: all. */
function resourcesOf(statement: PolicyStatement, bucket: string): string[] {
  const resources = stringsIn(statement.Resource);
  if (resources.length === 0) return [""];
  return resources.map((arn) => {
    const [, key = ""] = arn.split(`:${bucket}/`);
    return key.split(/[*?]/)[0] ?? "";
  });
}
