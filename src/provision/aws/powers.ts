/** What a policy of others gives to our user or role, or takes from it, compared with our own policy. Decided purely. */
import { BUCKET_USES, bucketName, type Naming } from "../names.ts";
import { matches, type Policy, stringsIn } from "./policy-json.ts";
import { type PolicyDocument, type PolicyStatement, statementsOf } from "./policy-read.ts";

export type Powers = {
  /** `warning`: it allows more than our policy, or refuses without a condition what that allows. */
  readonly level: "note" | "warning";
  /** `allows s3:* on our buckets; denies iam:*` */
  readonly text: string;
};

/** Actions that one message names. */
const NAMED = 4;

export function powersOf(policy: PolicyDocument, own: Policy, naming: Naming): Powers {
  const all = statementsOf(policy);
  const allows = all.filter((one) => one.Effect === "Allow");
  const beyond = allows.filter((one) => !isCovered(one, own));
  const denials = all.filter((one) => one.Effect === "Deny").map((one) => denialOf(one, own));
  const texts = [
    ...(beyond.length > 0 ? [allowedText(beyond, naming)] : []),
    ...denials.map(({ text }) => text),
    ...(beyond.length === 0 && (allows.length > 0 || denials.length === 0) ? ["allows nothing beyond ours"] : []),
  ];
  const isWarning = beyond.length > 0 || denials.some(({ refusesOurs }) => refusesOurs);
  return { level: isWarning ? "warning" : "note", text: [...new Set(texts)].join("; ") };
}

/** Every action on every resource is in one statement of ours. A condition of theirs only makes it less. */
function isCovered(statement: PolicyStatement, own: Policy): boolean {
  const [actions, resources] = [stringsIn(statement["Action"]), stringsIn(statement.Resource)];
  if (actions.length === 0 || resources.length === 0) return false;
  return actions.every((action) =>
    resources.every((resource) =>
      own.Statement.some(
        (one) =>
          one.Effect === "Allow" &&
          stringsIn(one["Action"]).some((pattern) => matches(pattern, action)) &&
          stringsIn(one.Resource).some((pattern) => matches(pattern, resource)),
      ),
    ),
  );
}

function allowedText(statements: readonly PolicyStatement[], naming: Naming): string {
  const wide = statements.filter((one) => one.Resource === undefined || stringsIn(one.Resource).includes("*"));
  if (wide.some((one) => stringsIn(one["Action"]).some((action) => /^\*(:\*)?$/.test(action)))) {
    return "allows everything, as an administrator";
  }
  const [onBuckets, elsewhere] = [new Set<string>(), new Set<string>()];
  for (const statement of statements) {
    const isOnBuckets = reachesBuckets(statement, naming);
    for (const action of wordsFor(statement)) {
      const isOfS3 = isOnBuckets && matches(action.split(":")[0] ?? "", "s3");
      (isOfS3 ? onBuckets : elsewhere).add(action);
    }
  }
  const parts = [
    ...(onBuckets.size > 0 ? [`${listed(onBuckets)} on our buckets`] : []),
    ...(elsewhere.size > 0 ? [listed(elsewhere)] : []),
  ];
  return `allows ${parts.join(", and ")}`;
}

function denialOf(statement: PolicyStatement, own: Policy): { readonly text: string; readonly refusesOurs: boolean } {
  const conditions = Object.values(statement.Condition ?? {}).flatMap((one) => Object.keys(one));
  const hitsOurs = own.Statement.some(
    (one) =>
      stringsIn(one["Action"]).some((action) => isNamed(statement, action)) &&
      stringsIn(one.Resource).some((resource) => isAbout(statement, resource)),
  );
  const refusesOurs = hitsOurs && conditions.length === 0;
  const when = conditions.length === 0 ? "" : ` where ${[...new Set(conditions)].join(", ")} says so`;
  const text = `denies ${listed(new Set(wordsFor(statement)))}${when}${refusesOurs ? ", which our policy allows" : ""}`;
  return { text, refusesOurs };
}

function wordsFor(statement: PolicyStatement): readonly string[] {
  const notNamed = stringsIn(statement["NotAction"]);
  return notNamed.length > 0 ? [`everything but ${notNamed.join(", ")}`] : stringsIn(statement["Action"]);
}

function isNamed(statement: PolicyStatement, action: string): boolean {
  const notNamed = stringsIn(statement["NotAction"]);
  if (notNamed.length > 0) return !notNamed.some((pattern) => matches(pattern, action));
  return stringsIn(statement["Action"]).some((pattern) => matches(pattern, action));
}

/** Whether it is about something of what `resource`, a pattern of ours, names. Without a resource (NotResource): perhaps. */
function isAbout(statement: PolicyStatement, resource: string): boolean {
  const theirs = stringsIn(statement.Resource);
  const begin = (pattern: string) => pattern.split(/[*?]/)[0] ?? "";
  return (
    theirs.length === 0 ||
    theirs.some((one) => begin(resource).startsWith(begin(one)) || begin(one).startsWith(begin(resource)))
  );
}

function reachesBuckets({ Resource }: PolicyStatement, naming: Naming): boolean {
  const resources = stringsIn(Resource);
  const names = BUCKET_USES.map((use) => bucketName(use, naming));
  return (
    resources.length === 0 ||
    resources.some((resource) => {
      const bucket = resource.split(":::").at(-1)?.split("/")[0] ?? "";
      return names.some((name) => matches(bucket, name));
    })
  );
}

function listed(actions: ReadonlySet<string>): string {
  const unique = [...actions];
  return `${unique.slice(0, NAMED).join(", ")}${unique.length > NAMED ? ", …" : ""}`;
}
