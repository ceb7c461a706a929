/**
 * The reason in an AWS refusal. A permission that is missing can be given; an explicit deny, and the limit of a boundary or an
 * organization, must be changed where they are: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */

/** The call that was refused, as AWS names it, or as we know it. */
export type RefusedCall = { readonly action: string; readonly on: string };

export type Denial = {
  /** What would have to be there: `s3:PutObject on arn:…`, where it is not a plain permission with the kind of policy. */
  readonly missing: string;
  /** Why, as a sentence without its subject's end: `a service control policy denies s3:PutObject on arn:…`. */
  readonly because: string;
  /** Who can change it; null: an ordinary permission is missing. */
  readonly advice: string | null;
};

const REFUSAL =
  /not authorized to perform: ([\w-]+:\w+)(?: on resource: "?([^"\s]+)"?| on this resource)?(?: because the resource .*| (with an explicit deny in|because no) (?:an? |the )?([\w -]+?)(?: allows\b.*|:.*|\.)?)?$/s;

const OWNERS: Readonly<Record<string, string>> = {
  "service control policy": "An admin of the AWS organization can change the service control policy",
  "resource control policy": "An admin of the AWS organization can change the resource control policy",
  "permissions boundary":
    "The boundary limits what any policy of this identity can allow: an admin of IAM can change it",
  "session policy": "The session was opened with less than its role has: open another one",
  "VPC endpoint policy": "The owner of the VPC endpoint can change its policy",
  "resource-based policy": "The owner of the bucket, key or role can change its own policy",
};
/** Of a call that S3 made for us; it does not say on which key. */
const KEY = "the KMS key that encrypts the bucket";
const OTHER_OWNER = "No further permission repairs this: who wrote that policy can change it";

/** `call`: what is named where AWS does not say it, as S3 often does not. */
export function denialIn(message: string, call: RefusedCall): Denial {
  const [, action = call.action, named, how, policy = ""] = REFUSAL.exec(message.trim()) ?? [];
  const resource = named ?? (action.startsWith("kms:") ? KEY : call.on);
  const what = `${action} on ${resource}`;
  const kind = policy.replace(/s$/, "");
  if (how === "with an explicit deny in") {
    return {
      missing: `an exception from the explicit deny of ${what} in ${withArticle(kind)}`,
      because: `${withArticle(kind)} denies ${what}`,
      advice: OWNERS[kind] ?? OTHER_OWNER,
    };
  }
  // The plain case: no policy of the identity, or of the bucket, gives the permission.
  const owner = kind === "resource-based policy" ? undefined : OWNERS[kind];
  if (owner === undefined) return { missing: what, because: `${what} is missing`, advice: null };
  return { missing: `${what} in ${withArticle(kind)}`, because: `no ${kind} allows ${what}`, advice: owner };
}

const withArticle = (kind: string) => `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
