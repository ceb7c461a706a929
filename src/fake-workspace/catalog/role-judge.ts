/**
 * What an IAM role lets Unity Catalog do: its trust policy and permission policies, evaluated as AWS documents it.
 * The two documented forms of self-assumption both pass: the role's own ARN as principal (docs.databricks.com, external
 * locations on S3), or the account's root with ArnLike aws:PrincipalArn (terraform-provider-databricks).
 */

export type Role = {
  readonly arn: string;
  /** Policy documents, parsed. */
  readonly trust: unknown;
  readonly policies: readonly unknown[];
};
type Statement = Readonly<Record<string, unknown>>;
type Context = Readonly<Record<string, string>>;

/** Why Unity Catalog cannot become this role, or null when it can. */
export function whyNotAssumable(role: Role, masterArn: string, externalId: string): string | null {
  const trusts = (who: string, id: string) => {
    const context = { "sts:externalid": id, "aws:principalarn": who };
    return allowed([role.trust], { action: "sts:AssumeRole", resource: null, context, who });
  };
  if (!trusts(masterArn, externalId)) {
    return "Credential has invalid AWS IAM Role: the Unity Catalog role is not authorized to perform sts:AssumeRole on it with this external ID.";
  }
  // The confused deputy: a trust policy without the condition lets every customer of Databricks in.
  if (trusts(masterArn, `not-${externalId}`)) {
    return "Credential has invalid AWS IAM Role: its trust policy does not demand the external ID.";
  }
  if (!trusts(role.arn, externalId) || !may(role, "sts:AssumeRole", role.arn)) {
    return "The IAM role for this storage credential was found to be non self-assuming. Please check your role's trust and IAM policies to ensure that your IAM role can assume itself according to the Unity Catalog storage credential documentation.";
  }
  return null;
}

/** Whether its permission policies allow the action on the resource. */
export function may(role: Role, action: string, resource: string): boolean {
  return allowed(role.policies, { action, resource, context: { "aws:principalarn": role.arn }, who: null });
}

/** `resource` is null for trust policies, which name none; `who` for permission policies, which name no principal. */
type Request = {
  readonly action: string;
  readonly resource: string | null;
  readonly context: Context;
  readonly who: string | null;
};

/** An Allow and no Deny. */
function allowed(documents: readonly unknown[], { action, resource, context, who }: Request): boolean {
  const matching = documents
    .flatMap(statementsOf)
    .filter(
      (one) =>
        namesAction(one, action) &&
        (resource === null || namesResource(one, resource)) &&
        (who === null || namesPrincipal(one["Principal"], who)) &&
        conditionHolds(one["Condition"], context),
    );
  return matching.some((one) => one["Effect"] === "Allow") && !matching.some((one) => one["Effect"] === "Deny");
}

function statementsOf(document: unknown): readonly Statement[] {
  if (typeof document !== "object" || document === null || !("Statement" in document)) return [];
  const { Statement } = document;
  return (Array.isArray(Statement) ? Statement : [Statement]) as Statement[];
}

function namesAction(one: Statement, action: string): boolean {
  const like = (pattern: string) => isLike(pattern.toLowerCase(), action.toLowerCase());
  if ("NotAction" in one) return !textsOf(one["NotAction"]).some(like);
  return textsOf(one["Action"]).some(like);
}

function namesResource(one: Statement, resource: string): boolean {
  if ("NotResource" in one) return !textsOf(one["NotResource"]).some((pattern) => isLike(pattern, resource));
  return textsOf(one["Resource"]).some((pattern) => isLike(pattern, resource));
}

/** `*`, the ARN itself, or its account (as a number or as `:root`), which stands for all its principals. */
function namesPrincipal(principal: unknown, who: string): boolean {
  if (principal === "*") return true;
  if (typeof principal !== "object" || principal === null || !("AWS" in principal)) return false;
  const account = who.split(":")[4]!;
  const partition = who.split(":")[1]!;
  const names = ["*", who, account, `arn:${partition}:iam::${account}:root`];
  return textsOf(principal.AWS).some((one) => names.includes(one));
}

const OPERATORS: Readonly<Record<string, (wanted: string, is: string) => boolean>> = {
  StringEquals: (wanted, is) => wanted === is,
  StringEqualsIgnoreCase: (wanted, is) => wanted.toLowerCase() === is.toLowerCase(),
  StringLike: isLike,
  ArnEquals: isLike,
  ArnLike: isLike,
};

/** Every operator and key has to hold. An operator or a key that is not known here does not hold: nothing is let through by default. */
function conditionHolds(condition: unknown, context: Context): boolean {
  if (condition === undefined) return true;
  return Object.entries(condition as Record<string, Record<string, unknown>>).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => {
      const holds = OPERATORS[operator];
      const is = context[key.toLowerCase()];
      return holds !== undefined && is !== undefined && textsOf(wanted).some((one) => holds(one, is));
    }),
  );
}

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value : [value]).map(String);

function isLike(pattern: string, text: string): boolean {
  const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "s").test(text);
}
